package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/cmd/holdfast/sample"
	"github.com/holdfast/holdfast/gate"
)

func TestAccuracyCountsWhatIsHidden(t *testing.T) {
	g, err := gate.New(gate.Config{Key: bytes.Repeat([]byte{1}, gate.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	const text = "Write to ann@example.com and to the number 7 of bob@example.com in Leeds at the Acme mill, said the xyzzy."
	label := func(entity, value string, more int) sample.Span {
		at := strings.Index(text, value)
		return sample.Span{Field: "body", Start: at, End: at + len(value) + more, Type: entity}
	}
	policy := gate.DefaultPolicy()
	got, err := tallyTicket(t.Context(), g, &policy, map[string]string{"body": text}, []sample.Span{
		label("EMAIL_ADDRESS", "ann@example.com", 0), // found; the other address is not labelled
		label("SECRET", "xyzzy", 0),                  // missed
		label("LOCATION", "Leeds", 0),                // kept by the policy
		label("ORGANIZATION", "Acme mill", 0),        // kept too
	})
	if err != nil {
		t.Fatal(err)
	}
	a := sum([]tallied{got, got})
	mail, secret := a.Types["EMAIL_ADDRESS"], a.Types["SECRET"]
	if mail.Labelled != 2 || mail.Found != 2 || mail.Findings != 4 || mail.Right != 2 || mail.Recall != 1 || mail.Precision != 0.5 {
		t.Errorf("mail addresses: %+v", mail)
	}
	if secret.Labelled != 2 || secret.Found != 0 || secret.Recall != 0 {
		t.Errorf("secrets: %+v", secret)
	}
	if a.LeftOut["towns"] != 2 || a.LeftOut["organisations"] != 2 {
		t.Errorf("left out: %v", a.LeftOut)
	}
	// 13 letters of the address and 5 of the secret.
	if a.Labelled != 4 || a.Found != 2 || a.Characters != 13.0/18 {
		t.Errorf("all: %+v", a)
	}

	// An address of which a part stays is not found.
	got, err = tallyTicket(t.Context(), g, &policy, map[string]string{"body": text}, []sample.Span{label("EMAIL_ADDRESS", "ann@example.com", 4)})
	if err != nil {
		t.Fatal(err)
	}
	if s := got.types["EMAIL_ADDRESS"]; s.Found != 0 || s.Right != 1 {
		t.Errorf("a value that is partly hidden: %+v", s)
	}
}
