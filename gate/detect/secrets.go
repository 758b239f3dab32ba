package detect

import "strings"

// charset is what the body of a token is made of.
type charset uint8

const (
	csAlnum  charset = iota // A-Z a-z 0-9
	csLower                 // a-z 0-9
	csHex                   // 0-9 a-f
	csUpper                 // A-Z 0-9
	csWord                  // csAlnum and _
	csURL                   // csAlnum, _ and -
	csBase64                // csURL, +, / and =
	csDotted                // csBase64 and .
)

func (s charset) has(c byte) bool {
	switch {
	case isDigit(c):
		return true
	case isLower(c):
		return s != csUpper && (s != csHex || c <= 'f')
	case isUpper(c):
		return s != csLower && s != csHex
	case c == '_':
		return s >= csWord
	case c == '-':
		return s >= csURL
	case c == '+', c == '/', c == '=':
		return s >= csBase64
	case c == '.':
		return s == csDotted
	}
	return false
}

// token is a secret known by its prefix. The body has min to max characters.
type token struct {
	prefix   string
	rule     string // the name gitleaks has for it
	set      charset
	min, max int
}

// tokens lists prefixes as their issuers document them; several carry them so that scanners can find them.
var tokens = []token{
	{"AKIA", "aws-access-token", csUpper, 16, 16},
	{"ASIA", "aws-access-token", csUpper, 16, 16},
	{"ABIA", "aws-access-token", csUpper, 16, 16},
	{"ACCA", "aws-access-token", csUpper, 16, 16},
	{"A3T", "aws-access-token", csUpper, 17, 17},
	{"ABSK", "aws-amazon-bedrock-api-key-long-lived", csBase64, 100, 300},
	{"ghp_", "github-pat", csAlnum, 36, 255},
	{"gho_", "github-oauth", csAlnum, 36, 255},
	{"ghu_", "github-app-token", csAlnum, 36, 255},
	{"ghs_", "github-app-token", csAlnum, 36, 255},
	{"ghr_", "github-refresh-token", csAlnum, 36, 255},
	{"github_pat_", "github-fine-grained-pat", csWord, 50, 255},
	{"glpat-", "gitlab-pat", csURL, 20, 300},
	{"gldt-", "gitlab-deploy-token", csURL, 20, 64},
	{"glrt-", "gitlab-runner-authentication-token", csURL, 20, 300},
	{"glcbt-", "gitlab-cicd-job-token", csURL, 20, 64},
	{"glptt-", "gitlab-ptt", csHex, 40, 40},
	{"glft-", "gitlab-feed-token", csURL, 20, 64},
	{"glsoat-", "gitlab-scim-token", csURL, 20, 64},
	{"gloas-", "gitlab-oauth-app-secret", csAlnum, 64, 64},
	{"glagent-", "gitlab-kubernetes-agent-token", csURL, 50, 50},
	{"GR1348941", "gitlab-rrt", csURL, 20, 20},
	{"xoxb-", "slack-bot-token", csURL, 20, 200},
	{"xoxp-", "slack-user-token", csURL, 28, 200},
	{"xoxe-", "slack-config-refresh-token", csURL, 28, 300},
	{"xoxe.xoxb-", "slack-config-access-token", csURL, 40, 300},
	{"xoxe.xoxp-", "slack-config-access-token", csURL, 40, 300},
	{"xoxa-", "slack-legacy-workspace-token", csURL, 8, 100},
	{"xoxr-", "slack-legacy-workspace-token", csURL, 8, 100},
	{"xoxo-", "slack-legacy-token", csURL, 20, 100},
	{"xoxs-", "slack-legacy-token", csURL, 20, 100},
	{"xapp-", "slack-app-token", csURL, 20, 200},
	{"sk_live_", "stripe-access-token", csAlnum, 10, 110},
	{"sk_test_", "stripe-access-token", csAlnum, 10, 110},
	{"rk_live_", "stripe-access-token", csAlnum, 10, 110},
	{"rk_test_", "stripe-access-token", csAlnum, 10, 110},
	{"sk_prod_", "stripe-access-token", csAlnum, 10, 110},
	{"whsec_", "stripe-webhook-secret", csBase64, 24, 110},
	{"AIza", "gcp-api-key", csURL, 35, 35},
	{"GOCSPX-", "gcp-oauth-client-secret", csURL, 28, 28},
	{"ya29.", "gcp-oauth-access-token", csURL, 30, 1024},
	{"sk-ant-api03-", "anthropic-api-key", csURL, 40, 200},
	{"sk-ant-admin01-", "anthropic-admin-api-key", csURL, 40, 200},
	{"sk-ant-", "anthropic-api-key", csURL, 32, 200},
	{"sk-proj-", "openai-api-key", csURL, 32, 256},
	{"sk-svcacct-", "openai-api-key", csURL, 32, 256},
	{"sk-admin-", "openai-api-key", csURL, 32, 256},
	{"sk-or-v1-", "openrouter-api-key", csHex, 64, 64},
	{"sk-", "openai-api-key", csAlnum, 32, 128},
	{"pplx-", "perplexity-api-key", csAlnum, 48, 48},
	{"gsk_", "groq-api-key", csAlnum, 48, 64},
	{"xai-", "xai-api-key", csAlnum, 70, 90},
	{"hf_", "huggingface-access-token", csAlnum, 30, 40},
	{"api_org_", "huggingface-organization-api-token", csAlnum, 30, 40},
	{"r8_", "replicate-api-token", csAlnum, 37, 37},
	{"AC", "twilio-account-sid", csHex, 32, 32},
	{"SK", "twilio-api-key", csHex, 32, 32},
	{"SG.", "sendgrid-api-token", csDotted, 60, 75},
	{"xkeysib-", "sendinblue-api-token", csURL, 70, 90},
	{"npm_", "npm-access-token", csAlnum, 36, 36},
	{"pypi-AgEI", "pypi-upload-token", csURL, 50, 1000},
	{"rubygems_", "rubygems-api-token", csHex, 48, 48},
	{"dckr_pat_", "docker-access-token", csURL, 24, 40},
	{"dop_v1_", "digitalocean-pat", csHex, 64, 64},
	{"doo_v1_", "digitalocean-access-token", csHex, 64, 64},
	{"dor_v1_", "digitalocean-refresh-token", csHex, 64, 64},
	{"shpat_", "shopify-access-token", csAlnum, 32, 32},
	{"shpca_", "shopify-custom-access-token", csAlnum, 32, 32},
	{"shppa_", "shopify-private-app-access-token", csAlnum, 32, 32},
	{"shpss_", "shopify-shared-secret", csAlnum, 32, 32},
	{"EAAA", "square-access-token", csURL, 22, 60},
	{"sq0atp-", "square-access-token", csURL, 22, 60},
	{"sq0csp-", "square-secret", csURL, 43, 43},
	{"EAAC", "facebook-page-access-token", csAlnum, 80, 300},
	{"EAAM", "facebook-page-access-token", csAlnum, 80, 300},
	{"key-", "mailgun-private-api-token", csHex, 32, 32},
	{"pubkey-", "mailgun-pub-key", csHex, 32, 32},
	{"LTAI", "alibaba-access-key-id", csAlnum, 16, 24},
	{"AKCp", "artifactory-api-key", csAlnum, 69, 69},
	{"ATATT3", "atlassian-api-token", csBase64, 100, 250},
	{"ATCTT3", "atlassian-api-token", csBase64, 100, 250},
	{"CLOJARS_", "clojars-api-token", csAlnum, 60, 60},
	{"dapi", "databricks-api-token", csHex, 32, 34},
	{"dp.pt.", "doppler-api-token", csAlnum, 43, 43},
	{"dp.st.", "doppler-api-token", csDotted, 40, 60},
	{"dt0c01.", "dynatrace-api-token", csDotted, 80, 100},
	{"EZAK", "easypost-api-token", csAlnum, 54, 54},
	{"EZTK", "easypost-test-api-token", csAlnum, 54, 54},
	{"FLWSECK_TEST-", "flutterwave-secret-key", csAlnum, 12, 40},
	{"fo1_", "flyio-access-token", csURL, 43, 43},
	{"FlyV1", "flyio-access-token", csBase64, 80, 500},
	{"fio-u-", "frameio-api-token", csBase64, 64, 64},
	{"glc_", "grafana-cloud-api-token", csBase64, 32, 400},
	{"glsa_", "grafana-service-account-token", csWord, 41, 41},
	{"eyJrIjoi", "grafana-api-key", csBase64, 70, 400},
	{"hvs.", "vault-service-token", csURL, 24, 200},
	{"hvb.", "vault-batch-token", csURL, 100, 300},
	{"HRKU-AA", "heroku-api-key-v2", csURL, 40, 70},
	{"ico-", "infracost-api-token", csAlnum, 32, 32},
	{"lin_api_", "linear-api-key", csAlnum, 40, 40},
	{"NRAK-", "new-relic-user-api-key", csUpper, 27, 27},
	{"NRJS-", "new-relic-browser-api-token", csHex, 19, 19},
	{"NRII-", "new-relic-insert-key", csURL, 32, 32},
	{"ntn_", "notion-api-token", csAlnum, 40, 60},
	{"secret_", "notion-api-token", csAlnum, 43, 43},
	{"API-", "octopus-deploy-api-key", csUpper, 26, 26},
	{"sha256~", "openshift-user-token", csURL, 43, 43},
	{"pscale_tkn_", "planetscale-api-token", csURL, 32, 64},
	{"pscale_pw_", "planetscale-password", csURL, 32, 64},
	{"pscale_oauth_", "planetscale-oauth-token", csURL, 32, 64},
	{"PMAK-", "postman-api-token", csURL, 59, 59},
	{"pnu_", "prefect-api-token", csAlnum, 36, 36},
	{"pul-", "pulumi-api-token", csHex, 40, 40},
	{"rdme_", "readme-api-token", csAlnum, 70, 70},
	{"tk-us-", "scalingo-api-token", csURL, 48, 48},
	{"sntrys_", "sentry-org-token", csBase64, 60, 400},
	{"sntryu_", "sentry-user-token", csHex, 64, 64},
	{"shippo_live_", "shippo-api-token", csHex, 40, 40},
	{"shippo_test_", "shippo-api-token", csHex, 40, 40},
	{"sgp_", "sourcegraph-access-token", csWord, 40, 80},
	{"sqp_", "sonar-api-token", csHex, 40, 40},
	{"squ_", "sonar-api-token", csHex, 40, 40},
	{"sqa_", "sonar-api-token", csHex, 40, 40},
	{"tfp_", "typeform-api-token", csDotted, 59, 59},
	{"sbp_", "supabase-access-token", csHex, 40, 40},
	{"ops_eyJ", "1password-service-account-token", csBase64, 200, 1000},
	{"A3-", "1password-secret-key", csURL, 32, 40},
	{"AGE-SECRET-KEY-1", "age-secret-key", csUpper, 58, 58},
	{"p8e-", "adobe-client-secret", csAlnum, 32, 32},
	{"cio_", "cratesio-api-token", csAlnum, 32, 32},
	{"nvapi-", "nvidia-api-key", csURL, 60, 70},
	{"tskey-", "tailscale-auth-key", csURL, 20, 80},
	{"wh_sk_", "webhook-secret", csAlnum, 24, 64},
	{"cmVmd", "artifactory-reference-token", csAlnum, 59, 59},
	{"4b1d", "clickhouse-cloud-api-secret-key", csAlnum, 38, 38},
	{"pat", "airtable-personnal-access-token", csDotted, 79, 79},
	{"pat.", "harness-api-key", csDotted, 66, 70},
	{"sat.", "harness-api-key", csDotted, 66, 70},
	{"dnkey-", "defined-networking-api-token", csURL, 52, 80},
	{"duffel_test_", "duffel-api-token", csURL, 43, 43},
	{"duffel_live_", "duffel-api-token", csURL, 43, 43},
	{"FLWPUBK_TEST-", "flutterwave-public-key", csAlnum, 12, 40},
	{"live_pub_", "lob-pub-api-key", csHex, 31, 31},
	{"test_pub_", "lob-pub-api-key", csHex, 31, 31},
	{"live_", "gocardless-api-token", csURL, 40, 40},
	{"s-s4t2ud-", "intra42-client-secret", csHex, 64, 64},
	{"s-s4t2af-", "intra42-client-secret", csHex, 64, 64},
	{"pk.", "mapbox-api-token", csDotted, 80, 100},
	{"sm_aat_", "settlemint-application-access-token", csAlnum, 16, 16},
	{"sm_pat_", "settlemint-personal-access-token", csAlnum, 16, 16},
	{"sm_sat_", "settlemint-service-access-token", csAlnum, 16, 16},
	{"AQVN", "yandex-api-key", csURL, 35, 38},
	{"t1.", "yandex-access-token", csDotted, 86, 200},
	{"YC", "yandex-aws-access-token", csURL, 38, 38},
	{"access-sandbox-", "plaid-api-token", csURL, 36, 36},
	{"access-development-", "plaid-api-token", csURL, 36, 36},
	{"access-production-", "plaid-api-token", csURL, 36, 36},
	{"glffct-", "gitlab-feature-flag-client-token", csURL, 20, 20},
	{"glimt-", "gitlab-incoming-mail-token", csURL, 25, 25},
	{"NRAL-", "new-relic-user-api-id", csUpper, 64, 64},
	{"shippo_", "shippo-api-token", csWord, 45, 46},
}

// tokenIndex lists the tokens by their first two characters.
var tokenIndex = func() (t [128][]*token) {
	for i := range tokens {
		c := tokens[i].prefix[0]
		t[c] = append(t[c], &tokens[i])
	}
	return t
}()

// tokenStart marks the pairs of characters that begin some prefix, so that most runs cost one look-up.
var tokenStart = func() (t [128 * 128 / 64]uint64) {
	set := func(a, b byte) {
		k := int(a)<<7 | int(b)
		t[k>>6] |= 1 << (k & 63)
	}
	for i := range tokens {
		set(tokens[i].prefix[0], tokens[i].prefix[1])
	}
	set('e', 'y') // JSON Web Tokens
	return t
}()

// token looks for a secret with a known prefix, or a wallet, in the run of letters and digits [start, end).
func (sc *scan) token(start, end int) {
	v := sc.v
	if n := end - start; n >= 25 && n <= 110 || n >= 14 && (v[start+1]|0x20) == 'c' {
		sc.cands = append(sc.cands, cand{start, end, candCode, 0})
	}
	if start+1 >= len(v) {
		return
	}
	sc.suffixed(start, end)
	if end-start >= 12 {
		sc.encoded(start)
	}
	k := int(v[start]&0x7f)<<7 | int(v[start+1]&0x7f)
	if tokenStart[k>>6]&(1<<(k&63)) == 0 || start < sc.pemEnd {
		return
	}
	if strings.HasPrefix(v[start:], "eyJ") && sc.jwt(start) {
		return
	}
	for _, t := range tokenIndex[v[start]&0x7f] {
		if !strings.HasPrefix(v[start:], t.prefix) {
			continue
		}
		from := start + len(t.prefix)
		i := from
		for i < len(v) && i-from <= t.max && t.set.has(v[i]) {
			i++
		}
		for i > from && (v[i-1] == '.' || v[i-1] == '-' || v[i-1] == '=' && t.set < csBase64) {
			i--
		}
		if n := i - from; n < t.min || n > t.max || isAlnum(sc.byteAt(i)) {
			continue
		}
		if !mixed(v[from:i]) {
			continue
		}
		sc.add(start, i, Secret, t.rule, 0.98)
		return
	}
}

// mixed reports whether s holds a digit and at least six different characters, as random tokens do and words do not.
func mixed(s string) bool {
	var seen uint64
	digit, n := false, 0
	for i := range len(s) {
		digit = digit || isDigit(s[i])
		if b := uint64(1) << (s[i] & 63); seen&b == 0 {
			seen |= b
			n++
		}
	}
	return n >= 6 && (digit || n >= 12)
}

// jwt finds a JSON Web Token (RFC 7519): two base64url parts that begin as JSON objects do, and a signature.
func (sc *scan) jwt(start int) bool {
	const maxJWT = 8192
	v, dots, i := sc.v, 0, start
	if start < sc.jwtEnd {
		return false // inside a blob that was read before
	}
	limit := min(len(v), start+maxJWT)
	first := 0
	for ; i < limit; i++ {
		if v[i] == '.' {
			if dots == 0 {
				first = i
			}
			if dots == 2 {
				break
			}
			dots++
			continue
		}
		if !csURL.has(v[i]) {
			break
		}
	}
	sc.jwtEnd = i
	if dots < 1 || first-start < 12 || i-first < 12 || !strings.HasPrefix(v[first+1:], "ey") {
		return false
	}
	for v[i-1] == '.' {
		i--
	}
	sc.pemEnd = max(sc.pemEnd, i)
	sc.add(start, i, Secret, "jwt", 0.98)
	return true
}

// azureSecret handles '~' at i: a client secret of Microsoft Entra ID has "Q~" after four characters, the last a digit.
func (sc *scan) azureSecret(i int) {
	v := sc.v
	if i < 5 || v[i-1] != 'Q' || !isDigit(v[i-2]) {
		return
	}
	start, end := i-5, i+1
	for _, c := range []byte(v[start : i-2]) {
		if !csWord.has(c) && c != '.' && c != '~' {
			return
		}
	}
	for end < len(v) && end-i <= 36 && (csURL.has(v[end]) || v[end] == '.' || v[end] == '~') {
		end++
	}
	for v[end-1] == '.' {
		end--
	}
	if n := end - i - 1; n < 31 || n > 34 || isAlnum(sc.byteAt(start-1)) {
		return
	}
	sc.add(start, end, Secret, "azure-ad-client-secret", 0.98)
}

// pem handles a run of '-' at i: a private key in the textual encoding of RFC 7468, PGP's armour included. A key whose
// end is missing is masked as far as its body goes. It returns where to go on.
func (sc *scan) pem(i int) int {
	v, j := sc.v, i
	for j < len(v) && v[j] == '-' {
		j++
	}
	if j-i < 5 || j-i > 9 || i < sc.pemEnd || !strings.HasPrefix(v[j:], "BEGIN ") {
		return j
	}
	label := v[j:min(len(v), j+64)]
	k := strings.Index(label, "-----")
	if k < 0 || !strings.Contains(label[:k], "PRIVATE KEY") {
		return j
	}
	const maxKey = 16 << 10
	body := j + k + 5
	end := body
	for end < len(v) && end-body < maxKey && v[end] != '-' && (csBase64.has(v[end]) || pemExtra(v[end])) {
		end++
	}
	// Headers such as "Proc-Type: 4,ENCRYPTED" hold single dashes.
	for end+1 < len(v) && end-body < maxKey && v[end] == '-' && v[end+1] != '-' {
		end++
		for end < len(v) && end-body < maxKey && v[end] != '-' && (csBase64.has(v[end]) || pemExtra(v[end])) {
			end++
		}
	}
	solid := 0
	for _, c := range []byte(v[body:end]) {
		if csBase64.has(c) {
			solid++
		}
	}
	if strings.HasPrefix(v[end:], "-----END ") {
		tail := v[end+9 : min(len(v), end+9+64)]
		if k := strings.Index(tail, "-----"); k >= 0 {
			end += 9 + k + 5
		}
	} else if solid < 64 {
		return j
	}
	if solid < 16 {
		return end
	}
	sc.pemEnd = end
	sc.add(i, end, Secret, "private-key", 0.99)
	return end
}

func pemExtra(c byte) bool {
	return c == '\n' || c == '\r' || c == ' ' || c == '\t' || c == ':' || c == ',' || c == '\\' || c == '.' || c == '"' || c == '(' || c == ')' || c == '>'
}
