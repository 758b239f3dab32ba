package detect

import "strings"

// wifiKey handles a word for key, or for a wireless network, at [s, e): "Wi-Fi key: x", "WLAN-Schlüssel x",
// "clé du wifi : x".
func (sc *scan) wifiKey(s, e int) {
	v := sc.v
	if at(v, s-1) == '_' || at(v, e) == '_' {
		sc.prefixedKey(s, e)
		return
	}
	if s < 3 || v[s-1] != ' ' && v[s-1] != '-' && v[s-1] != '_' {
		return
	}
	word := func(end int) (w string, start int) {
		start = end
		for start > 0 && end-start < 14 && lower[v[start-1]] != 0 {
			start--
		}
		return strings.ToLower(v[start:end]), start
	}
	w, k := word(s - 1)
	switch lower[v[s]] {
	case 'w': // the network's name stands behind: "clé du wifi"
		switch w {
		case "du", "de", "del", "della", "van", "zum", "vom", "furs":
			w, _ = word(k - 1)
			switch w {
			case "cle", "clave", "chiave", "code", "codigo", "sleutel", "schlussel", "contrasena", "senha":
				sc.secretPhrase(e)
			}
		}
		return
	}
	switch w {
	case "fi":
		if at(v, k-1) == '-' || at(v, k-1) == ' ' {
			w, _ = word(k - 1)
		}
		if w != "wi" {
			return
		}
	case "wifi", "wlan", "wireless", "ssid", "wpa", "wep", "psk", "hotspot", "router", "network", "netzwerk", "red", "reseau", "guest", "recovery",
		"license", "licence", "activation", "product":
	default:
		return
	}
	sc.secretPhrase(e)
}

// secretPhrase reports the value behind a phrase that names a secret and ends at e.
func (sc *scan) secretPhrase(e int) {
	from, joined := sc.toValue(e)
	s, end, quoted := sc.value(from, false)
	if end-s < 6 {
		return
	}
	w := sc.v[s:end]
	if madeUp(w) > notMadeUp || joined && classes(w) >= 2 && hasDigitOrSymbol(w) || joined && quoted {
		sc.password(s, end, quoted, 0.75)
	}
}

// userPassword handles a word for an account that ends at e, with its password behind a slash or colon: "root / x".
func (sc *scan) userPassword(e int) {
	v, i := sc.v, e
	if at(v, i) == ' ' {
		i++
	}
	if c := at(v, i); c != '/' && c != ':' || i == e && c == '/' && !hasDigit(v[e:min(len(v), e+24)]) {
		return
	}
	if i++; at(v, i) == ' ' {
		i++
	}
	s, end, quoted := sc.value(i, false)
	if s == i && madeUp(v[s:end]) > notMadeUp {
		sc.password(s, end, quoted, 0.6)
	}
	// "login: jane / x", "user: jane, x"
	if k := strings.Index(v[s:min(len(v), end+3)], " / "); k > 0 || strings.HasPrefix(v[end:], " / ") {
		if s, end, quoted = sc.value(end+3, false); madeUp(v[s:end]) > notMadeUp {
			sc.password(s, end, quoted, 0.6)
		}
	}
}

// codeWord handles a word for code at [s, e) that another word makes one to get in with: "verification code 482913",
// "recovery codes: x".
func (sc *scan) codeWord(s, e int) {
	v := sc.v
	k := s
	if k > 0 && (v[k-1] == ' ' || v[k-1] == '-' || v[k-1] == '_') {
		k--
	}
	b := k
	for b > 0 && k-b < 16 && lower[v[b-1]] != 0 {
		b--
	}
	opens := strings.HasSuffix(strings.ToLower(v[s:e]), "scode") || strings.EqualFold(v[s:e], "einmalcode")
	switch strings.ToLower(v[b:k]) {
	case "verification", "confirmation", "security", "login", "time", "otp", "factor", "2fa", "mfa", "sms", "auth", "authentication", "recovery", "backup", "access",
		"unlock", "reset", "pin", "passcode", "entry", "door", "alarm", "gate", "sign", "wifi", "wiederherstellungs", "bestatigungs":
		opens = true
	}
	//nolint:misspell // Spanish
	if strings.HasPrefix(v[e:], " de verificacion") || strings.HasPrefix(v[e:], " de seguridad") || strings.HasPrefix(v[e:], " de verification") ||
		strings.HasPrefix(v[e:], " de securite") || strings.HasPrefix(v[e:], " de confirmation") || strings.HasPrefix(v[e:], " de acceso") {
		opens = true
		e += 4
		for at(v, e) != 0 && lower[v[e]] != 0 {
			e++
		}
	}
	if !opens {
		return
	}
	from, joined := sc.toValue(e)
	i, end, _ := sc.value(from, false)
	for range 12 { // a list of codes
		if f, z := figures(v, end+1, 4); end-i == 3 && figuresIn(v[i:end]) == 3 && at(v, end) == ' ' && f >= 0 && z == end+4 && !isAlnum(at(v, z)) {
			sc.add(i, z, Secret, "access-code", 0.6) // 482 913
			return
		}
		w := v[i:end]
		n := figuresIn(w)
		if len(w) < 4 || len(w) > 24 || n < 2 || !joined && n < 4 {
			return
		}
		for _, c := range []byte(w) {
			if !isAlnum(c) && c != '-' {
				return
			}
		}
		sc.add(i, end, Secret, "access-code", 0.6)
		k := end
		for k < len(v) && k < end+3 && (v[k] == ',' || v[k] == ' ' || v[k] == '\n') {
			k++
		}
		if k == end {
			return
		}
		joined = false
		i, end, _ = sc.value(k, false)
	}
}

// prefixedKey handles a word such as "live" at [s, e) inside a key of the form that many services give out: a name,
// a mode, and a random body, joined by underscores: acme_live_9f86d081884c7d65.
func (sc *scan) prefixedKey(s, e int) {
	v := sc.v
	if at(v, s-1) != '_' || at(v, e) != '_' {
		return
	}
	b := s - 1
	for b > 0 && s-b < 16 && (isAlnum(v[b-1]) || v[b-1] == '_') {
		b--
	}
	end := e + 1
	for end < len(v) && end-e < 256 && isAlnum(v[end]) {
		end++
	}
	if n := end - e - 1; n < 16 || n > 200 || s-1-b < 2 || isAlnum(at(v, b-1)) || at(v, end) == '_' || !mixed(v[e+1:end]) || !hasDigit(v[e+1:end]) {
		return
	}
	sc.add(b, end, Secret, "prefixed-api-key", 0.9)
}

func figuresIn(w string) int {
	n := 0
	for i := range len(w) {
		if isDigit(w[i]) {
			n++
		}
	}
	return n
}

// lowerRun is the length of the longest run of small letters.
func lowerRun(w string) int {
	run, longest := 0, 0
	for i := range len(w) {
		if run++; !isLower(w[i]) {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// keyInContext reports a random token [s, e) where the text speaks of keys and of nothing that hashes.
func (sc *scan) keyInContext(s, e int) {
	v := sc.v
	w := v[s:e]
	if sc.ctx.near&ctxOrder != 0 || len(w) > 128 || !hasLetter(w) || entropy(w) < 3.2 || turns(w)*3 < len(w) || sc.inURL(s) || lowerRun(w) > 4 || figuresIn(w) < 4 || w[0] == '0' && w[1]|0x20 == 'x' {
		return
	}
	if p := at(v, s-1); p == '_' || p == '/' || p == '-' || p == '.' || p == '=' || at(v, e) == '-' || at(v, e) == '_' || at(v, e) == '(' || at(v, e) == '/' {
		return
	}
	sc.add(s, e, Secret, "generic-api-key", 0.6)
}
