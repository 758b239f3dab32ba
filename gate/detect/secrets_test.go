package detect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/gate/detect"
)

const (
	base62 = "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8bC0fX"
	hex16  = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
	upper  = "ABCDEF2GHIJK3LMNO4PQRS5TUVW6XYZ7"
)

// body repeats alphabet to n characters: no real token, but as mixed as one.
func body(alphabet string, n int) string { return strings.Repeat(alphabet, n/len(alphabet)+1)[:n] }

// tokens are made here, at run time, so that no scanner of this repository takes them for real ones.
var tokens = []struct{ rule, prefix, body string }{
	{"aws-access-token", "AKIA", body(upper, 16)},
	{"aws-access-token", "ASIA", body(upper, 16)},
	{"github-pat", "ghp" + "_", body(base62, 36)},
	{"github-oauth", "gho" + "_", body(base62, 36)},
	{"github-app-token", "ghs" + "_", body(base62, 36)},
	{"github-refresh-token", "ghr" + "_", body(base62, 36)},
	{"github-fine-grained-pat", "github" + "_pat_", body(base62, 82)},
	{"gitlab-pat", "glpat" + "-", body(base62, 20)},
	{"gitlab-deploy-token", "gldt" + "-", body(base62, 20)},
	{"slack-bot-token", "xoxb" + "-", "123456789012-1234567890123-" + body(base62, 24)},
	{"slack-user-token", "xoxp" + "-", "123456789012-1234567890123-" + body(base62, 24)},
	{"slack-app-token", "xapp" + "-", "1-A0123456789-1234567890123-" + body(hex16, 64)},
	{"stripe-access-token", "sk" + "_live_", body(base62, 24)},
	{"stripe-access-token", "rk" + "_test_", body(base62, 24)},
	{"gcp-api-key", "AIza", body(base62, 35)},
	{"openai-api-key", "sk" + "-", body(base62, 48)},
	{"openai-api-key", "sk" + "-proj-", body(base62, 74)},
	{"anthropic-api-key", "sk" + "-ant-api03-", body(base62, 93) + "AA"},
	{"anthropic-admin-api-key", "sk" + "-ant-admin01-", body(base62, 93) + "AA"},
	{"twilio-api-key", "S" + "K", body(hex16, 32)},
	{"twilio-account-sid", "A" + "C", body(hex16, 32)},
	{"sendgrid-api-token", "SG" + ".", body(base62, 22) + "." + body(base62, 43)},
	{"npm-access-token", "npm" + "_", body(base62, 36)},
	{"pypi-upload-token", "pypi" + "-AgEI", "cHlwaS5vcmc" + body(base62, 60)},
	{"huggingface-access-token", "hf" + "_", body(base62, 34)},
	{"digitalocean-pat", "dop" + "_v1_", body(hex16, 64)},
	{"shopify-access-token", "shpat" + "_", body(hex16, 32)},
	{"databricks-api-token", "dapi", body(hex16, 32)},
	{"vault-service-token", "hvs" + ".", body(base62, 90)},
	{"grafana-service-account-token", "glsa" + "_", body(base62, 32) + "_0a1b2c3d"},
	{"linear-api-key", "lin" + "_api_", body(base62, 40)},
	{"azure-ad-client-secret", "abc8Q" + "~", body(base62, 34)},
	{"artifactory-reference-token", "cmVm" + "d", body(base62, 59)},
	{"clickhouse-cloud-api-secret-key", "4b1" + "d", body(base62, 38)},
	{"duffel-api-token", "duffel" + "_test_", body(base62, 43)},
	{"flutterwave-public-key", "FLWPUBK" + "_TEST-", body(hex16, 32)},
	{"gocardless-api-token", "live" + "_", body(base62, 40)},
	{"intra42-client-secret", "s-s4t2" + "ud-", body(hex16, 64)},
	{"settlemint-personal-access-token", "sm" + "_pat_", body(base62, 16)},
	{"yandex-api-key", "AQV" + "N", body(base62, 35)},
	{"plaid-api-token", "access" + "-sandbox-", "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"},
	{"gitlab-feature-flag-client-token", "glffct" + "-", body(base62, 20)},
	{"hashicorp-tf-api-token", "aB3dE5gH7jK9mN" + ".atlasv1.", body(base62, 67)},
	{"mailchimp-api-key", hex16, "-us12"},
	{"jwt", "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ", "zdWIiOiIxMjM0NTY3ODkwIn0." + body(base62, 43)},
}

func TestTokens(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	for i, tok := range tokens {
		t.Run(fmt.Sprintf("%02d %s", i, tok.rule), func(t *testing.T) {
			t.Parallel()
			value := tok.prefix + tok.body
			for _, around := range []string{"%s", "key is %s.", `{"k":"%s"}`, "K=%s\n", "`%s`", "(%s)", "<b>%s</b>", "%s,x", "https://example.com/?k=%s&b=1"} {
				text := strings.Replace(around, "%s", value, 1)
				ok := false
				for _, f := range s.Scan(nil, text) {
					ok = ok || f.Type == detect.Secret && f.Rule == tok.rule && text[f.Start:f.End] == value
				}
				if !ok {
					t.Errorf("not found in %q: %+v", around, s.Scan(nil, text))
				}
			}
			for _, f := range s.Scan(nil, "see "+tok.prefix+" and "+tok.prefix+"x for more") {
				if f.Type == detect.Secret {
					t.Errorf("the prefix alone is found: %+v", f)
				}
			}
		})
	}
}

// TestAssignedKeys: a key without a form of its own is told by the name that it is given to.
func TestAssignedKeys(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	for rule, text := range map[string]string{ //nolint:gosec // G101: made up
		"adafruit-api-key":        "ADAFRUIT_IO_KEY=" + body(hex16, 32),
		"algolia-api-key":         `"algolia_api_key": "` + body(hex16, 32) + `"`,
		"asana-client-secret":     "asana.client_secret = '" + body(hex16, 32) + "'",
		"cloudflare-api-key":      "CLOUDFLARE_API_TOKEN: " + body(base62, 40),
		"coinbase-access-token":   "coinbase_token=" + body(hex16, 64),
		"datadog-access-token":    "DATADOG_APP_KEY=" + body(base62, 40),
		"discord-client-secret":   "DISCORD_SECRET=" + body(base62, 32),
		"heroku-api-key":          "HEROKU_API_KEY=0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
		"netlify-access-token":    "netlify_token: " + body(base62, 43),
		"okta-access-token":       "okta_token = " + body(base62, 42),
		"snyk-api-token":          "SNYK_TOKEN=0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
		"twitter-api-secret":      "twitter_api_secret=" + body(base62, 50),
		"zendesk-secret-key":      "ZENDESK_SECRET_KEY=" + body(hex16, 40),
		"telegram-bot-api-token":  "bot 123456789:A" + body(base62, 34) + " here",
		"slack-webhook-url":       "https://hooks.slack.com/services/T0A1B2C3D/B0A1B2C3D/" + body(base62, 24),
		"microsoft-teams-webhook": "https://acme.webhook.office.com/webhookb2/" + body(hex16, 32) + "/IncomingWebhook/x/y",
		"curl-auth-header":        "Authorization: Bearer " + body(base62, 40),
		"generic-api-key":         "acme_api_key=" + body(base62, 40),
	} {
		ok := false
		for _, f := range s.Scan(nil, text) {
			ok = ok || f.Type == detect.Secret && f.Rule == rule
		}
		if !ok {
			t.Errorf("%s is not found in %q: %+v", rule, text, s.Scan(nil, text))
		}
	}
	for _, text := range []string{"cloudflare_zone=production", "datadog: the agent", "HEROKU_APP=my-app-name-in-the-cloud-of-heroku-xx", "discord.channel: general"} {
		for _, f := range s.Scan(nil, text) {
			if f.Type == detect.Secret {
				t.Errorf("found %+v in %q", f, text)
			}
		}
	}
}
