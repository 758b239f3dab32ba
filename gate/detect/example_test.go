package detect_test

import (
	"fmt"

	"github.com/holdfast/holdfast/gate/detect"
)

func ExampleScanner_Scan() {
	s, err := detect.New(detect.Options{})
	if err != nil {
		panic(err)
	}
	text := "Write to jane (at) example dot com or call (415) 555-0132."
	for _, f := range s.Scan(nil, text) {
		fmt.Printf("%s %q\n", f.Type, text[f.Start:f.End])
	}
	// Output:
	// EMAIL_ADDRESS "jane (at) example dot com"
	// PHONE_NUMBER "(415) 555-0132"
}
