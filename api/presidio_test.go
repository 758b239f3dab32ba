package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// presidio sends a request and decodes the answer, of whatever type.
func (w *world) presidio(status int, method, path, body string, headers ...string) any {
	w.t.Helper()
	r := w.send(method, path, body, headers...)
	if r.status != status || r.header.Get("Content-Type") != "application/json" {
		w.t.Fatalf("%s %s answered %d, want %d: %s", path, body, r.status, status, r.text)
	}
	var v any
	must(w.t, json.Unmarshal([]byte(r.text), &v))
	if status >= 400 {
		if m, _ := v.(map[string]any); len(m) != 1 || m["error"] == nil {
			w.t.Errorf("%s answered %s", path, r.text)
		}
	}
	return v
}

// found lists results as "TYPE:text".
func found(t *testing.T, text string, v any) string {
	t.Helper()
	list, _ := v.([]any)
	var out []string
	for _, r := range objects(list) {
		start, _ := r["start"].(float64)
		end, _ := r["end"].(float64)
		if score, _ := r["score"].(float64); score <= 0 || score > 1 {
			t.Errorf("score %v", r["score"])
		}
		out = append(out, fmt.Sprint(r["entity_type"], ":", string([]rune(text)[int(start):int(end)])))
	}
	return strings.Join(out, " ")
}

func quote(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestPresidioAnalyze(t *testing.T) {
	w := newWorld(t)
	text := "😀 Ça va? Écrivez à maria@example.com, s.v.p. 😀"
	ask := func(text, rest string) any {
		t.Helper()
		return w.presidio(http.StatusOK, "POST", "/analyze", `{"text":`+quote(text)+`,"language":"fr"`+rest+`}`)
	}
	// Offsets are code points: this text has characters of one, two and four bytes.
	v := ask(text, `,"entities":["EMAIL_ADDRESS"]`)
	if got := found(t, text, v); got != "EMAIL_ADDRESS:maria@example.com" {
		t.Errorf("found %s", got)
	}
	list, _ := v.([]any)
	if r := objects(list)[0]; r["analysis_explanation"] != nil || len(r) != 5 {
		t.Errorf("got %v", r)
	}
	list, _ = ask(text, `,"entities":["EMAIL_ADDRESS"],"return_decision_process":true`).([]any)
	if e, _ := objects(list)[0]["analysis_explanation"].(map[string]any); e["recognizer"] == "" || e["score"] == nil {
		t.Errorf("explained as %v", e)
	}
	for _, c := range []struct{ name, text, rest, want string }{
		{"nothing to find", "the cat sat", ``, ""},
		{"threshold", "mail maria@example.com", `,"entities":["EMAIL_ADDRESS"],"score_threshold":1.1`, ""},
		{"allowed", "mail maria@example.com", `,"entities":["EMAIL_ADDRESS"],"allow_list":["maria@example.com"]`, ""},
		{"allowed in part only", "mail maria@example.com", `,"entities":["EMAIL_ADDRESS"],"allow_list":["maria"]`, "EMAIL_ADDRESS:maria@example.com"},
		{"allowed by pattern", "mail maria@example.com", `,"entities":["EMAIL_ADDRESS"],"allow_list":["@EXAMPLE"],"allow_list_match":"regex"`, ""},
		{"pattern with flags", "mail maria@example.com", `,"entities":["EMAIL_ADDRESS"],"allow_list":["@EXAMPLE"],"allow_list_match":"regex","regex_flags":0`, "EMAIL_ADDRESS:maria@example.com"},
		{"other country", "Meine Steuer-ID ist 86095742719.", `,"entities":["DE_TAX_ID"]`, "DE_TAX_ID:86095742719"},
		{"birthdays are dates", "Date of birth: 1990-02-03", `,"entities":["DATE_TIME"]`, "DATE_TIME:1990-02-03"},
		{"ad hoc pattern", "my zip is é 12345 you", `,"entities":["ZIP"],"ad_hoc_recognizers":[{"name":"Zip","supported_language":"en","supported_entity":"ZIP","patterns":[{"name":"zip","regex":"\\b\\d{5}\\b","score":0.01}],"context":["zip"]}]`, "ZIP:12345"},
		{"ad hoc words", "Mr. Bean and mr. Beanstalk, MR. BEAN", `,"entities":["WHO"],"ad_hoc_recognizers":[{"name":"t","supported_entity":"WHO","deny_list":["mr. bean"]}]`, "WHO:Mr. Bean WHO:MR. BEAN"},
		{"ad hoc beside ours", "Bean: maria@example.com", `,"entities":["EMAIL_ADDRESS","WHO"],"ad_hoc_recognizers":[{"name":"t","supported_entity":"WHO","deny_list":["bean"],"deny_list_score":0.1}]`, "EMAIL_ADDRESS:maria@example.com WHO:Bean"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := found(t, c.text, ask(c.text, c.rest)); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
	// A context word raises the score of an ad hoc pattern by .35, to at least .4.
	for before, want := range map[string]float64{"zip 12345": 0.4, "zap 12345": 0.01} {
		list, _ := ask(before, `,"entities":["ZIP"],"ad_hoc_recognizers":[{"name":"Zip","supported_entity":"ZIP","patterns":[{"name":"zip","regex":"\\d{5}","score":0.01}],"context":["zip"]}]`).([]any)
		if got := objects(list)[0]["score"]; got != want {
			t.Errorf("%s scores %v, want %v", before, got, want)
		}
	}
	many, _ := w.presidio(http.StatusOK, "POST", "/analyze", `{"text":["a@example.com",""," b@example.com"],"language":"en","entities":["EMAIL_ADDRESS"]}`).([]any)
	if len(many) != 3 || found(t, "a@example.com", many[0]) != "EMAIL_ADDRESS:a@example.com" || quote(many[1]) != "[]" {
		t.Errorf("got %v", many)
	}
}

func TestPresidioErrors(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/analyze", `{"language":"en"}`, 500, "No text provided"},
		{"/analyze", `{"text":"","language":"en"}`, 500, "No text provided"},
		{"/analyze", `{"text":[],"language":"en"}`, 500, "No text provided"},
		{"/analyze", `{"text":"canary7"}`, 500, "No language provided"},
		{"/analyze", `{"text":"canary7","language":"en","entities":["CANARY"]}`, 500, "No matching recognizers were found to serve the request."},
		{"/analyze", `{"text":"canary7",`, 400, "byte"},
		{"/analyze", `{"text":{"a":"canary7"},"language":"en"}`, 400, "wrong type"},
		{"/analyze", `{"text":"canary7","language":"en","allow_list":["(canary7"],"allow_list_match":"regex"}`, 400, "RE2"},
		{"/analyze", `{"text":"canary7","language":"en","allow_list_match":"canary7"}`, 500, "allow_list_match must either be set to 'exact' or 'regex'."},
		{"/analyze", `{"text":"a","language":"en","ad_hoc_recognizers":[{"supported_entity":"A","patterns":[{"name":"n","score":1,"regex":"(?=canary7)"}]}]}`, 400, "RE2"},
		{"/analyze", `{"text":"a","language":"en","ad_hoc_recognizers":[{"supported_entity":"A"}]}`, 400, "patterns"},
		{"/analyze", `{"text":"a","language":"en","ad_hoc_recognizers":[{"supported_entity":"A","patterns":[{"name":"n","score":1,"regex":"` + strings.Repeat("a", 5000) + `"}]}]}`, 400, "too long"},
		{"/anonymize", ``, 400, "Invalid request json"},
		{"/anonymize", `{}`, 400, "Invalid request json"},
		{"/anonymize", `{"text":"canary7"}`, 422, "Invalid input, request must contain analyzer results"},
		{"/anonymize", `{"text":"canary7","analyzer_results":[{"start":1,"end":90,"score":1,"entity_type":"A"}]}`, 422, "Invalid analyzer result, start: 1 and end: 90, while text length is only 7."},
		{"/anonymize", `{"text":"canary7","analyzer_results":[{"start":1,"end":2,"entity_type":"A"}]}`, 422, "Invalid input, analyzer result must contain score"},
		{"/anonymize", `{"text":"canary7","analyzer_results":[{"end":2,"score":1,"entity_type":"A"}]}`, 422, "must contain start"},
		{"/anonymize", `{"text":"canary7","analyzer_results":[{"start":3,"end":2,"score":1,"entity_type":"A"}]}`, 422, "must be smaller"},
		{"/anonymize", `{"text":"canary7","analyzer_results":[{"start":-3,"end":2,"score":1,"entity_type":"A"}]}`, 422, "must be positive"},
		{"/anonymize", `{"text":"canary7","analyzer_results":[],"anonymizers":{"DEFAULT":{"type":"custom"}}}`, 400, "Custom type anonymizer is not supported"},
		{"/anonymize", `{"text":"canary7","analyzer_results":[{"start":1,"end":2,"score":1,"entity_type":"A"}],"anonymizers":{"DEFAULT":{"type":"none"}}}`, 422, "Invalid operator class 'none'."},
		{"/anonymize", `{"text":"x","analyzer_results":[{"start":0,"end":1,"score":1,"entity_type":"A"}],"anonymizers":{"DEFAULT":{"type":"Canary7 x"}}}`, 422, "Invalid operator class."},
		{"/anonymize", `{"text":"x","analyzer_results":[{"start":0,"end":1,"score":1,"entity_type":"A"}],"anonymizers":{"A":{"type":"mask","masking_char":"*","from_end":true}}}`, 422, "Expected parameter chars_to_mask"},
		{"/anonymize", `{"text":"x","analyzer_results":[{"start":0,"end":1,"score":1,"entity_type":"A"}],"anonymizers":{"A":{"type":"mask","masking_char":"**","chars_to_mask":1,"from_end":true}}}`, 422, "Invalid input, masking_char must be a character"},
		{"/anonymize", `{"text":"x","analyzer_results":[{"start":0,"end":1,"score":1,"entity_type":"A"}],"anonymizers":{"A":{"type":"mask","masking_char":"*","chars_to_mask":"canary7","from_end":true}}}`, 422, "Invalid parameter value for chars_to_mask. Expecting 'number', but got 'string'."},
		{"/anonymize", `{"text":"x","analyzer_results":[{"start":0,"end":1,"score":1,"entity_type":"A"}],"anonymizers":{"A":{"type":"encrypt","key":"canary7"}}}`, 422, "Invalid input, key must be of length 128, 192 or 256 bits"},
		{"/anonymize", `{"text":"x","analyzer_results":[{"start":0,"end":1,"score":1,"entity_type":"A"}],"anonymizers":{"A":{"type":"hash","hash_type":"canary7"}}}`, 422, "hash_type is not in range"},
		{"/anonymize", `{"text":["a","b"],"analyzer_results":[[]]}`, 422, "one list of results per item"},
		{"/deanonymize", ` { } `, 400, "Invalid request json"},
		{"/anonymize", `{"text":"canary7",}`, 400, "The browser (or proxy) sent a request that this server could not understand."},
		{"/analyze", `{"text":"canary7","language":"zz"}`, 500, "No matching recognizers were found to serve the request."},
		{"/deanonymize", `{"text":"canary7","anonymizer_results":[{"start":0,"end":7,"entity_type":"A"}],"deanonymizers":{"DEFAULT":{"type":"decrypt","key":"WmZq4t7w!z%C&F)J"}}}`, 422, "was not encrypted with this key"},
	} {
		v, _ := w.presidio(c.status, "POST", c.path, c.body).(map[string]any)
		message, _ := v["error"].(string)
		if !strings.Contains(message, c.says) || strings.Contains(strings.ToLower(message), "canary7") {
			t.Errorf("%s %s says %q", c.path, c.body, message)
		}
	}
	v, _ := w.presidio(http.StatusForbidden, "POST", "/analyze", `{}`, from, "203.0.113.9:1").(map[string]any)
	if v["error"] != "only the loopback admin has access" {
		t.Errorf("got %v", v)
	}
	r, err := w.try("POST", "/analyze", repeated(`{"text":"`, 65<<20, `"}`))
	must(t, err)
	if r.status != http.StatusRequestEntityTooLarge || r.body["error"] == nil {
		t.Errorf("a long body answered %d: %s", r.status, r.text)
	}
	if strings.Contains(w.log.String(), "canary7") {
		t.Error("the log quotes a text")
	}
}

func TestPresidioAnonymize(t *testing.T) {
	w := newWorld(t)
	// As in Presidio's own documentation and tests.
	const text = "hello world, my name is Jane Doe. My number is: 034453334"
	for _, c := range []struct{ name, text, results, anonymizers, want string }{
		{"default", text, `24-32 NAME .8, 48-57 PHONE_NUMBER .95`, `{}`, "hello world, my name is <NAME>. My number is: <PHONE_NUMBER>"},
		{"replace", text, `24-32 NAME .8`, `{"NAME":{"type":"replace","new_value":"BIP"}}`, "hello world, my name is BIP. My number is: 034453334"},
		{"empty value", text, `24-32 NAME .8`, `{"NAME":{"type":"replace","new_value":""}}`, "hello world, my name is <NAME>. My number is: 034453334"},
		{"redact", text, `24-32 NAME .8`, `{"DEFAULT":{"type":"redact"}}`, "hello world, my name is . My number is: 034453334"},
		{"keep", text, `24-32 NAME .8`, `{"DEFAULT":{"type":"keep"}}`, text},
		{"mask", text, `48-57 PHONE_NUMBER .95`, `{"PHONE_NUMBER":{"type":"mask","masking_char":"*","chars_to_mask":4,"from_end":true}}`, "hello world, my name is Jane Doe. My number is: 03445****"},
		{"mask all", "äöü", `0-3 A 1`, `{"A":{"type":"mask","masking_char":"é","chars_to_mask":100,"from_end":false}}`, "ééé"},
		{"mask none", "äöü", `0-3 A 1`, `{"A":{"type":"mask","masking_char":"*","chars_to_mask":-1,"from_end":false}}`, "äöü"},
		{"salted hash", "abc", `0-3 A 1`, `{"A":{"type":"hash","salt":"0123456789abcdef"}}`, sha256hex("abc0123456789abcdef")},
		{"contained", text, `24-32 FULL_NAME .8, 24-28 FIRST_NAME .9`, `{}`, "hello world, my name is <FULL_NAME>. My number is: 034453334"},
		{"equal, higher score", text, `48-57 PHONE_NUMBER .95, 48-57 SSN .96`, `{}`, "hello world, my name is Jane Doe. My number is: <SSN>"},
		{"overlapping in part", text, `24-32 FULL_NAME .6, 29-36 LAST_NAME .8`, `{}`, "hello world, my name is <FULL_NAME><LAST_NAME> number is: 034453334"},
		{"one type, overlapping", text, `24-30 NAME .6, 26-32 NAME .8`, `{}`, "hello world, my name is <NAME>. My number is: 034453334"},
		{"one type, side by side", text, `24-28 NAME .6, 28-32 NAME .8`, `{}`, "hello world, my name is <NAME><NAME>. My number is: 034453334"},
		{"one type, spaces between", text, `29-32 NAME .6, 24-28 NAME .8`, `{}`, "hello world, my name is <NAME>. My number is: 034453334"},
		{"no results", text, ``, `{}`, text},
		{"code points", "😀é Jane 😀", `3-7 NAME 1`, `{}`, "😀é <NAME> 😀"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := `{"text":` + quote(c.text) + `,"analyzer_results":` + spans(c.results) + `,"anonymizers":` + c.anonymizers + `}`
			v, _ := w.presidio(http.StatusOK, "POST", "/anonymize", body).(map[string]any)
			if v["text"] != c.want {
				t.Errorf("got %v, want %v", v["text"], c.want)
			}
			// Items tell what now stands where, the last first.
			list, _ := v["items"].([]any)
			last := len(c.want) + 1
			for _, item := range objects(list) {
				start, _ := item["start"].(float64)
				end, _ := item["end"].(float64)
				if string([]rune(c.want)[int(start):int(end)]) != item["text"] || int(end) > last || item["operator"] == "" || item["entity_type"] == "" {
					t.Errorf("got item %v", item)
				}
				last = int(start)
			}
			if list == nil || len(list) == 0 && c.results != "" {
				t.Errorf("got items %v", v["items"])
			}
		})
	}
	v := w.presidio(http.StatusOK, "POST", "/anonymize", `{"text":["Jane","x"],"analyzer_results":[[{"start":0,"end":4,"score":1,"entity_type":"NAME"}],[]]}`)
	list, _ := v.([]any)
	if got := objects(list); len(got) != 2 || got[0]["text"] != "<NAME>" || got[1]["text"] != "x" {
		t.Errorf("got %v", v)
	}
}

func TestPresidioEncrypts(t *testing.T) {
	w := newWorld(t)
	const key = "WmZq4t7w!z%C&F)J"
	for _, text := range []string{"Jane", "é", "exactly 16 bytes", strings.Repeat("long ", 1000)} {
		n := len([]rune(text))
		body := fmt.Sprintf(`{"text":%s,"analyzer_results":[{"start":3,"end":%d,"score":1,"entity_type":"NAME"}],"anonymizers":{"NAME":{"type":"encrypt","key":%q}}}`, quote("I'm"+text), n+3, key)
		v, _ := w.presidio(http.StatusOK, "POST", "/anonymize", body).(map[string]any)
		hidden, _ := v["text"].(string)
		if strings.Contains(hidden, text) {
			t.Fatalf("not encrypted: %s", hidden)
		}
		body = fmt.Sprintf(`{"text":%s,"anonymizer_results":%s,"deanonymizers":{"NAME":{"type":"decrypt","key":%q}}}`, quote(hidden), quote(v["items"]), key)
		v, _ = w.presidio(http.StatusOK, "POST", "/deanonymize", body).(map[string]any)
		if v["text"] != "I'm"+text {
			t.Errorf("came back as %v", v["text"])
		}
	}
	// A value as Presidio itself encrypts it, AES-128-CBC.
	body := `{"text":"e6HnOMnIxbd4a8Qea44LshQDnjvxwzBIaAz-YqHNnMW2mC5r3AWoay8Spsoajyyy","anonymizer_results":[{"start":0,"end":64,"entity_type":"NUMBER"}],"deanonymizers":{"DEFAULT":{"type":"decrypt","key":"1111111111111111"}}}`
	v, _ := w.presidio(http.StatusOK, "POST", "/deanonymize", body).(map[string]any)
	if v["text"] != "text_for_encryption" {
		t.Errorf("got %v", v)
	}
}

func TestPresidioLists(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{
		"/supportedentities?language=en": "CREDIT_CARD EMAIL_ADDRESS LOCATION PERSON US_SSN",
		"/recognizers":                   "CreditCardRecognizer EmailAddressRecognizer UsSsnRecognizer",
		"/anonymizers":                   "custom encrypt hash keep mask redact replace",
		"/deanonymizers":                 "decrypt",
	} {
		list, _ := w.presidio(http.StatusOK, "GET", path, "").([]any)
		have := map[any]bool{}
		for _, v := range list {
			have[v] = true
		}
		for name := range strings.FieldsSeq(want) {
			if !have[name] {
				t.Errorf("%s lacks %s: %v", path, name, list)
			}
		}
	}
	if r := w.ok(http.StatusOK, "GET", "/health", ""); !strings.Contains(r.text, "service is up") {
		t.Errorf("got %s", r.text)
	}
}

// spans makes analyzer results of "24-32 NAME .8, …".
func spans(list string) string {
	out := []map[string]any{}
	for one := range strings.SplitSeq(list, ", ") {
		var start, end int
		var entity string
		var score float64
		if n, _ := fmt.Sscanf(one, "%d-%d %s %g", &start, &end, &entity, &score); n == 4 {
			out = append(out, map[string]any{"start": start, "end": end, "entity_type": entity, "score": score})
		}
	}
	return quote(out)
}

func sha256hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
