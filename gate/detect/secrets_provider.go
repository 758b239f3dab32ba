package detect

import "strings"

// provider is a service whose keys have no prefix: one is told by the name that it is assigned to. Names are in lower
// case without separators; the rules carry the names that gitleaks uses.
type provider struct {
	name string
	rule string
	set  charset
	n    int // the length of its keys
}

var providers = []provider{
	{"adafruit", "adafruit-api-key", csURL, 32},
	{"adobe", "adobe-client-id", csHex, 32},
	{"airtable", "airtable-api-key", csAlnum, 17},
	{"algolia", "algolia-api-key", csLower, 32},
	{"alibaba", "alibaba-secret-key", csAlnum, 30},
	{"asana", "asana-client-id", csLower, 16},
	{"asana", "asana-client-secret", csLower, 32},
	{"atlassian", "atlassian-api-token", csAlnum, 24},
	{"confluence", "atlassian-api-token", csAlnum, 24},
	{"jira", "atlassian-api-token", csAlnum, 24},
	{"beamer", "beamer-api-token", csBase64, 46},
	{"bitbucket", "bitbucket-client-id", csLower, 32},
	{"bitbucket", "bitbucket-client-secret", csBase64, 64},
	{"bittrex", "bittrex-access-key", csLower, 32},
	{"meraki", "cisco-meraki-api-key", csHex, 40},
	{"cloudflare", "cloudflare-api-key", csURL, 40},
	{"cloudflare", "cloudflare-global-api-key", csHex, 37},
	{"codecov", "codecov-access-token", csLower, 32},
	{"cohere", "cohere-api-token", csAlnum, 40},
	{"coapikey", "cohere-api-token", csAlnum, 40},
	{"coinbase", "coinbase-access-token", csURL, 64},
	{"confluent", "confluent-access-token", csAlnum, 16},
	{"confluent", "confluent-secret-key", csAlnum, 64},
	{"contentful", "contentful-delivery-api-token", csBase64, 43},
	{"datadog", "datadog-access-token", csAlnum, 40},
	{"discord", "discord-api-token", csHex, 64},
	{"discord", "discord-client-secret", csURL, 32},
	{"discord", "discord-client-id", csLower, 18},
	{"droneci", "droneci-access-token", csLower, 32},
	{"dropbox", "dropbox-api-token", csLower, 15},
	{"etsy", "etsy-access-token", csLower, 24},
	{"facebook", "facebook-secret", csHex, 32},
	{"fastly", "fastly-api-token", csURL, 32},
	{"finicity", "finicity-api-token", csHex, 32},
	{"finicity", "finicity-client-secret", csLower, 20},
	{"finnhub", "finnhub-access-token", csLower, 20},
	{"flickr", "flickr-access-token", csLower, 32},
	{"freshbooks", "freshbooks-access-token", csLower, 64},
	{"gitter", "gitter-access-token", csURL, 40},
	{"heroku", "heroku-api-key", csURL, 36},
	{"hubspot", "hubspot-api-key", csURL, 36},
	{"intercom", "intercom-api-key", csBase64, 60},
	{"jfrog", "jfrog-api-key", csAlnum, 73},
	{"artifactory", "jfrog-api-key", csAlnum, 73},
	{"jfrog", "jfrog-identity-token", csAlnum, 64},
	{"kraken", "kraken-access-token", csBase64, 88},
	{"kucoin", "kucoin-access-token", csHex, 24},
	{"kucoin", "kucoin-secret-key", csURL, 36},
	{"launchdarkly", "launchdarkly-access-token", csURL, 40},
	{"linear", "linear-client-secret", csHex, 32},
	{"linkedin", "linkedin-client-id", csLower, 14},
	{"linkedin", "linkedin-client-secret", csAlnum, 16},
	{"looker", "looker-client-id", csLower, 20},
	{"looker", "looker-client-secret", csLower, 24},
	{"mattermost", "mattermost-access-token", csLower, 26},
	{"messagebird", "messagebird-api-token", csLower, 25},
	{"netlify", "netlify-access-token", csURL, 43},
	{"nytimes", "nytimes-access-token", csURL, 32},
	{"okta", "okta-access-token", csURL, 42},
	{"plaid", "plaid-client-id", csLower, 24},
	{"plaid", "plaid-secret-key", csLower, 30},
	{"privateai", "privateai-api-token", csLower, 32},
	{"rapidapi", "rapidapi-access-token", csURL, 50},
	{"sendbird", "sendbird-access-id", csURL, 36},
	{"sendbird", "sendbird-access-token", csHex, 40},
	{"sentry", "sentry-access-token", csHex, 64},
	{"snyk", "snyk-api-token", csURL, 36},
	{"squarespace", "squarespace-access-token", csURL, 36},
	{"sumo", "sumologic-access-token", csLower, 64},
	{"sumo", "sumologic-access-id", csAlnum, 14},
	{"travis", "travisci-access-token", csAlnum, 22},
	{"trello", "trello-access-token", csAlnum, 32},
	{"twitch", "twitch-api-token", csLower, 30},
	{"twitter", "twitter-api-key", csAlnum, 25},
	{"twitter", "twitter-api-secret", csAlnum, 50},
	{"twitter", "twitter-access-secret", csAlnum, 45},
	{"zendesk", "zendesk-secret-key", csLower, 40},
}

// providersBy lists the providers by the length of their keys.
var providersBy = func() (t [96][]*provider) {
	for i := range providers {
		p := &providers[i]
		t[p.n] = append(t[p.n], p)
	}
	return t
}()

// provided reports the value at i that a name with a service in it is given, if it has the form of the service's keys.
func (sc *scan) provided(key []byte, i int) bool {
	s, e, _ := sc.value(i, i < sc.urlEnd)
	if e-s >= len(providersBy) || len(providersBy[e-s]) == 0 || !mixed(sc.v[s:e]) || !hasDigit(sc.v[s:e]) {
		return false
	}
	for _, p := range providersBy[e-s] {
		if !strings.Contains(string(key), p.name) || p.n < 20 && !strings.Contains(string(key), "key") && !strings.Contains(string(key), "token") && !strings.Contains(string(key), "secret") && !strings.Contains(string(key), "id") {
			continue
		}
		ok := true
		for _, c := range []byte(sc.v[s:e]) {
			ok = ok && p.set.has(c)
		}
		if ok {
			sc.add(s, e, Secret, p.rule, 0.92)
			return true
		}
	}
	return false
}

// telegram finds a bot's token at the colon i: the bot's number, and 35 characters of which the first is A.
func (sc *scan) telegram(i int) bool {
	v := sc.v
	s := i
	for s > 0 && i-s < 17 && isDigit(v[s-1]) {
		s--
	}
	if n := i - s; n < 5 || n > 16 || isAlnum(at(v, s-1)) || at(v, i+1) != 'A' {
		return false
	}
	e := i + 1
	for e < len(v) && e-i < 40 && csURL.has(v[e]) {
		e++
	}
	if e-i != 36 || !mixed(v[i+1:e]) {
		return false
	}
	sc.add(s, e, Secret, "telegram-bot-api-token", 0.95)
	return true
}

// webhook reports the URL [start, end) with its host at auth if who knows it may write.
func (sc *scan) webhook(start, auth, end int) {
	u := sc.v[auth:end]
	switch {
	case strings.HasPrefix(u, "hooks.slack.com/services/") && len(u) > 60, strings.HasPrefix(u, "hooks.slack.com/workflows/") && len(u) > 60:
		sc.add(start, end, Secret, "slack-webhook-url", 0.97)
	case strings.Contains(u, ".webhook.office.com/webhookb2/"), strings.HasPrefix(u, "outlook.office.com/webhook/"):
		sc.add(start, end, Secret, "microsoft-teams-webhook", 0.97)
	}
}

// suffixed finds the keys whose run of letters and digits [s, e) is followed by what tells them.
func (sc *scan) suffixed(s, e int) {
	v := sc.v
	const atlas = ".atlasv1."
	switch {
	case e-s == 14 && strings.HasPrefix(v[e:], atlas): // Terraform Cloud
		z := e + len(atlas)
		for z < len(v) && z-e < 90 && csBase64.has(v[z]) {
			z++
		}
		if n := z - e - len(atlas); n >= 60 && n <= 70 {
			sc.add(s, z, Secret, "hashicorp-tf-api-token", 0.98)
		}
	case e-s == 32 && strings.HasPrefix(v[e:], "-us") && isDigit(at(v, e+3)): // Mailchimp
		z := e + 4
		if isDigit(at(v, z)) {
			z++
		}
		for _, c := range []byte(v[s:e]) {
			if !csHex.has(c) {
				return
			}
		}
		if !isAlnum(at(v, z)) && mixed(v[s:e]) {
			sc.add(s, z, Secret, "mailchimp-api-key", 0.95)
		}
	}
}
