package detect

import (
	"math/bits"
	"strings"
)

// idRule is an identifier that an authority issues.
type idRule struct {
	typ  Type
	rule string
	// pics are the ways to write it: 9 a digit, A a letter, X either, anything else a separator. The first picture
	// without its separators is the plain form.
	pics string
	ctx  kinds
	// plain and grouped are the scores without context; 0 where the form says too little by itself;
	// a negative plain score excludes the plain form.
	plain, grouped float32
	ok             func(d []byte) bool
	// words, separated by bars, are context that is looked for in the text itself; must says that there is no finding
	// without one.
	words string
	must  bool

	list         []string // the words
	n            int
	digits, free uint64
	groupings    []grouping
}

// idRules by number of characters.
var idRules = func() (t [maxRun + 1][]*idRule) {
	for _, list := range [][]idRule{euIDs, nordicIDs, americanIDs, asianIDs, wordedIDs} {
		for i := range list {
			r := &list[i]
			for k, pic := range strings.Fields(strings.ReplaceAll(r.pics, "_", "\x00")) {
				pic = strings.ReplaceAll(pic, "\x00", " ")
				if k == 0 {
					r.compile(pic)
				}
				if g := parseGrouping(pic); g.ends != 0 {
					r.groupings = append(r.groupings, g)
				}
			}
			if r.words != "" {
				r.list = strings.Split(r.words, "|")
			}
			t[r.n] = append(t[r.n], r)
		}
	}
	return t
}()

func (r *idRule) compile(pic string) {
	for i := range len(pic) {
		switch pic[i] {
		case '9':
			r.digits |= 1 << r.n
		case 'X':
			r.free |= 1 << r.n
		case 'A':
		default:
			continue
		}
		r.n++
	}
}

// identifier tries every rule that fits the run at one of the ends of its groups.
func (sc *scan) identifier(r *run, ctx context) {
	worded := sc.mayBeWorded(r.at[0], ctx)
	for e := r.ends >> 6; e != 0; e &= e - 1 {
		n := bits.TrailingZeros64(e) + 7
		rules := idRules[n]
		if len(rules) == 0 || !r.whole(sc.v, n) {
			continue
		}
		mask := uint64(1)<<n - 1
		for _, id := range rules {
			if id.must && !worded || (r.digits^id.digits)&^id.free&mask != 0 || !id.ok(r.c[:n]) {
				continue
			}
			bonus := ctx.bonus(id.ctx)
			if worded && bonus < 1 && id.list != nil {
				if sc.worded(r.at[0], r.at[n-1]+1, id.list) {
					bonus = 1
				} else if id.must {
					continue
				}
			}
			if score := id.score(r, n, ctx, bonus); score > 0 && (r.digits&mask == mask || bonus > 0 || sc.capitals(r, n)) {
				if ctx.near&id.ctx != 0 && sc.label(r.at[0])&id.ctx != 0 {
					score = min(0.99, score+0.1) // named right before it
				}
				sc.add(r.at[0], r.at[n-1]+1, id.typ, id.rule, score)
			}
		}
	}
}

// capitals reports whether the first n characters hold no lower-case letter.
func (sc *scan) capitals(r *run, n int) bool {
	for _, i := range r.at[:n] {
		if isLower(sc.v[i]) {
			return false
		}
	}
	return true
}

// score weighs form and context; 0 means that they say too little.
func (id *idRule) score(r *run, n int, ctx context, bonus float32) float32 {
	base := float32(0)
	if r.ends&(1<<(n-1)-1) == 0 {
		if base = id.plain; base < 0 {
			return 0
		}
		if ctx.near&ctxOrder != 0 && base < 0.8 {
			base = 0
		}
	} else {
		if b := r.breaks(n); b > 1 || b == 1 && bonus < 1 {
			return 0
		}
		for _, g := range id.groupings {
			if r.inGroups(n, g) {
				base = id.grouped
				break
			}
		}
	}
	switch {
	case base == 0 && bonus == 0:
		return 0
	case base == 0:
		if !r.uniform(n) && len(id.groupings) > 0 && bonus < 1 || r.slashed(n) {
			return 0
		}
		return 0.45 + 0.4*bonus
	}
	return min(0.99, base+0.3*bonus*(1.2-base)+0.1*bonus)
}

// slashed reports whether a slash separates groups of the first n characters: the number of a file, not of a person.
func (r *run) slashed(n int) bool {
	for e := r.ends & (1<<(n-1) - 1); e != 0; e &= e - 1 {
		if r.sep[bits.TrailingZeros64(e)] == '/' {
			return true
		}
	}
	return false
}

// weighted is the sum of the digits times weights; d may be longer.
func weighted(d []byte, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += int(d[i]-'0') * w
	}
	return sum
}

func num(d []byte) int {
	n := 0
	for _, c := range d {
		n = n*10 + int(c-'0')
	}
	return n
}

func digit(c byte) int { return int(c - '0') }

// date reports whether day and month can be of a calendar.
func date(day, month int) bool {
	return month >= 1 && month <= 12 && day >= 1 && day <= 31 && (day <= 30 || month != 4 && month != 6 && month != 9 && month != 11) &&
		(day <= 29 || month != 2)
}

// mod1110 is ISO 7064 mod 11,10 over all digits, the check digit last.
func mod1110(d []byte) bool {
	p := 10
	for _, c := range d[:len(d)-1] {
		s := (p + digit(c)) % 10
		if s == 0 {
			s = 10
		}
		p = s * 2 % 11
	}
	return (p+digit(d[len(d)-1]))%10 == 1
}

// always is for identifiers without a check digit.
func always([]byte) bool { return true }

// labelRule is an identifier without a form of its own: only the words before it tell what it is.
type labelRule struct {
	typ      Type
	rule     string
	ctx      kinds
	not      kinds // context that speaks against
	min, max int
	letters  bool // letters may occur
	score    float32
	us       Type // Presidio's name for it where the words around it are American
}

var labelRules = []labelRule{
	{USPassport, "us-passport", ctxPassport, ctxSSN, 9, 9, true, 0.56, ""},
	{Passport, "passport", ctxPassport, ctxPassword, 7, 10, true, 0.55, ""},
	{DriverLic, "driver-license", ctxDriver, 0, 6, 18, true, 0.55, USDriver},
	{BankAccount, "bank-account", ctxBank, ctxCard, 6, 17, false, 0.55, USBank},
	{IdentityCard, "national-id", ctxIDCard, ctxIP, 8, 14, true, 0.55, ""},
	{MedicalRec, "medical-record", ctxHealth, 0, 6, 14, true, 0.5, ""},
}

// labelled finds numbers that only their label makes personal: passports, driving licences, bank accounts.
func (sc *scan) labelled(r *run, ctx context) {
	if ctx.near&(ctxPassport|ctxDriver|ctxBank|ctxID|ctxHealth) == 0 || r.n > 1 && r.c[0] == '0' && r.c[1] == 'X' {
		return
	}
	lab := sc.label(r.at[0])
	if lab == 0 || lab&ctxOrder != 0 {
		return
	}
	for i := range labelRules {
		l := &labelRules[i]
		if lab&l.ctx == 0 || lab&l.not != 0 {
			continue
		}
		// The longest form that begins here, in groups of the same kind.
		for n := min(l.max, r.n); n >= l.min; n-- {
			if !r.whole(sc.v, n) || !l.letters && !r.allDigits(n) || r.breaks(n) > 0 {
				continue
			}
			if r.dotted(n) || r.dated(n) {
				continue // a version, a date
			}
			if l.typ == BankAccount && n == 6 && r.ends&63 == 1<<2|1<<5 && lab&ctxNumber == 0 {
				continue // a customer's account
			}
			if l.typ == USPassport && r.digits>>1&(1<<8-1) != 1<<8-1 {
				continue // a letter or a digit, and eight digits
			}
			if d := bits.OnesCount64(r.digits & (1<<n - 1)); d*2 < n || d < 5 {
				continue
			}
			typ := l.typ
			if l.us != "" && ctx.near&ctxUS != 0 {
				typ = l.us
			}
			sc.add(r.at[0], r.at[n-1]+1, typ, l.rule, l.score)
			break
		}
	}
}

// dated reports whether the first n characters are a date such as 2025-01-06.
func (r *run) dated(n int) bool {
	if n != 8 || !r.allDigits(8) {
		return false
	}
	c := r.c[:8]
	switch r.ends & 0x7f {
	case 1 << 3: // years
		return (c[0] == '1' || c[0] == '2') && (c[4] == '1' || c[4] == '2') && num(c[:4]) < num(c[4:8])
	case 1<<3 | 1<<5:
		return date(num(c[6:8]), num(c[4:6])) && (c[0] == '1' || c[0] == '2')
	case 1<<1 | 1<<3:
		return date(num(c[:2]), num(c[2:4])) || date(num(c[2:4]), num(c[:2]))
	}
	return false
}

// dotted reports whether a dot or slash separates groups of the first n characters.
func (r *run) dotted(n int) bool {
	for e := r.ends & (1<<(n-1) - 1); e != 0; e &= e - 1 {
		if c := r.sep[bits.TrailingZeros64(e)]; c == '.' || c == '/' {
			return true
		}
	}
	return false
}

// label is the context right before pos: "Passport No: ", "account number is ". Between the word and the value stand
// at most a few words of the same sentence.
func (sc *scan) label(pos int) kinds {
	k, person := sc.col, -len(sc.v)
	for i := sc.at; i < len(sc.marks) && sc.marks[i].start < pos; i++ {
		sc.steps++
		m := &sc.marks[i]
		if pos-m.end > 32 || m.end > pos {
			continue
		}
		gap, words := sc.v[m.end:pos], 0
		ok := true
		for j := 0; j < len(gap) && ok; j++ {
			switch c := gap[j]; {
			case c == '.' && at(gap, j+1) == '.': // leader dots
				for j+1 < len(gap) && gap[j+1] == '.' {
					j++
				}
			case c == '\n' && j == len(gap)-1 && strings.TrimRight(gap[:j], " \r") != "": // the label is the line above
				e := strings.TrimRight(gap[:j], " \r")
				ok = e[len(e)-1] == ':' || e[len(e)-1] == '='
			case lower[c] != 0:
				if j == 0 || lower[gap[j-1]] == 0 {
					words++
				}
			case c == '.':
				last := j+2 >= len(gap)
				ok = last || j < 4 && !isUpper(gap[j+2]) // else the sentence ends
			case isDigit(c), c == '\n', c == ';', c == ',', c == '_', c == '{', c == '}', c == '[', c == '<':
				ok = false
			}
		}
		if !ok || words > 4 {
			continue
		}
		card := m.kinds&ctxID != 0 && (words > 0 && idCardGap(gap) || m.start-person <= 4)
		if person = -len(sc.v); m.kinds&(ctxID|ctxTax) != 0 && m.kinds&ctxOrder == 0 { // "national", "tax", before "ID"
			person = m.end
		}
		if card {
			k |= m.kinds&^ctxOrder | ctxIDCard
			continue
		}
		k |= m.kinds
	}
	return k
}

// idCardGap reports whether what follows "ID" makes it the number of a card: "ID card", "ID number", "ID no."
func idCardGap(gap string) bool {
	gap = strings.ToLower(gap)
	return strings.HasPrefix(gap, " card") || strings.HasPrefix(gap, " number") || strings.HasPrefix(gap, " no") || strings.HasPrefix(gap, " document") ||
		strings.HasPrefix(gap, " id")
}
