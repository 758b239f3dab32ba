package detect

import (
	"strings"
	"unicode/utf8"
)

// Limits of RFC 5321 section 4.5.3.1: 64 octets for the local part, 255 for the domain.
const (
	maxLocal  = 64
	maxDomain = 255
)

// localByte marks the characters of a local part that people use. RFC 5322 allows more ("!#$*/=?^`{|}~"), which in
// running text are almost always delimiters.
func localByte(c byte) bool {
	return isAlnum(c) || c == '.' || c == '_' || c == '-' || c == '+' || c == '\'' || c == '%'
}

// local returns where the local part that ends at end begins; end itself when there is none.
func (sc *scan) local(end int) int {
	v, i := sc.v, end
	floor := max(0, end-maxLocal)
	for i > floor {
		if localByte(v[i-1]) {
			i--
			continue
		}
		if v[i-1] < 0x80 {
			break
		}
		r, w := utf8.DecodeLastRuneInString(v[floor:i])
		// Scripts without spaces (from U+2E80) run into the address, unless it is written in them (RFC 6531).
		if r == utf8.RuneError || r >= 0x2e80 && i < end && v[end-1] < 0x80 || r < 0x370 {
			break
		}
		i -= w
	}
	for i < end && (v[i] == '.' || v[i] == '\'' || v[i] == '-' || v[i] == '%') {
		i++
	}
	if i < end && v[end-1] == '.' {
		return end
	}
	return i
}

// domain is a parsed domain name.
type domain struct {
	end    int  // where it ends; 0 when there is none
	labels int  // how many labels it has
	spoken bool // a dot was written as a word or in brackets
	spaced bool // a dot had spaces around it
	known  bool // the last label is a common top-level domain
}

// domainAt parses a domain name at i. Dots may be spoken: "example dot com", "example[.]com".
func (sc *scan) domainAt(i int) domain {
	v := sc.v
	limit := min(len(v), i+maxDomain)
	var d domain
	var best domain
	for i < limit {
		start := i
		for i < limit {
			if isAlnum(v[i]) || v[i] == '-' {
				i++
				continue
			}
			// A script without spaces runs on behind the address, unless the label is written in it.
			r, w := utf8.DecodeRuneInString(v[i:])
			if r < 0x80 || r == utf8.RuneError || r >= 0x2e80 && i > start && v[start] < 0x80 {
				break
			}
			i += w
		}
		for i > start && v[i-1] == '-' {
			i--
		}
		if i == start || v[start] == '-' {
			break
		}
		d.labels++
		if d.labels > 1 && topLevel(v[start:i]) {
			known := commonTop(v[start:i])
			if best.known && !d.spoken && !known && isUpper(v[start]) && !isUpper(v[start-2]) {
				break // "example.com.Then": the next sentence
			}
			best, best.end, best.known = d, i, known
		}
		j, how := dot(v, i, limit)
		if how == noDot {
			break
		}
		if how == spacedDot && best.end != 0 {
			break // "example.com . Next"
		}
		d.spoken = d.spoken || how == spokenDot
		d.spaced = d.spaced || how == spacedDot
		i = j
	}
	return best
}

const (
	noDot = iota
	plainDot
	spokenDot
	spacedDot
)

// dot reads a separator of labels at i, plain or spoken, and returns what follows it.
func dot(v string, i, limit int) (next, how int) {
	if i < limit && v[i] == '.' {
		return i + 1, plainDot
	}
	j, spaces := i, 0
	for j < limit && j < i+3 && v[j] == ' ' {
		j++
		spaces++
	}
	if j >= limit {
		return i, noDot
	}
	closing := closingOf(v[j])
	if closing != 0 {
		j++
		for j < limit && v[j] == ' ' && j < i+6 {
			j++
		}
	}
	word := 0
	for _, w := range [...]string{".", "dot", "punkt", "punto", "point", "ponto"} {
		if j+len(w) <= limit && strings.EqualFold(v[j:j+len(w)], w) {
			word = len(w)
			break
		}
	}
	if word == 0 {
		return i, noDot
	}
	plain, dotWord := v[j] == '.', v[j]|0x20 == 'd' || strings.EqualFold(v[j:j+word], "punkt")
	j += word
	k := j
	for k < limit && v[k] == ' ' && k < j+3 {
		k++
	}
	switch {
	case closing != 0:
		if k >= limit || v[k] != closing {
			return i, noDot
		}
		k++
		for j = k; k < limit && v[k] == ' ' && k < j+3; k++ {
			continue
		}
		return k, spokenDot
	case plain && spaces > 0 && k > j:
		return k, spacedDot
	case dotWord && spaces > 0 && k > j: // "at this point in" is no address
		return k, spokenDot
	case !plain && i < limit && v[i] == '_':
		return k, spokenDot
	}
	return i, noDot
}

func closingOf(c byte) byte {
	switch c {
	case '(':
		return ')'
	case '[':
		return ']'
	case '{':
		return '}'
	case '<':
		return '>'
	}
	return 0
}

// topLevel reports whether label can be a top-level domain (RFC 3696 section 2: alphabetic, or an A-label) and is not
// the extension of a file name, as in "logo@2x.png".
func topLevel(label string) bool {
	if len(label) < 2 || len(label) > 24 {
		return false
	}
	if len(label) > 4 && strings.EqualFold(label[:4], "xn--") {
		return true
	}
	for i := range len(label) {
		if lower[label[i]] == 0 && label[i] < 0x80 {
			return false
		}
	}
	switch strings.ToLower(label) {
	case "png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "go", "py", "html", "htm", "json", "yaml", "yml",
		"txt", "pdf", "service", "socket", "target", "java", "class", "xml", "local", "internal":
		return strings.EqualFold(label, "local") || strings.EqualFold(label, "internal")
	}
	return true
}

// commonTop reports whether label is a top-level domain that mail commonly goes to.
func commonTop(label string) bool {
	var b [12]byte
	if len(label) > len(b) {
		return false
	}
	for i := range len(label) {
		b[i] = lower[label[i]]
	}
	return commonTops[string(b[:len(label)])]
}

var commonTops = func() map[string]bool {
	m := map[string]bool{}
	for t := range strings.FieldsSeq(`com org net edu gov mil int info biz io co ai app dev me tv xyz online shop store tech site
		example test invalid de at ch uk ie fr es it pt nl be lu dk se no fi is pl cz sk hu ro bg hr si gr cy mt ee lv
		lt eu us ca mx br ar cl pe in cn jp kr tw hk sg my th vn id ph au nz za ng ke eg ma il tr ru ua by kz ae sa
		name pro cloud email agency digital studio world life live`) {
		m[t] = true
	}
	return m
}()

// email handles an '@' at i, plain ("jane@example.com"), with spoken dots, or with spaces around it.
func (sc *scan) email(i int) {
	if i < sc.userEnd {
		return // the credentials of a URL
	}
	v := sc.v
	end, from := i, i+1
	spaced := false
	if sc.byteAt(i-1) == ' ' && sc.byteAt(i+1) == ' ' {
		end, from, spaced = i-1, i+2, true
	} else if c := closingOf(sc.byteAt(i - 1)); c != 0 && sc.byteAt(i+1) == c { // "jane [@] example.com"
		end, from, spaced = i-1, i+2, true
		for end > 0 && v[end-1] == ' ' && end > i-4 {
			end--
		}
		for from < len(v) && v[from] == ' ' && from < i+5 {
			from++
		}
	}
	start := sc.local(end)
	if start == end {
		sc.quotedLocal(i)
		return
	}
	d := sc.domainAt(from)
	if d.end == 0 || (spaced || d.spaced) && !d.known {
		return
	}
	sc.marks = append(sc.marks, mark{i, i + 1, sc.line, ctxContact})
	if sc.byteAt(d.end) == ':' && v[start:end] == "git" {
		return // scp-style address of a repository
	}
	score := float32(1)
	switch {
	case spaced || d.spaced || d.spoken:
		score = 0.75
	case !d.known:
		score = 0.9
	}
	sc.add(start, d.end, Email, "email", score)
}

// quotedLocal handles the quoted local part of RFC 5322: "jane doe"@example.com.
func (sc *scan) quotedLocal(i int) {
	if sc.byteAt(i-1) != '"' {
		return
	}
	for j := i - 2; j >= 0 && j > i-2-maxLocal; j-- {
		switch sc.v[j] {
		case '\n':
			return
		case '"':
			if d := sc.domainAt(i + 1); d.known && j < i-2 {
				sc.add(j, d.end, Email, "email", 0.85)
			}
			return
		}
	}
}

// emailAt handles the word "at" at [s, e): "jane (at) example dot com", "jane AT example.com". A bare lower-case "at"
// before a plain domain is an address only where the text speaks of mail.
func (sc *scan) emailAt(s, e int) {
	v := sc.v
	left, right := s, e
	strong := false
	for left > 0 && v[left-1] == ' ' && left > s-2 {
		left--
	}
	for right < len(v) && v[right] == ' ' && right < e+2 {
		right++
	}
	if left > 0 && right < len(v) {
		if c := closingOf(v[left-1]); c != 0 && v[right] == c {
			strong = true
			left--
			right++
			for k := left; left > 0 && v[left-1] == ' ' && left > k-2; left-- {
				continue
			}
			for k := right; right < len(v) && v[right] == ' ' && right < k+2; right++ {
				continue
			}
		} else if left == s && right == e {
			if v[left-1] != '_' && v[left-1] != '-' || v[right] != v[left-1] {
				return
			}
			left, right = left-1, right+1 // jane_at_example_dot_com
		} else if left == s || right == e {
			return
		}
	}
	start := sc.local(left)
	if start == left {
		return
	}
	d := sc.domainAt(right)
	if d.end == 0 || d.spaced {
		return
	}
	if d.spoken || strong {
		start = sc.spokenLocal(start)
	}
	switch {
	case strong:
		sc.add(start, d.end, Email, "email-obfuscated", 0.9)
	case !d.known:
	case d.spoken:
		sc.add(start, d.end, Email, "email-obfuscated", 0.8)
	case v[s] == 'A' && v[s+1] == 'T' && (isLower(v[left-2]) || isLower(v[right])):
		sc.add(start, d.end, Email, "email-obfuscated", 0.75)
	default:
		if n := len(sc.marks); n > 0 && sc.marks[n-1].kinds&ctxMail != 0 && start-sc.marks[n-1].end <= 24 {
			sc.add(start, d.end, Email, "email-obfuscated", 0.6)
		}
	}
}

// spokenLocal extends a local part that begins at start to the left by what is joined to it in words:
// "jane dot doe", "jane(dot)doe", "jane underscore doe".
func (sc *scan) spokenLocal(start int) int {
	v := sc.v
	for range 3 {
		end := -1
		for _, w := range [...]string{
			" dot ", "(dot)", "[dot]", "{dot}", " (dot) ", " [dot] ", "<dot>", "_dot_", " punkt ", "(punkt)", "[punkt]", " underscore ", " dash ",
			" hyphen ", " minus ", "[.]", "(.)", " unterstrich ", " bindestrich ", " point ", "(point)", "(punto)", " punto ", " guion ",
		} {
			if k := start - len(w); k > 0 && strings.EqualFold(v[k:start], w) {
				end = k
				break
			}
		}
		if end < 0 {
			return start
		}
		more := sc.local(end)
		if more == end {
			return start
		}
		start = more
	}
	return start
}
