package holdfast_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"gocloud.dev/secrets"
	_ "gocloud.dev/secrets/localsecrets"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/search"
)

// staff is a policy that finds some people for sure, and lets them be restored.
func staff() gate.Policy {
	return gate.Policy{
		Name: "staff", Version: 1, Domain: "desk", Otherwise: gate.Rule{Action: gate.Keep},
		Rules: gate.Rules{
			"PERSON": {Action: gate.Pseudonym, Restore: true}, "EMAIL_ADDRESS": {Action: gate.Encrypt}, "PHONE_NUMBER": {Action: gate.Pseudonym},
		},
		Deny: []*gate.List{{Entity: "PERSON", Values: []string{"Margaret Okonkwo", "Jürgen Müller", "Seán O'Brien-Smith", "Ann Lee"}}},
	}
}

func vaultRig(t *testing.T, wrap gate.Wrapper) *rig {
	t.Helper()
	r := start(t, setup{policies: []gate.Policy{staff()}, vault: wrap})
	r.declare("c", func(d *record.Declaration) { d.Policy, d.Subject = "staff", "customer" })
	r.write(
		"c",
		put("a", "harbour: Margaret Okonkwo wrote from margaret@example.com", "customer", "c1"),
		put("b", "lantern: Jürgen Müller met Margaret Okonkwo", "customer", "c2"),
		put("d", "anchor: Seán O'Brien-Smith called 020 7946 0958", "customer", "c3"),
		put("e", "beacon: Ann Lee", "other", "x"),
	)
	r.settle("c")
	return r
}

// shown is the one passage that a word finds.
func (r *rig) shown(word string) string {
	r.Helper()
	got := r.find("c", word, search.Query{Mode: search.Lexical})
	if len(got) != 1 {
		r.Fatalf("%q finds %d records", word, len(got))
	}
	return got[0].Passage.Text
}

func (r *rig) restored(text string) string {
	r.Helper()
	got, err := r.Restore(r.Context(), admin, text, "a test")
	if err != nil {
		r.Fatalf("restore: %v", err)
	}
	return got.Disclose()
}

func TestWhoMayRestoreAndSaysWhatFor(t *testing.T) {
	r := vaultRig(t, nil)
	text := r.shown("harbour")
	if strings.Contains(text, "Okonkwo") || strings.Contains(text, "margaret@") {
		t.Fatalf("shown as %q", text)
	}
	if got := r.restored("To: " + text + "!"); got != "To: harbour: Margaret Okonkwo wrote from margaret@example.com!" {
		t.Errorf("restored to %q", got)
	}
	if got := r.restored(r.shown("anchor")); !strings.HasPrefix(got, "anchor: Seán O'Brien-Smith called PHONE_NUMBER_") {
		t.Errorf("restored to %q", got)
	}
	for _, c := range []struct {
		who     access.Principal
		purpose string
		want    fault.Kind
	}{{admin, "", fault.Invalid}, {admin, " \n", fault.Invalid}, {admin, strings.Repeat("x", 501), fault.Invalid}, {access.Principal{Name: "guest"}, "looking around", fault.Denied}} {
		if got, err := r.Restore(t.Context(), c.who, text, c.purpose); fault.KindOf(err) != c.want || got.Text.Len() > 0 {
			t.Errorf("%s, %q: %v", c.who.Name, c.purpose, err)
		}
	}
	if _, err := r.Restore(t.Context(), admin, text, "asked by jane.doe@example.com"); err != nil {
		t.Fatal(err)
	}
	trail, _, err := r.AuditTrail(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	told := ""
	for _, e := range trail {
		if e.Action == "restore" {
			told += fmt.Sprintf("%s %v %s\n", e.Principal, e.Allowed, e.Reason)
		}
	}
	for _, want := range []string{"guest false", "purpose: looking around", "test true", "purpose: a test", "purpose: asked by EMAIL_ADDRESS_"} {
		if !strings.Contains(told, want) {
			t.Errorf("the audit trail lacks %q:\n%s", want, told)
		}
	}
	if strings.Contains(told, "jane") {
		t.Error("the audit trail quotes a purpose as it was given")
	}
}

func TestForgettingAKeyForgetsTheSubject(t *testing.T) {
	r := vaultRig(t, nil)
	both, other := r.shown("lantern"), r.shown("beacon")
	n, err := r.ForgetSubject(t.Context(), gate.NewRaw("c2"))
	if err != nil || n != 4 {
		t.Errorf("%d entries forgotten, %v; want 4", n, err)
	}
	// What another subject's records say of her is still known.
	got := r.restored(both)
	if strings.Contains(got, "Müller") || !strings.Contains(got, "Margaret Okonkwo") {
		t.Errorf("restored to %q", got)
	}
	if got := r.restored(other); got != "beacon: Ann Lee" {
		t.Errorf("without a declared subject: %q", got)
	}
	if _, err := r.ForgetSubject(t.Context(), gate.NewRaw("")); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no subject: %v", err)
	}
}

func TestKeysRotateWhileAllGoesOn(t *testing.T) {
	keeper, err := secrets.OpenKeeper(t.Context(), "base64key://smGbjm71Nxd1Ig5FS0wj9SlbzAIrnolCz9bQQ6uAhl4=")
	if err != nil {
		t.Fatal(err)
	}
	r := vaultRig(t, keeper)
	old, entries, err := r.VaultKeys(t.Context())
	if err != nil || len(old) != 1 || old[0].DataKeys != 4 || entries == 0 {
		t.Fatalf("keys %+v, %d entries, %v", old, entries, err)
	}
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		for i := range 40 {
			r.write("c", put(fmt.Sprint("w", i), "buoy: Ann Lee", "customer", fmt.Sprint("n", i)))
		}
	}()
	id, _, err := r.RotateKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	<-writing
	r.settle("c")
	if got := r.restored(r.shown("harbour")); !strings.Contains(got, "Okonkwo") {
		t.Errorf("after rotation: %q", got)
	}
	keys, _, err := r.VaultKeys(t.Context())
	if err != nil || len(keys) != 2 || keys[0].ID != id || keys[0].DataKeys != 44 || keys[1].DataKeys != 0 {
		t.Errorf("keys %+v, %v", keys, err)
	}
	if err := r.RetireKey(t.Context(), id); fault.KindOf(err) != fault.Conflict {
		t.Errorf("the key in use was retired: %v", err)
	}
	if err := r.RetireKey(t.Context(), old[0].ID); err != nil {
		t.Errorf("retire: %v", err)
	}
	r = r.reopen()
	if got := r.restored(r.shown("harbour")); !strings.Contains(got, "Okonkwo") {
		t.Errorf("after a restart: %q", got)
	}
	data, err := os.ReadFile(r.path("vault-keys"))
	if err != nil || !bytes.Contains(data, []byte(`"wrapped":true`)) {
		t.Errorf("the keys are not encrypted: %v", err)
	}
	if _, err := gate.OpenKeyring(t.Context(), gate.KeyringConfig{Path: r.path("vault-keys")}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("opened without its keeper: %v", err)
	}
}

func TestRotationIsFinishedAfterARestart(t *testing.T) {
	r := vaultRig(t, nil)
	r.close()
	ring, err := gate.OpenKeyring(t.Context(), gate.KeyringConfig{Path: r.path("vault-keys")})
	if err != nil {
		t.Fatal(err)
	}
	id, err := ring.Rotate(t.Context()) // and then the process died
	if err != nil {
		t.Fatal(err)
	}
	r = start(t, r.setup)
	r.until("all data keys are wrapped anew", func() bool {
		keys, _, err := r.VaultKeys(t.Context())
		return err == nil && keys[0].ID == id && keys[0].DataKeys == 4
	})
}

func TestALostKeyIsSaid(t *testing.T) {
	r := vaultRig(t, nil)
	text := r.shown("harbour")
	r.close()
	if err := os.Remove(r.path("vault-keys")); err != nil {
		t.Fatal(err)
	}
	r = start(t, r.setup)
	if _, err := r.Restore(t.Context(), admin, text, "a test"); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("got %v", err)
	}
}

// A word of a name finds the records that name it, however it is written.
func TestAWordOfANameFindsIt(t *testing.T) {
	r := vaultRig(t, nil)
	h := api.New(api.Config{App: r.App, Token: "token"})
	for query, want := range map[string]string{
		"Okonkwo": "a b", "okonkwo": "a b", "MARGARET": "a b", "Margaret Okonkwo": "a b", "müller": "b", "Muller": "b", "jurgen": "b", "brien": "d", "sean": "d",
		"margaret@example.com": "a b", "Nobody": "",
	} {
		body, err := json.Marshal(map[string]any{"query": query, "mode": "lexical"})
		if err != nil {
			t.Fatal(err)
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/collections/c/search", bytes.NewReader(body))
		request.Header.Set("Authorization", "Bearer token")
		request.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, request)
		var got struct {
			Results []struct{ ID string }
		}
		if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", answer.Body, err)
		}
		found := map[string]bool{}
		for _, one := range got.Results {
			found[one.ID] = true
		}
		var ids []string
		for _, id := range []string{"a", "b", "d", "e"} {
			if found[id] {
				ids = append(ids, id)
			}
		}
		if strings.Join(ids, " ") != want {
			t.Errorf("%q finds %q, want %q", query, ids, want)
		}
	}
}

// The vault's tables and files hold nothing that can be read.
func TestInvariant3TheVaultIsEncrypted(t *testing.T) {
	r := vaultRig(t, nil)
	for _, table := range []string{"vault", "vault_keys"} {
		rows := r.query("SELECT * FROM " + table)
		if len(rows) == 0 {
			t.Errorf("%s is empty", table)
		}
		for _, row := range rows {
			for _, v := range row {
				text := strings.ToLower(fmt.Sprintf("%s", v))
				for _, word := range []string{"okonkwo", "margaret", "müller", "brien", "c1", "c2"} {
					if len(word) > 2 && strings.Contains(text, word) {
						t.Errorf("%s shows %s", table, word)
					}
				}
			}
		}
	}
}

func TestNothingIsRestoredUnaudited(t *testing.T) {
	r := vaultRig(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Restore(ctx, admin, "text", "a test"); err == nil {
		t.Error("restored though the caller had gone, and nothing was audited")
	}
}
