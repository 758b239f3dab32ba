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
		lost updated accepted rejected denied failed fails still also again now already only protected-by visible
		uint uint8 uint16 uint32 uint64 int8 int16 int32 int64 float32 float64 sha1 sha256 sha512 md5 oauth2 utf8 char
		falsch richtig abgelaufen vergessen ist war und oder der die das ein eine nicht kein bitte siehe mein dein ihr
		incorrecta correcta olvidada caducada es el la los un una mi tu su no y o del de
		incorrect oublie expire le les une est et ou mon votre son n/a na tbd`) {
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
	case "is", "was", "ist", "lautet", "war", "es", "est", "era", "e", "to", "are", "auf":
		return true
	}
	return false
}

// passwordWord handles a word for password at [s, e) in running text: "my password is hunter2", "Passwort hunter2".
func (sc *scan) passwordWord(s, e int) {
	v := sc.v
	if sc.byteAt(e) != ' ' {
		return
	}
	if e-s == 4 && !possessive(v, s) {
		return // "pass" is a word of its own
	}
	from, joined := e+1, false
	if strings.HasPrefix(v[e:], " - ") {
		from, joined = e+3, true
	}
	w := from
	for w < len(v) && w < from+8 && lower[v[w]] != 0 {
		w++
	}
	if !joined && w < len(v) && (v[w] == ' ' || v[w] == ':') && connector(v[from:w]) {
		from, joined = w+1, true
	} else if v[from:w] == "de" && strings.HasPrefix(v[w:], " passe ") {
		return // "mot de passe" is met at "passe"
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
	n := classes(val)
	switch {
	case quoted && joined && n >= 1:
		sc.password(start, end, true, 0.85)
	case joined && (n >= 2 && hasDigitOrSymbol(val)):
		sc.password(start, end, false, 0.85)
	case joined && n == 1 && possessive(v, s) && atSentenceEnd(v, end):
		sc.password(start, end, false, 0.6)
	case !joined && !quoted && n >= 2 && hasDigit(val) && end-start >= 6 && lower[val[0]] != 0 && mostlyWord(val):
		sc.password(start, end, false, 0.6)
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
