package crf

import (
	"unicode"
	"unicode/utf8"
)

// Labels of tokens, in the order of the weights: outside, then begin and inside of each kind.
const (
	Outside = iota
	BeginPerson
	InsidePerson
	BeginLocation
	InsideLocation
	BeginOrganisation
	InsideOrganisation
	Labels
)

// Shape is the coarse form of a token.
type Shape uint8

// The shapes.
const (
	sNone Shape = iota // beyond the text
	sLower
	sTitle
	sUpper
	sInitial // one capital
	sMixed   // iPhone, McDonald
	sAlnum
	sDigits
	sPunct
	sBreak
	sJunk
	sIdeograph
	sCaseless // letters of a script without case
)

// Radius is how many tokens on either side a word's features reach.
const Radius = 2

// wordForm is what joint features use of one token.
type wordForm struct {
	lower   uint64 // hash of the folded word
	shape   Shape
	gaz     uint32 // the lexicon's name and word bits
	gazCase uint32 // gaz and shape
	static  uint32
	sent    uint32
	phrase  bool // a known place of several words begins with it
	title   bool // Dr, Frau, Sra: never part of a person's name
}

// titles are forms of address, by the hash of their folded form.
var titles = func() map[uint64]bool {
	m := map[uint64]bool{}
	for _, t := range []string{
		"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "doctor", "sir", "madam", "mister", "herr", "herrn", "frau", "dipl",
		"monsieur", "madame", "mme", "mlle", "mademoiselle", "maitre", "sr", "sra", "srta", "senor", "senora", "senorita", "dona", "sig", "signor", "signora",
		"signorina", "dott", "dottor", "dottoressa", "ing", "senhor", "senhora", "dhr", "mevr", "mevrouw", "meneer", "pan", "pani", "panu", "fru", "hr", "shri", "smt", "mgr", "rev", "reverend", "hon",
	} {
		m[FoldHash(t)] = true
	}
	return m
}()

// folds maps Latin letters with marks to their base, in runs of "base: letters".
var folds = func() map[rune]string {
	m := map[rune]string{'ß': "ss", 'æ': "ae", 'œ': "oe", 'þ': "th", '’': "'"}
	for base, letters := range map[string]string{
		"a": "àáâãäåāăąǎạảấầẩẫậắằẳẵặ", "c": "çćĉċč", "d": "ďđð", "e": "èéêëēĕėęěẹẻẽếềểễệ", "g": "ĝğġģ", "h": "ĥħ",
		"i": "ìíîïĩīĭįıỉị", "j": "ĵ", "k": "ķ", "l": "ĺļľŀł", "n": "ñńņňŉ", "o": "òóôõöøōŏőơọỏốồổỗộớờởỡợ", "r": "ŕŗř",
		"s": "śŝşšș", "t": "ţťŧț", "u": "ùúûüũūŭůűųưụủứừửữự", "w": "ŵ", "y": "ýÿŷỳỵỷỹ", "z": "źżž",
	} {
		for _, r := range letters {
			m[r] = base
		}
	}
	return m
}()

// fold appends word in lower case, without marks and invisible runes.
func fold(dst []byte, word string) []byte {
	for i := 0; i < len(word); {
		c := word[i]
		if c < utf8.RuneSelf {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, width := utf8.DecodeRuneInString(word[i:])
		i += width
		if invisible(r) || unicode.IsMark(r) {
			continue
		}
		r = unicode.ToLower(r)
		if s, ok := folds[r]; ok {
			dst = append(dst, s...)
			continue
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

func hashBytes(b []byte) uint64 {
	h := uint64(len(b)) * 0x94D049BB133111EB
	for len(b) >= 8 {
		v := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		h = mix(h, v)
		b = b[8:]
	}
	var v uint64
	for i := range len(b) {
		v |= uint64(b[i]) << (8 * i)
	}
	return mix(h, v)
}

// shapeOf gives a word's coarse form and a hash of its finer one (runs of letters by case, digits, marks).
func shapeOf(word string) (Shape, uint64) {
	var upper, lower, digits, caseless, ideographs, n int
	first := false
	fine, last := uint64(7), byte(0)
	for i, r := range word {
		if invisible(r) || unicode.IsMark(r) {
			continue
		}
		var k byte
		switch {
		case unicode.IsUpper(r):
			k = 'A'
			upper++
			first = first || i == 0
		case unicode.IsLower(r):
			k = 'a'
			lower++
		case unicode.IsDigit(r):
			k = '0'
			digits++
		case ideograph(r):
			k = 'i'
			ideographs++
		case unicode.IsLetter(r):
			k = 'c'
			caseless++
		default:
			k = byte(r) //nolint:gosec // G115: the low byte tells marks apart
		}
		n++
		if k != last {
			fine = mix(fine, uint64(k))
			last = k
		}
	}
	switch {
	case ideographs > 0:
		return sIdeograph, fine
	case digits == n:
		return sDigits, mix(fine, uint64(min(n, 6)))
	case digits > 0:
		return sAlnum, fine
	case caseless > 0:
		return sCaseless, fine
	case upper == 1 && n == 1:
		return sInitial, fine
	case upper > 0 && lower == 0:
		return sUpper, fine
	case upper == 0:
		return sLower, fine
	case first && upper == 1:
		return sTitle, fine
	}
	return sMixed, fine
}

// Features of a word fall in two groups: of itself only, and of itself as seen
// from each position within Radius. Both are hashes; an absent one is 0.
type wordFeatures struct {
	own   []uint64
	shift []uint64 // to be combined with the distance
}

// describe fills form and features for a token. Buffers are reused.
func (l *Lexicon) describe(text string, t Token, f *wordFeatures) wordForm {
	f.own, f.shift = f.own[:0], f.shift[:0]
	switch t.Class {
	case Break, Junk, URL:
		form := wordForm{lower: t.Hash, shape: sJunk}
		if t.Class == Break {
			form.shape = sBreak
		}
		form.gazCase = uint32(form.shape) << 10
		f.shift = append(f.shift, feature(1, form.lower))
		return form
	case Word, Number, Punct:
	}
	word := text[t.Start:t.End]
	var buf [4 * maxWordBytes]byte
	folded := fold(buf[:0], word)
	var form wordForm
	var fine uint64
	form.lower = hashBytes(folded)
	if t.Class == Punct {
		form.shape = sPunct
	} else {
		form.shape, fine = shapeOf(word)
	}
	if t.Class == Number {
		form.lower = mix(classHash(Number), uint64(min(len(word), 6)))
	}
	entry := l.Lookup(form.lower)
	if entry&gazMask == 0 && t.Class == Word {
		entry = l.parts(folded, entry)
	}
	form.gaz = uint32(entry & gazMask)
	form.gazCase = form.gaz | uint32(form.shape)<<10
	form.static = uint32(entry >> staticShift & 511)
	form.sent = uint32(entry >> sentenceShift & 1023)
	form.phrase = entry>>phraseShift&1 != 0
	n := len(folded)
	form.title = titles[form.lower]

	f.shift = append(
		f.shift,
		feature(1, form.lower),
		feature(2, uint64(form.gazCase)),
		feature(3, uint64(form.static)<<8|uint64(form.shape)),
		feature(4, uint64(form.sent)),
		feature(5, fine),
		feature(6, hashBytes(folded[max(0, n-3):])),
		feature(7, uint64(form.gaz)),
	)
	f.own = append(f.own, feature(20, t.Hash), feature(21, mix(form.lower, uint64(form.shape))),
		feature(22, uint64(form.sent)<<8|uint64(form.shape)), feature(23, uint64(form.static)<<10|uint64(form.gaz)),
		feature(24, uint64(form.sent)<<10|uint64(form.gaz)), feature(25, uint64(form.static)))
	if t.Class != Word {
		return form
	}
	for k := 1; k <= 5 && k < n; k++ {
		f.own = append(
			f.own,
			feature(30+uint64(k), hashBytes(folded[:k])),
			feature(40+uint64(k), hashBytes(folded[n-k:])),
		)
		if k == 2 || k == 3 {
			f.own = append(f.own, feature(50+uint64(k), mix(hashBytes(folded[n-k:]), uint64(form.shape))))
		}
	}
	for i := 1; i+3 < n && i < 12; i++ {
		f.own = append(f.own, feature(60, hashBytes(folded[i:i+3])))
	}
	f.own = append(f.own, feature(61, uint64(min(n, 12))<<8|uint64(form.shape)))
	return form
}

// parts looks the parts of a hyphenated word up, and joins what is known of them.
func (l *Lexicon) parts(folded []byte, entry Entry) Entry {
	start := 0
	for i := range len(folded) + 1 {
		if i < len(folded) && folded[i] != '-' {
			continue
		}
		if i-start > 1 && i-start < len(folded) {
			entry |= l.Lookup(hashBytes(folded[start:i])) & gazMask
		}
		start = i + 1
	}
	return entry
}

// feature makes the hash of a feature from its template and value; never 0.
func feature(template, value uint64) uint64 { return mix(template*0xA24BAED4963EE407, value) | 1<<63 }

// shifted is a word's feature as seen from d tokens before it.
func shifted(f uint64, d int) uint64 { return mix(f, uint64(d+Radius+1)) } //nolint:gosec // G115: never negative

// Window is a token with the reach of its joint features: three on either side.
type window struct {
	form     [2*lookahead + 1]*wordForm // the token itself in the middle
	adjacent [2]bool                    // it touches its left neighbour; its right one touches it
}

// lookahead is how many later tokens a token's score may depend on.
const lookahead = 3

// jointFeatures is how many features join writes.
const jointFeatures = 18

// join writes the features that combine several tokens.
func (l *Lexicon) join(w *window, out *[jointFeatures]uint64) {
	a2, a1, c, b1, b2 := w.form[1], w.form[2], w.form[3], w.form[4], w.form[5]
	shapes := uint64(a1.shape)<<8 | uint64(c.shape)<<4 | uint64(b1.shape)
	gc := uint64(c.gazCase)
	coarse := uint64(c.shape)<<2 | gazCoarse(c.gaz)
	out[0] = feature(100, shapes<<2|w.glue())
	out[1] = feature(101, shapes<<8|uint64(a2.shape)<<4|uint64(b2.shape))
	out[2] = feature(102, mix(a1.lower, c.lower))
	out[3] = feature(103, mix(c.lower, b1.lower))
	out[4] = feature(104, mix(a1.lower, gc))
	out[5] = feature(105, mix(b1.lower, gc))
	out[6] = feature(106, mix(uint64(a1.gazCase)<<32|gc, uint64(b1.gazCase)))
	out[7] = feature(107, uint64(a1.static)<<32|uint64(c.static)<<8|uint64(c.shape))
	out[8] = feature(108, uint64(b1.static)<<32|uint64(c.static)<<8|uint64(c.shape))
	out[9] = feature(109, mix(mix(a2.lower, a1.lower), coarse))
	out[10] = feature(110, mix(mix(b1.lower, b2.lower), coarse))
	out[11] = feature(111, mix(uint64(a1.static)<<32|uint64(b1.static), coarse))
	out[12] = feature(112, mix(uint64(a1.sent), gc))
	out[13] = feature(113, mix(uint64(b1.sent), gc))
	out[14] = feature(114, uint64(a1.gazCase)<<32|gc)
	out[15] = feature(115, gc<<32|uint64(b1.gazCase))
	out[16] = feature(116, w.capitals()<<32|gc)
	out[17] = feature(117, l.phrase(w)<<8|uint64(c.shape))
}

func (w *window) glue() (g uint64) {
	if w.adjacent[0] {
		g = 1
	}
	if w.adjacent[1] {
		g |= 2
	}
	return g
}

// capitals counts the capitalised, upper-case and lower-case words around.
func (w *window) capitals() uint64 {
	var n uint64
	for _, f := range w.form {
		switch f.shape {
		case sTitle, sInitial, sMixed:
			n += 1
		case sUpper:
			n += 8
		case sLower:
			n += 64
		case sNone, sAlnum, sDigits, sPunct, sBreak, sJunk, sIdeograph, sCaseless:
		}
	}
	return n
}

// phrase tells where in a known place of two or three words the token is: a bit for each.
func (l *Lexicon) phrase(w *window) (bits uint64) {
	for first := lookahead - 2; first <= lookahead; first++ {
		if !w.form[first].phrase {
			continue
		}
		two := PhraseHash(w.form[first].lower, w.form[first+1].lower)
		if first > lookahead-2 && l.Lookup(two) != 0 {
			bits |= 1 << (lookahead - first)
		}
		if l.Lookup(PhraseHash(two, w.form[first+2].lower)) != 0 {
			bits |= 4 << (lookahead - first)
		}
	}
	return bits
}

// gazCoarse is 1 for a likely name, 2 for a likely place, 3 for both.
func gazCoarse(gaz uint32) uint64 {
	var g uint64
	if gaz>>givenShift&3 > 0 || gaz>>surnameShift&3 > 1 {
		g = 1
	}
	if gaz>>placeShift&7 > 1 {
		g |= 2
	}
	return g
}
