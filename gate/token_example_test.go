package gate_test

import (
	"context"
	"fmt"

	"github.com/holdfast/holdfast/gate"
)

// Tokens are found again in free text, such as a model's answer, and those
// that are encrypted are turned back by the key alone.
func ExampleFindTokens() {
	g, err := gate.New(gate.Config{Key: make([]byte, gate.KeySize)}) // a real key is random and kept safe
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := gate.Policy{Name: "support", Version: 1, Otherwise: gate.Rule{Action: gate.Encrypt}}
	result := g.Clean(context.Background(), &policy, []gate.Raw{gate.NewRaw("Write to jane.doe@example.com")})[0]
	if result.Err != nil {
		fmt.Println(result.Err)
		return
	}
	answer := "I have written to " + result.Clean.Display()[len("Write to "):] + "."
	for _, t := range gate.FindTokens(answer) {
		fmt.Println(t.Entity, t.Encrypted)
	}
	fmt.Println(g.Decrypt([]string{policy.Domain}, answer).Disclose())
	// Output:
	// EMAIL_ADDRESS true
	// I have written to jane.doe@example.com.
}

// Policies are YAML; what is wrong in them is told with its line.
func ExampleParsePolicies() {
	_, err := gate.ParsePolicies([]byte("name: support\nversion: 1\notherwise: {action: replace}\nrules:\n  PERSON: {action: pseudonim}\n"), ".")
	fmt.Println(err)
	// Output:
	// line 5: rules.PERSON.action: "pseudonim" is not an action; use keep, replace, redact, mask, hash, encrypt, pseudonym, surrogate, fpe, shift or generalise
}
