package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// What Presidio's own end-to-end tests expect of its services, told in our
// words: requests that its clients send, and the answers that they count on.

func TestPresidioClientsAreServed(t *testing.T) {
	w := newWorld(t)
	const text = "John Smith drivers license is AC432223"
	ask := func(rest string) []map[string]any {
		t.Helper()
		list, _ := w.presidio(http.StatusOK, "POST", "/analyze", `{"text":`+quote(text)+`,"language":"en"`+rest+`}`).([]any)
		return objects(list)
	}
	want := "PERSON 0-10 US_DRIVER_LICENSE 30-38"
	for name, rest := range map[string]string{
		"plain": "", "correlation id": `,"correlation_id":"123"`, "trace": `,"trace":"1"`, "trace of any value": `,"trace":"somedata"`, "decisions off": `,"return_decision_process":0`,
	} {
		got := map[string]string{}
		for _, r := range ask(rest) {
			got[fmt.Sprint(r["entity_type"])] = fmt.Sprintf("%v-%v", r["start"], r["end"])
			if _, has := r["analysis_explanation"]; !has || r["analysis_explanation"] != nil {
				t.Errorf("%s: explained as %v", name, r["analysis_explanation"])
			}
		}
		if s := fmt.Sprintf("PERSON %s US_DRIVER_LICENSE %s", got["PERSON"], got["US_DRIVER_LICENSE"]); s != want {
			t.Errorf("%s: found %v", name, got)
		}
	}
	if got := ask(`,"entities":["PERSON"]`); len(got) != 1 || got[0]["entity_type"] != "PERSON" {
		t.Errorf("only persons were asked for: %v", got)
	}
	for _, r := range ask(`,"return_decision_process":true`) {
		e, _ := r["analysis_explanation"].(map[string]any)
		for _, key := range []string{
			"recognizer", "pattern_name", "pattern", "original_score", "score", "textual_explanation", "score_context_improvement", "supportive_context_word", "validation_result",
		} {
			if _, has := e[key]; !has {
				t.Errorf("the explanation lacks %s: %v", key, e)
			}
		}
	}
}

func TestPresidioAdHocMistakes(t *testing.T) {
	w := newWorld(t)
	for pattern, says := range map[string]string{
		`{"type":"zip code (weak)","bebex":"x","confidence":0.01}`: "Pattern.__init__() got an unexpected keyword argument 'type'",
		`{"name":"n","regex":"x"}`:                                 "Pattern.__init__() missing 1 required positional argument: 'score'",
		`{"Jane Doe":1}`:                                           "Pattern.__init__() got an unexpected keyword argument",
		`7`:                                                        "must be a mapping",
	} {
		v, _ := w.presidio(http.StatusBadRequest, "POST", "/analyze", `{"text":"a","language":"en","ad_hoc_recognizers":[{"name":"Z","supported_language":"en","supported_entity":"ZIP","patterns":[`+pattern+`]}]}`).(map[string]any)
		message := fmt.Sprint(v["error"])
		if !strings.HasPrefix(message, "Failed to parse /analyze request for AnalyzerEngine.analyze(). ") || !strings.Contains(message, says) || strings.Contains(message, "Jane") {
			t.Errorf("%s: %s", pattern, message)
		}
	}
	v, _ := w.presidio(http.StatusInternalServerError, "GET", "/supportedentities?language=zz", "").(map[string]any)
	if v["error"] != "No matching recognizers were found to serve the request." {
		t.Errorf("a language that is none: %v", v)
	}
	w.presidio(http.StatusOK, "GET", "/supportedentities?uknown=input", "")
}

func TestPresidioAnonymizerAnswersWhole(t *testing.T) {
	w := newWorld(t)
	const overlap = `"text":"I'm George Washington Square Park","analyzer_results":[{"start":4,"end":21,"score":0.8,"entity_type":"NAME"},{"start":11,"end":33,"score":0.8,"entity_type":"LOCATION"}]`
	for _, c := range []struct{ path, body, want string }{
		{
			"/anonymize", `{"text":"hello world, my name is Jane Doe. My number is: 034453334","anonymizers":{"DEFAULT":{"type":"replace","new_value":"ANONYMIZED"},"PHONE_NUMBER":{"type":"mask","masking_char":"*","chars_to_mask":4,"from_end":true}},
			"analyzer_results":[{"start":24,"end":32,"score":0.8,"entity_type":"NAME"},{"start":24,"end":28,"score":0.8,"entity_type":"FIRST_NAME"},{"start":29,"end":32,"score":0.6,"entity_type":"LAST_NAME"},{"start":48,"end":57,"score":0.95,"entity_type":"PHONE_NUMBER"}]}`,
			"hello world, my name is ANONYMIZED. My number is: 03445**** | mask PHONE_NUMBER 50-59 03445****, replace NAME 24-34 ANONYMIZED",
		},
		{"/anonymize", `{"text":"","anonymizers":{"DEFAULT":{"type":"replace"}},"analyzer_results":[]}`, " | "},
		{"/anonymize", `{` + overlap + `,"anonymizers":{"NAME":{"type":"keep"},"LOCATION":{"type":"replace"}}}`, "I'm George Washington<LOCATION> | replace LOCATION 21-31 <LOCATION>, keep NAME 4-21 George Washington"},
		{"/anonymize", `{` + overlap + `,"anonymizers":{"NAME":{"type":"replace"},"LOCATION":{"type":"keep"}}}`, "I'm <NAME>Washington Square Park | keep LOCATION 10-32 Washington Square Park, replace NAME 4-10 <NAME>"},
		{"/anonymize", `{` + overlap + `,"anonymizers":{"DEFAULT":{"type":"keep"}}}`, "I'm George WashingtonWashington Square Park | keep LOCATION 21-43 Washington Square Park, keep NAME 4-21 George Washington"},
		{
			"/deanonymize", `{"text":"e6HnOMnIxbd4a8Qea44LshQDnjvxwzBIaAz+YqHNnMW2mC5r3AWoay8Spsoajyyy","deanonymizers":{"NUMBER":{"type":"decrypt","key":"1111111111111111"}},"anonymizer_results":[{"start":0,"end":64,"entity_type":"NUMBER"}]}`,
			"text_for_encryption | decrypt NUMBER 0-19 text_for_encryption",
		},
		{"/deanonymize", `{"text":"as it was"}`, "as it was | "},
		{"/deanonymize", `{"key":"1111111111111111"}`, " | "},
	} {
		v, _ := w.presidio(http.StatusOK, "POST", c.path, c.body).(map[string]any)
		items, ok := v["items"].([]any)
		if !ok || len(v) != 2 {
			t.Errorf("answered %v", v)
		}
		var list []string
		for _, i := range objects(items) {
			list = append(list, fmt.Sprintf("%v %v %v-%v %v", i["operator"], i["entity_type"], i["start"], i["end"], i["text"]))
		}
		if got := fmt.Sprintf("%v | %s", v["text"], strings.Join(list, ", ")); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
