package detect

import "strings"

// prose reports whether the value [s, e) reads like a word in a sentence.
func prose(v string, s, e int) bool {
	if classes(v[s:e]) > 1 {
		return false
	}
	return e+1 < len(v) && v[e] == ' ' && lower[v[e+1]] != 0
}

// classes counts the kinds of characters in s: lower case, upper case behind the first, digits, others.
func classes(s string) int {
	var l, u, d, o int
	for i := range len(s) {
		switch c := s[i]; {
		case isLower(c):
			l = 1
		case isUpper(c):
			if i > 0 && isLower(s[i-1]) {
				u = 1
			} else {
				l = 1
			}
		case isDigit(c):
			d = 1
		default:
			o = 1
		}
	}
	return l + u + d + o
}

// password reports [s, e) unless it is a placeholder, a word that says something about a password, or code.
func (sc *scan) password(s, e int, quoted bool, score float32) {
	w := sc.v[s:e]
	if len(w) < 3 || strings.HasPrefix(w, "0x") || placeholder(w) || notPassword[strings.ToLower(w)] {
		return
	}
	if !quoted {
		if c := w[len(w)-1]; sc.byteAt(e) == '(' || c == '{' || c == '(' || strings.IndexByte(w, '(') > 0 && strings.HasSuffix(w, ")") {
			return // a call
		}
		if k := strings.IndexByte(w, '('); k > 3 && (classes(w[:k]) < 3 || selector(w[:k])) {
			return
		}
		if len(w) < 4 && classes(w) < 2 {
			return
		}
	} else if strings.IndexByte(w, ' ') >= 0 && classes(w) < 2 {
		return // a message
	}
	if strings.Contains(w, "://") || strings.IndexByte("/+*", w[0]) >= 0 && !quoted || !quoted && selector(w) {
		return // a path, an operator, a field of something
	}
	sc.add(s, e, Secret, "password", score)
}

// placeholder reports whether s stands for a value instead of being one.
func placeholder(s string) bool {
	if s == "" {
		return true
	}
	switch s[0] {
	case '$', '<', '{', '[', '%', '&', '|', '=', '(':
		if len(s) < 2 || s[0] != '$' && s[0] != '%' && s[0] != '&' || strings.IndexByte("({$", s[1]) >= 0 || classes(s) < 3 {
			return true
		}
	}
	same := true
	for i := range len(s) {
		if s[i] != s[0] {
			same = false
			break
		}
	}
	return same || strings.Contains(s, "...") || strings.HasPrefix(s, "xxx") || strings.HasPrefix(s, "XXX") || strings.HasPrefix(s, "***")
}

// notPassword holds what follows "password" in running text without being one.
var notPassword = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`a an the is was are be been has have had not no none null nil true false string str
		int bool byte []byte undefined optional required invalid incorrect wrong correct expired reset changed forgotten
		missing empty blank set unset hidden redacted masked secret password passwd passwort prompt stdin env file see
		your my our his her their this that it to for and or in on at by with from as if when must should can could will
		would may please enter type choose new old same different weak strong safe unsafe secure insecure stored hashed
		encrypted protected default temporary below above following here there per via yes ok needed unknown sent shared
		right fine good bad okay ready valid active inactive short long simple complex compromised leaked blocked locked working
		refused korrekt ungultig gut zuruckgesetzt gesperrt correcto bloqueada invalida bloque mobile other app link page policy manager field hint lost updated accepted rejected denied failed fails still also again now already only protected-by visible
		uint uint8 uint16 uint32 uint64 int8 int16 int32 int64 float32 float64 sha1 sha256 sha512 md5 oauth2 utf8 char
		falsch richtig abgelaufen vergessen ist war und oder der die das ein eine nicht kein bitte siehe mein dein ihr
		incorrecta correcta olvidada caducada es el la los un una mi tu su no y o del de
		juste bon bonne faux fausse valide mauvais correct incorrect oublie expire le les une est et ou mon votre son n/a na tbd`) {
		m[w] = true
	}
	return m
}()

// pin finds a personal identification number or the security code of a card [s, e) behind a word that says so.
func (sc *scan) pin(s, e int) {
	v := sc.v
	if n, k := figures(v, s, 8); n < 0 || k != e || isDigit(at(v, e+1)) && strings.IndexByte(".-/:", at(v, e)) >= 0 {
		return
	}
	switch lab := sc.label(s); {
	case lab&ctxPIN != 0 && e-s >= 4:
		sc.add(s, e, Secret, "pin", 0.7)
	case lab&ctxCVV != 0 && e-s <= 4:
		sc.add(s, e, Secret, "card-security-code", 0.8)
	}
}

// connector the word "password" to its value in a sentence.
func connector(w string) bool {
	switch strings.ToLower(w) {
	case "is", "was", "ist", "lautet", "war", "es", "est", "era", "e", "to", "are", "auf", "be", "etait", "like", "reads", "says", "sera", "called",
		"lautete", "heisst", "lauten", "wie", "eh", "fue", "als":
		return true
	}
	return false
}

// passwordWord handles a word for password at [s, e) in running text: "my password is hunter2", "Passwort hunter2",
// "temp pw set: hunter2", or with the value on the line below.
func (sc *scan) passwordWord(s, e int) {
	v := sc.v
	if e-s == 4 && (v[s]|0x20 == 'p') && v[s+2]|0x20 == 's' && v[s+3]|0x20 == 's' && !possessive(v, s) {
		return // "pass" is a word of its own
	}
	if inName(v, s, e) {
		return
	}
	sc.passwordColumn(s)
	sc.passwordBefore(s)
	if c := sc.byteAt(e); c != ' ' && c != ':' && c != '=' && c != '.' && c != '\n' {
		return
	}
	if strings.HasPrefix(v[e:], " de passe ") {
		return // "mot de passe" is met at "passe"
	}
	from, joined := sc.toValue(e)
	if from <= e+1 && v[e] != ' ' {
		return // an assignment
	}
	w := from
	for w < len(v) && w < from+8 && lower[v[w]] != 0 {
		w++
	}
	if !joined && aboutWhat(v[from:w]) { // "the password for jane is hunter2"
		if from = sc.connectorAfter(w); from == 0 {
			return
		}
		joined = true
	}
	start, end, quoted := sc.value(from, false)
	if end-start < 4 {
		return
	}
	val := v[start:end]
	if connector(val) {
		return
	}
	n, made := classes(val), madeUp(val)
	switch {
	case quoted && joined && n >= 1:
		sc.password(start, end, true, 0.85)
	case joined && (n >= 2 && hasDigitOrSymbol(val) || made >= likelyMade):
		sc.password(start, end, false, 0.85)
	case joined && n == 1 && possessive(v, s) && atSentenceEnd(v, end):
		sc.password(start, end, false, 0.6)
	case !joined && !quoted && (n >= 2 && hasDigit(val) && end-start >= 6 && lower[val[0]] != 0 && mostlyWord(val) || made >= wordsMade):
		sc.password(start, end, false, 0.6)
	case !joined && quoted && made >= wordsMade:
		sc.password(start, end, true, 0.7)
	}
}

// toValue goes from the end of a word for password to where its value may begin: over connectors, a remark in
// brackets, leader dots, and a colon that ends the line. It reports whether one of them joins the two.
func (sc *scan) toValue(i int) (from int, joined bool) {
	v := sc.v
	for range 8 {
		for k := i + 4; i < k && at(v, i) == ' '; i++ {
			continue
		}
		switch c := at(v, i); {
		case c == ':' || c == '=':
			i, joined = i+1, true
			if k := i; at(v, k) == '\n' || at(v, k) == '\r' && at(v, k+1) == '\n' || at(v, k) == ' ' && at(v, k+1) == '\n' {
				i = k + strings.IndexByte(v[k:], '\n') + 1
				return i, sc.alone(i)
			}
		case c == '.' && at(v, i+1) == '.' && at(v, i+2) == '.':
			for at(v, i) == '.' {
				i++
			}
			joined = true
			if at(v, i) == '\n' {
				return i + 1, sc.alone(i + 1)
			}
		case c == '(':
			k := strings.IndexByte(v[i:min(len(v), i+32)], ')')
			if k < 0 {
				return i, joined
			}
			i += k + 1
		case c == '-' && (at(v, i+1) == ' ' || at(v, i+1) == '>'), c == '>' && at(v, i+1) == ' ':
			i, joined = i+1, true
			if at(v, i) == '>' {
				i++
			}
		case lower[c] != 0:
			k := i
			for k < len(v) && k-i < 12 && lower[v[k]] != 0 {
				k++
			}
			if at(v, k) != ' ' && at(v, k) != ':' {
				return i, joined
			}
			switch w := v[i:k]; {
			case connector(w):
				joined = joined || !strings.EqualFold(w, "e") || at(v, k) == ' '
			case !between[strings.ToLower(w)]:
				return i, joined
			}
			i = k
		default:
			return i, joined
		}
	}
	return i, joined
}

// alone reports whether one token fills the line that begins at i.
func (sc *scan) alone(i int) bool {
	v, k := sc.v, i
	for k < len(v) && k-i < maxMadeUp && v[k] > ' ' {
		k++
	}
	return k > i+3 && (k == len(v) || v[k] == '\n' || v[k] == '\r')
}

// between are words that may stand between "password" and its value without joining them.
var between = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`set given now currently still changed reset should be would will must temporarily set-up used
		field value neu jetzt gerade momentan derzeit sein derived temporary one the in use issued provisoire actuel
		actual temporal nuevo ahora sera wurde wird wurde geandert gesetzt i you we sent me us gave it as such`) {
		m[w] = true
	}
	return m
}()

// passwordBefore handles a word for password at s behind its value: "hunter2! as the temporary password",
// "Xk29!dd als Kennwort".
func (sc *scan) passwordBefore(s int) {
	v, i := sc.v, s
	for range 5 {
		if i < 2 || v[i-1] != ' ' {
			return
		}
		k := i - 1
		for k > 0 && i-k < 14 && (lower[v[k-1]] != 0 || v[k-1] == '-') {
			k--
		}
		switch strings.ToLower(v[k : i-1]) {
		case "as", "als", "comme", "como", "come", "som":
			e := k
			for e > 0 && k-e < 3 && strings.IndexByte(" \"'`", v[e-1]) >= 0 {
				e--
			}
			b := e
			for b > 0 && e-b < maxMadeUp && !endsToken(v[b-1]) {
				b--
			}
			if w := v[b:e]; e-b >= 5 && (madeUp(w) > notMadeUp || hasDigit(w) && hasLetter(w)) {
				sc.password(b, e, e < k-1, 0.7)
			}
			return
		case "a", "an", "the", "my", "our", "new", "your", "temporary", "temp", "initial", "default", "admin", "root", "wifi", "wi-fi",
			"de", "mot", "mein", "neues", "das", "sein", "ihr", "unser", "su", "mi", "la", "le", "ma", "mon", "notre", "contrasena":
		default:
			return
		}
		i = k
	}
}

// aboutWhat reports whether w leads from "password" to what it opens.
func aboutWhat(w string) bool {
	switch strings.ToLower(w) {
	case "for", "fur", "fuer", "pour", "para", "of", "von", "vom", "zum", "to", "on", "per", "del", "du":
		return true
	}
	return false
}

// connectorAfter returns where the value begins behind the next connector in the sentence, or 0.
func (sc *scan) connectorAfter(i int) int {
	v := sc.v
	limit := min(len(v), i+48)
	for i < limit && v[i] != '\n' && v[i] != '.' && v[i] != ';' && v[i] != '?' {
		if v[i] == ':' && at(v, i+1) == ' ' {
			return i + 2
		}
		k := i
		for k < limit && lower[v[k]] != 0 {
			k++
		}
		if k > i+1 && at(v, k) == ' ' && connector(v[i:k]) && v[i:k] != "to" {
			return k + 1
		}
		i = max(k, i+1)
	}
	return 0
}

func hasDigit(s string) bool {
	for i := range len(s) {
		if isDigit(s[i]) {
			return true
		}
	}
	return false
}

func hasDigitOrSymbol(s string) bool {
	for i := range len(s) - 1 {
		if lower[s[i]] == 0 && s[i] != '\'' && s[i] != '-' && s[i] != '/' && s[i] != '.' {
			return true
		}
	}
	return isDigit(s[len(s)-1]) || strings.IndexByte("!#$%&*+?@", s[len(s)-1]) >= 0 && hasDigit(s)
}

// mostlyWord reports whether s holds nothing that code is made of.
func mostlyWord(s string) bool { return !strings.ContainsAny(s, "()[]{}=/\\.:|<>") }

// possessive reports whether a word such as "my" stands before s.
func possessive(v string, s int) bool {
	if s < 3 || v[s-1] != ' ' {
		return false
	}
	i := s - 1
	for i > 0 && s-i < 8 && lower[v[i-1]] != 0 {
		i--
	}
	switch strings.ToLower(v[i : s-1]) {
	case "my", "mein", "mi", "mon", "the", "das", "la", "your", "our", "his", "her", "de":
		return true
	}
	return false
}

func atSentenceEnd(v string, i int) bool {
	return i >= len(v) || strings.IndexByte(".!\n\r,;)\"'", v[i]) >= 0
}
