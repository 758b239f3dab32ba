package detect

import (
	"math"
	"strings"
)

const maxValue = 256

// secretEnding is the end of a name that a secret is assigned to.
type secretEnding struct {
	suffix   string
	password bool // any value will do; otherwise it has to look random
}

// secretKeys are endings of the names that secrets are assigned to, without separators and accents.
var secretKeys = []secretEnding{
	{"password", true},
	{"passwd", true},
	{"passwort", true},
	{"passphrase", true},
	{"passcode", true},
	{"pwd", true},
	{"kennwort", true},
	{"contrasena", true},
	{"passe", true},
	{"mdp", true},
	{"senha", true},
	{"wachtwoord", true},
	{"dbpass", true},
	{"userpass", true},
	{"pass", true},
	{"pw", true},
	{"token", false},
	{"secret", false},
	{"apikey", false},
	{"accesskey", false},
	{"accesskeyid", false},
	{"secretkey", false},
	{"privatekey", false},
	{"accountkey", false},
	{"signingkey", false},
	{"encryptionkey", false},
	{"sharedkey", false},
	{"authkey", false},
	{"masterkey", false},
	{"licensekey", false},
	{"subscriptionkey", false},
	{"credential", false},
	{"credentials", false},
	{"authorization", false},
	{"sessionid", false},
	{"sessid", false},
	{"sid", false},
	{"cookie", false},
	{"webhook", false},
	{"connectionstring", false},
	{"signature", false},
	{"sig", false},
	{"key", false},
	{"auth", false},
	{"jwt", false},
}

// secretsBy lists the endings by their last letter.
var secretsBy = func() (t [256][]secretEnding) {
	for _, k := range secretKeys {
		c := k.suffix[len(k.suffix)-1]
		t[c] = append(t[c], k)
	}
	return t
}()

// assign handles '=' or ':' at i: a secret that is given to a name.
func (sc *scan) assign(i int) {
	v := sc.v
	next := sc.byteAt(i + 1)
	if next == '=' || next == ':' || i < sc.pemEnd {
		return
	}
	if p := sc.byteAt(i - 1); p == '=' || p == '!' || p == '<' || p == '>' {
		return
	}
	var buf [48]byte
	key, kStart := keyBefore(v, i, &buf)
	if v[i] == ':' && kStart >= 3 && (v[kStart-3:kStart] == "-u " || strings.HasSuffix(v[:kStart], "--user ")) {
		if s, e, _ := sc.value(i+1, false); s == i+1 && e-s > 2 && !placeholder(v[s:e]) { // curl -u name:password
			sc.add(kStart, e, Secret, "curl-auth-user", 0.9)
			return
		}
	}
	password, known, bare := false, false, false
	last := byte(0)
	if len(key) > 1 {
		last = key[len(key)-1]
	}
	for _, k := range secretsBy[last] {
		if len(key) >= len(k.suffix) && string(key[len(key)-len(k.suffix):]) == k.suffix && (len(k.suffix) > 3 && !strings.HasPrefix(k.suffix, "pass") || len(k.suffix) > 5 || len(key) == len(k.suffix) || sc.keyBreak(kStart, i, len(k.suffix))) {
			password, known = k.password, true
			bare = k.suffix == "key"
			break
		}
	}
	from := i + 1
	if next == '>' { // "password => 'x'"
		from++
	}
	if !password && len(key) >= 4 && sc.provided(key, from) || v[i] == ':' && next == 'A' && sc.telegram(i) {
		return
	}
	if !known {
		if n := len(sc.marks); n > 0 && sc.marks[n-1].kinds&ctxPassword != 0 && sc.marks[n-1].line == sc.line && i-sc.marks[n-1].end <= 40 {
			s, e, quoted := sc.value(from, i < sc.urlEnd)
			if e-s >= 6 && mostlyWord(v[s:e]) && classes(v[s:e]) >= 2 && !quoted {
				sc.password(s, e, quoted, 0.7)
			}
		}
		return
	}
	s, e, quoted := sc.value(from, i < sc.urlEnd)
	if e <= s {
		return
	}
	if password {
		if string(key) == "pass" && v[i] == ':' && (isUpper(v[i-1]) || !hasDigit(v[s:e]) || v[s] == '\\') {
			return // "PASS: TestX", "pass: all of them"
		}
		score := float32(0.9)
		if !quoted && v[i] == ':' && prose(v, s, e) {
			score = 0.45
		}
		sc.password(s, e, quoted, score)
		return
	}
	if bare && (e-s < 20 || strings.IndexByte(v[s:max(s, e-2)], '=') >= 0) {
		return // keys of maps and tables
	}
	sc.generic(s, e, quoted || v[i] == '=')
}

// keyBreak reports whether the last n characters of the name before i stand apart from the rest ("db_pw", "DbPw").
func (sc *scan) keyBreak(start, i, n int) bool {
	for j := i - 1; j > start; j-- {
		if !isAlnum(sc.v[j]) {
			continue
		}
		n--
		if n == 0 {
			p := sc.v[j-1]
			return !isAlnum(p) || isUpper(sc.v[j]) && isLower(p)
		}
	}
	return true
}

// keyBefore returns the name before an assignment at i in lower case without separators, and where it begins.
func keyBefore(v string, i int, buf *[48]byte) (key []byte, start int) {
	j := i
	for j > 0 && i-j < 4 && (v[j-1] == ' ' || v[j-1] == ':' || v[j-1] == '"' || v[j-1] == '\'' || v[j-1] == '`' || v[j-1] == ']' || v[j-1] == '*') {
		j--
	}
	n := len(buf)
	for j > 0 && n > 0 {
		c := v[j-1]
		switch {
		case isAlnum(c):
			n--
			buf[n] = c | 0x20
			if isDigit(c) {
				buf[n] = c
			}
		case c == '_' || c == '-' || c == '.':
		default:
			return buf[n:], j
		}
		j--
		if i-j > 64 {
			break
		}
	}
	return buf[n:], j
}

// value reads the value that an assignment gives, from i on: in quotes, or up to a delimiter.
func (sc *scan) value(i int, inURL bool) (start, end int, quoted bool) {
	v := sc.v
	for k := i + 4; i < len(v) && i < k && (v[i] == ' ' || v[i] == '\t' || v[i] == '*' && (at(v, i+1) == '*' || at(v, i-1) == '*')); i++ {
		continue
	}
	if i >= len(v) {
		return i, i, false
	}
	limit := min(len(v), i+maxValue)
	if q := v[i]; q == '"' || q == '\'' || q == '`' {
		for j := i + 1; j < limit && v[j] != '\n'; j++ {
			if v[j] == q && v[j-1] != '\\' {
				return i + 1, j, true
			}
		}
		i++
	}
	j := i
	for j < limit && v[j] > ' ' && strings.IndexByte("\"'`,;<>", v[j]) < 0 && (!inURL || v[j] != '&' && v[j] != '#') {
		j++
	}
	if j == limit && limit < len(v) && v[j] > ' ' {
		return i, i, false // longer than any password: not decided here
	}
	for j > i && strings.IndexByte(".)]}*", v[j-1]) >= 0 {
		if v[j-1] != '.' && strings.IndexByte(v[i:j], "([{*"[strings.IndexByte(")]}*", v[j-1])]) >= 0 {
			break
		}
		j--
	}
	return i, j, false
}

// generic reports a value that looks random: Shannon entropy of at least 3.5 bits per character, as gitleaks asks of
// its rule "generic-api-key", or 3 where letters and digits mix in a string that was plainly assigned.
func (sc *scan) generic(s, e int, assigned bool) {
	v := sc.v
	if k := strings.IndexByte(v[s:e], ' '); k > 0 { // "Bearer x", "Basic x", "Token x"
		s += k + 1
	}
	end := s
	for end < e && (csDotted.has(v[end]) || v[end] == '~' || v[end] == '%') {
		end++
	}
	if end != e && end-s < 16 || placeholder(v[s:e]) {
		return
	}
	w := v[s:end]
	bits := entropy(w)
	switch {
	case len(w) < 10 || !hasDigit(w) || !hasLetter(w) || at(v, end) == '(' || path(w):
		return
	case strings.Contains(w, "://") || strings.HasPrefix(w, "/") || strings.HasPrefix(w, "./"):
		return // a path
	case turns(w)*3 < len(w) && strings.ToLower(w) != w:
		return // a name: "testRSA2048PrivateKey"
	case len(w) >= 16 && bits >= 3.5:
		sc.add(s, end, Secret, "generic-api-key", 0.8)
	case assigned && len(w) >= 10 && bits >= 3 && (len(w) >= 16 || classes(w) >= 3):
		sc.add(s, end, Secret, "generic-api-key", 0.6)
	}
}

func hasLetter(s string) bool {
	for i := range len(s) {
		if lower[s[i]] != 0 {
			return true
		}
	}
	return false
}

// entropy is Shannon's, in bits per character.
func entropy(s string) float64 {
	var count [256]int
	for i := range len(s) {
		count[s[i]]++
	}
	h, n := 0.0, float64(len(s))
	for _, c := range count {
		if c > 0 {
			p := float64(c) / n
			h -= p * math.Log2(p)
		}
	}
	return h
}

// bearer handles the words of an Authorization header (RFC 6750, RFC 7617) at [s, e).
func (sc *scan) bearer(_, e int) {
	v := sc.v
	if sc.byteAt(e) != ' ' {
		return
	}
	from := e + 1
	end := from
	for end < len(v) && end-from < 2048 && (csDotted.has(v[end]) || v[end] == '~') {
		end++
	}
	for end > from && v[end-1] == '.' {
		end--
	}
	if w := v[from:end]; len(w) >= 16 && mixed(w) && hasDigit(w) {
		sc.add(from, end, Secret, "curl-auth-header", 0.9)
	}
}

// turns counts where s passes from one of small letters, capitals, digits and others to another.
func turns(s string) int {
	kind := func(c byte) int {
		switch {
		case isLower(c):
			return 0
		case isUpper(c):
			return 1
		case isDigit(c):
			return 2
		}
		return 3
	}
	n := 0
	for i := 1; i < len(s); i++ {
		if kind(s[i]) != kind(s[i-1]) {
			n++
		}
	}
	return n
}

// path reports whether s is short names joined by dots: "test2048Key.PublicKey".
func path(s string) bool {
	if strings.IndexByte(s, '.') < 0 {
		return false
	}
	for p := range strings.SplitSeq(s, ".") {
		if len(p) > 20 || p == "" || lower[p[0]] == 0 {
			return false
		}
	}
	return true
}

// selector reports whether s is names joined by dots, without digits: "cfg.Password".
func selector(s string) bool {
	dots := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && i > 0 && i < len(s)-1:
			dots++
		case lower[c] == 0 && c != '_':
			return false
		}
	}
	return dots > 0
}
