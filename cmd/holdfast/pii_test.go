package main_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

const supportPolicy = `name: support
version: 1
otherwise: {action: replace, min_score: 0.4}
rules:
  PERSON: {action: pseudonym, restore: true}
  EMAIL_ADDRESS: {action: encrypt}
  DATE_TIME: {action: keep}
`

// TestPIIScan is a commit hook: it fails on what it is told to, and says what
// stands where without the values.
func TestPIIScan(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"src/a.txt": "one\nmail jane@example.com\n", "src/b.txt": "nothing of interest\n"})
	out, told, code := holdfast(t, dir, "pii", "scan", "--fail-on", "any", "src")
	if code != 1 || !strings.Contains(out, "src/a.txt:2:6") || !strings.Contains(told, "EMAIL_ADDRESS ×1") || strings.Contains(out+told, "jane") {
		t.Errorf("exit %d:\n%s%s", code, out, told)
	}
	if out, _ := succeed(t, dir, "pii", "scan", "--fail-on", "CREDIT_CARD", "src"); !strings.Contains(out, "EMAIL_ADDRESS") {
		t.Errorf("report: %s", out)
	}
	if out, _ := succeed(t, dir, "pii", "scan", "src/b.txt", "--fail-on", "any"); !strings.Contains(out, "Nothing was found") {
		t.Errorf("report: %s", out)
	}
	if _, told, code := holdfast(t, dir, "pii", "scan", "--fail-on", "CREDIT_CRAD", "src"); code != 2 || !strings.Contains(told, "CREDIT_CRAD") {
		t.Errorf("a type that is none: exit %d, %s", code, told)
	}
	out, _ = succeed(t, dir, "pii", "scan", "--sarif", "-", "src")
	var log struct {
		Version string
		Runs    []struct{ Results []struct{ RuleID string } }
	}
	if err := json.Unmarshal([]byte(out), &log); err != nil || log.Version != "2.1.0" || len(log.Runs[0].Results) != 1 || log.Runs[0].Results[0].RuleID != "EMAIL_ADDRESS" {
		t.Errorf("SARIF: %v, %+v", err, log)
	}
}

func TestPIITestChecksAPolicy(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"support.yaml": supportPolicy,
		"good.yaml":    "- {text: 'Mail jane@example.com', entities: [EMAIL_ADDRESS], actions: {EMAIL_ADDRESS: encrypt}}\n",
		"bad.yaml":     "- {name: no mail, text: 'Mail jane@example.com', entities: []}\n",
		"wrong.yaml":   strings.Replace(supportPolicy, "encrypt", "encript", 1),
	})
	if out, _ := succeed(t, dir, "pii", "test", "support.yaml", "good.yaml"); !strings.Contains(out, "1 case passed") {
		t.Errorf("passed: %s", out)
	}
	out, told, code := holdfast(t, dir, "pii", "test", "support.yaml", "bad.yaml")
	if code != 1 || !strings.Contains(out, "case 1 no mail") || !strings.Contains(out, "+ EMAIL_ADDRESS ×1") || strings.Contains(out+told, "jane@") {
		t.Errorf("exit %d:\n%s%s", code, out, told)
	}
	if _, told, code := holdfast(t, dir, "pii", "test", "wrong.yaml", "good.yaml"); code != 1 || !strings.Contains(told, "line 6") || !strings.Contains(told, "encript") {
		t.Errorf("exit %d: %s", code, told)
	}
}

// TestPIIRestore goes from a policy in a file to a restored name, a rotated
// key and a forgotten person.
func TestPIIRestore(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"support.yaml":  supportPolicy,
		"holdfast.yaml": "policy_files: [support.yaml]\n",
		"notes.yaml":    "collection: notes\ncontent: [body]\npolicy: support\nsubject: customer\n",
		"notes.jsonl":   `{"id":"a","customer":"c1","body":"Dear Margaret Okonkwo, please answer to jane@example.com today."}`,
	})
	succeed(t, dir, "ingest", "-f", "notes.yaml", "notes.jsonl")
	out, _ := succeed(t, dir, "search", "notes", "okonkwo")
	token := regexp.MustCompile(`PERSON_\w+ PERSON_\w+, please answer to EMAIL_ADDRESS_\S+`).FindString(out)
	if token == "" {
		t.Fatalf("found: %s", out)
	}
	got, told := succeed(t, dir, "pii", "deanonymize", "--purpose", "a test", token)
	if strings.TrimSpace(got) != "Margaret Okonkwo, please answer to jane@example.com" || !strings.Contains(told, "3 tokens restored") {
		t.Errorf("restored: %s%s", got, told)
	}
	if _, _, code := holdfast(t, dir, "pii", "deanonymize", token); code != 2 {
		t.Errorf("without a purpose: exit %d", code)
	}
	if out, _ := succeed(t, dir, "keys", "rotate"); !strings.Contains(out, "1 data key wrapped anew") {
		t.Errorf("rotated: %s", out)
	}
	if out, _ := succeed(t, dir, "keys", "list"); strings.Count(out, "\n") != 4 || !strings.Contains(out, "in use") {
		t.Errorf("keys:\n%s", out)
	}
	if out, _ := succeed(t, dir, "keys", "forget", "c1"); !strings.Contains(out, "2 pseudonyms forgotten") {
		t.Errorf("forgotten: %s", out)
	}
	if got, _ := succeed(t, dir, "pii", "deanonymize", "--purpose", "a test", token); strings.Contains(got, "Okonkwo") {
		t.Errorf("restored after all: %s", got)
	}
	if out, _ := succeed(t, dir, "pii", "audit", "notes"); !strings.Contains(out, "the true value was nearest in") {
		t.Errorf("audit: %s", out)
	}
}
