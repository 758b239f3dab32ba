package gate_test

import (
	"context"
	"fmt"

	"github.com/holdfast/holdfast/gate"
)

// Text goes in as Raw, which never prints itself, and comes out as Clean, in
// two forms: one for people and lexical search, one for embedding models.
func Example() {
	g, err := gate.New(gate.Config{Key: make([]byte, gate.KeySize)}) // a real key is random and kept safe
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := gate.DefaultPolicy()
	raw := gate.NewRaw("Write to jane.doe@example.com; the card is 4111 1111 1111 1111.")
	fmt.Println(raw)

	result := g.Clean(context.Background(), &policy, []gate.Raw{raw})[0]
	if result.Err != nil {
		fmt.Println(result.Err) // the text is held back
		return
	}
	fmt.Println(result.Clean.Display())
	fmt.Println(result.Clean.Embed())
	for _, f := range result.Findings {
		fmt.Println(f.Entity, f.Start, f.End, f.Action)
	}
	// Output:
	// [redacted]
	// Write to EMAIL_ADDRESS_69w4gmbesr; the card is **** **** **** 1111.
	// Write to [EMAIL_ADDRESS]; the card is [CREDIT_CARD].
	// EMAIL_ADDRESS 9 29 pseudonym
	// CREDIT_CARD 43 62 mask
}
