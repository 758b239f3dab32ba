package detect

import (
	"net/netip"
	"strings"
)

const maxURL = 2048

// urlByte marks what a URL goes on with (RFC 3986, less what text puts around URLs).
var urlByte = func() (t [256]bool) {
	for c := 0x21; c < 0x100; c++ {
		t[c] = true
	}
	for _, c := range []byte("\"<>`{}|\\^\x7f") {
		t[c] = false
	}
	return t
}()

// url handles "://" at i.
func (sc *scan) url(i int) {
	if i < sc.urlEnd {
		return
	}
	v, start := sc.v, i
	for start > 0 && i-start < 24 && (isAlnum(v[start-1]) || v[start-1] == '+' || v[start-1] == '-' || v[start-1] == '.') {
		start--
	}
	for start < i && lower[v[start]] == 0 {
		start++
	}
	if i-start < 2 {
		return
	}
	sc.urlFrom(start, i+3)
}

// www handles the word "www".
func (sc *scan) www(start, end int) {
	if start < sc.urlEnd || sc.byteAt(end) != '.' || !isAlnum(sc.byteAt(end+1)) {
		return
	}
	sc.urlFrom(start, end+1)
}

// inURL reports, once the text was read, whether s stands in a URL. It is asked about places in order, give or take the
// length of a token.
func (sc *scan) inURL(s int) bool {
	for sc.urlAt < len(sc.urls) && sc.urls[sc.urlAt][1] <= s-maxMadeUp {
		sc.urlAt++
	}
	for _, u := range sc.urls[sc.urlAt:] {
		sc.steps++
		if u[0] > s {
			break
		}
		if s < u[1] {
			return true
		}
	}
	return false
}

// urlFrom reads the URL that begins at start and has its authority at auth.
func (sc *scan) urlFrom(start, auth int) {
	v := sc.v
	limit := min(len(v), auth+maxURL)
	end := auth
	for end < limit && urlByte[v[end]] {
		end++
	}
	sc.urlEnd = end
	sc.urls = append(sc.urls, [2]int{start, end})
	// What closes a sentence or a bracket is not part of the URL.
	for end > auth {
		c := v[end-1]
		if strings.IndexByte(".,;:!?'*_)]", c) < 0 {
			break
		}
		if (c == ')' && strings.IndexByte(v[auth:end], '(') >= 0) || (c == ']' && strings.IndexByte(v[auth:end], '[') >= 0) {
			break
		}
		end--
	}
	if end-auth < 3 {
		return
	}
	host := auth
	slash := auth
	for slash < end && v[slash] != '/' && v[slash] != '?' && v[slash] != '#' {
		slash++
	}
	if at := strings.LastIndexByte(v[auth:slash], '@'); at > 0 {
		host = auth + at + 1
		sc.userEnd = host
		if colon := strings.IndexByte(v[auth:auth+at], ':'); colon >= 0 && colon < at-1 && !placeholder(v[auth+colon+1:auth+at]) {
			sc.add(auth, auth+at, Secret, "url-credentials", 0.95)
		}
	}
	if !isAlnum(sc.byteAt(host)) && sc.byteAt(host) != '[' && sc.byteAt(host) < 0x80 {
		return
	}
	for _, w := range webhooks {
		if rest, ok := strings.CutPrefix(v[host:end], w.prefix); ok && len(rest) >= 20 {
			sc.add(start, end, Secret, w.rule, 0.98)
			return
		}
	}
	sc.webhook(start, auth, end)
	sc.add(start, end, URL, "url", 0.5)
}

// webhooks are URLs that are a secret as a whole: who knows one may post.
var webhooks = []struct{ prefix, rule string }{
	{"hooks.slack.com/services/", "slack-webhook-url"},
	{"hooks.slack.com/workflows/", "slack-webhook-url"},
	{"discord.com/api/webhooks/", "discord-webhook-url"},
	{"discordapp.com/api/webhooks/", "discord-webhook-url"},
}

// ipv4 handles a token of digits at i that may begin a dotted quad. It reports whether it was one.
func (sc *scan) ipv4(i int) bool {
	v, j := sc.v, i
	big := false
	for k := range 4 {
		start, n := j, 0
		for j < len(v) && isDigit(v[j]) && j-start < 4 {
			n = n*10 + int(v[j]-'0')
			j++
		}
		if j == start || j-start > 3 || n > 255 || j-start > 1 && v[start] == '0' {
			return false
		}
		big = big || n > 30
		if k < 3 {
			if j >= len(v) || v[j] != '.' {
				return false
			}
			j++
		}
	}
	if c := sc.byteAt(j); isAlnum(c) || c == '.' && isDigit(sc.byteAt(j+1)) || c == '_' {
		return false
	}
	if c := sc.byteAt(i - 1); c == '.' || c == '-' && isAlnum(sc.byteAt(i-2)) || c == '_' {
		return false
	}
	if lower[sc.byteAt(i-1)] == 'v' {
		return false
	}
	c := sc.ctx
	score := float32(0.6)
	switch {
	case sc.label(i)&ctxVersion != 0 && sc.label(i)&ctxIP&^ctxVersion == 0, c.near&ctxVersion != 0 && strings.HasSuffix(strings.ToLower(v[max(0, i-8):i]), "version "):
		return false
	case c.near&ctxIP != 0 || sc.byteAt(j) == ':' && isDigit(sc.byteAt(j+1)) || sc.byteAt(j) == '/' && isDigit(sc.byteAt(j+1)):
		score = 0.95
	case c.near&ctxVersion != 0 || sc.byteAt(i-1) == '/' && !big:
		return false // "version 1.2.3.4", "Chrome/120.0.0.0"
	case !big:
		score = 0.45
	case c.far&ctxIP != 0:
		score = 0.85
	}
	if s := v[i:j]; s == "0.0.0.0" || strings.HasPrefix(s, "127.") || strings.HasPrefix(s, "255.") {
		score = 0.35 // loopback, any and masks identify nobody
	}
	sc.add(i, j, IP, "ipv4", score)
	return true
}

// hexColon handles a ':' at i as the first separator of a MAC address or part of an IPv6 address.
func (sc *scan) hexColon(i int) {
	if i < sc.hexEnd {
		return
	}
	v := sc.v
	p, n := sc.byteAt(i-1), sc.byteAt(i+1)
	if hexValue(p) < 0 && n != ':' || hexValue(n) < 0 && n != ':' {
		return
	}
	if sc.macAt(i, ':') {
		return
	}
	const maxV6 = 46
	start, end := i, i
	for start > 0 && i-start < maxV6 && (hexValue(v[start-1]) >= 0 || v[start-1] == ':') {
		start--
	}
	colons := 0
	for end < len(v) && end-i < maxV6 && (hexValue(v[end]) >= 0 || v[end] == ':' || v[end] == '.' && isDigit(sc.byteAt(end+1))) {
		if v[end] == ':' {
			colons++
		}
		end++
	}
	sc.hexEnd = end
	for end > start && v[end-1] == ':' && (end-2 < start || v[end-2] != ':') {
		end--
	}
	if colons < 2 || end-start < 3 || end-start > maxV6 || isAlnum(sc.byteAt(start-1)) || isAlnum(sc.byteAt(end)) {
		return
	}
	a, err := netip.ParseAddr(v[start:end])
	if err != nil || !a.Is6() {
		return
	}
	digits, groups := 0, 0
	for k := start; k < end; k++ {
		if isDigit(v[k]) {
			digits++
		}
		if v[k] != ':' && (k == start || v[k-1] == ':') {
			groups++
		}
	}
	score := float32(0.9)
	switch {
	case a.IsUnspecified():
		return
	case a.IsLoopback():
		score = 0.35
	case digits == 0 && groups < 4, groups < 2:
		return // "a::b" in code
	case groups < 3:
		score = 0.6
	}
	if sc.byteAt(end) == '%' { // the zone
		for end++; end < len(v) && isAlnum(v[end]); end++ {
			continue
		}
	}
	sc.add(start, end, IP, "ipv6", score)
}

// macAt handles a separator at i as the first of a MAC address (IEEE 802: six octets).
func (sc *scan) macAt(i int, sep byte) bool {
	v, start := sc.v, i-2
	if start < 0 || i+15 > len(v) || v[i+3] != sep || hexValue(v[start]) < 0 || hexValue(v[i-1]) < 0 {
		return false
	}
	zero := true
	for k := range 17 {
		c := v[start+k]
		if k%3 == 2 {
			if c != sep {
				return false
			}
			continue
		}
		if hexValue(c) < 0 {
			return false
		}
		zero = zero && c == '0'
	}
	end := start + 17
	if isAlnum(sc.byteAt(start-1)) || sc.byteAt(start-1) == sep || isAlnum(sc.byteAt(end)) || zero ||
		sc.byteAt(end) == sep && hexValue(sc.byteAt(end+1)) >= 0 {
		return false
	}
	sc.hexEnd = end
	sc.add(start, end, MAC, "mac", 0.95)
	return true
}
