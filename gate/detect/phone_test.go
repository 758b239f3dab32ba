package detect_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"github.com/holdfast/holdfast/gate/detect"
)

// TestExampleNumbers finds libphonenumber's example numbers of every region, as a foreigner would write them.
func TestExampleNumbers(t *testing.T) {
	t.Parallel()
	s, err := detect.New(detect.Options{Types: []detect.Type{detect.Phone}})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for region := range phonenumbers.GetSupportedRegions() {
		for _, typ := range []phonenumbers.PhoneNumberType{phonenumbers.FIXED_LINE, phonenumbers.MOBILE} {
			num := phonenumbers.GetExampleNumberForType(region, typ)
			if num == nil {
				continue
			}
			for _, form := range []phonenumbers.PhoneNumberFormat{phonenumbers.E164, phonenumbers.INTERNATIONAL} {
				want := phonenumbers.Format(num, form)
				text := "please use " + want + ", thank you"
				f := s.Scan(nil, text)
				if len(f) != 1 || text[f[0].Start:f[0].End] != want {
					t.Errorf("%s: %q not found: %+v", region, want, f)
				}
				n++
			}
		}
	}
	if n < 800 {
		t.Fatalf("only %d example numbers", n)
	}
}

// TestPlansAgreeWithLibphonenumber compares our automata with the library on random numbers of random countries.
func TestPlansAgreeWithLibphonenumber(t *testing.T) {
	t.Parallel()
	s, err := detect.New(detect.Options{Types: []detect.Type{detect.Phone}})
	if err != nil {
		t.Fatal(err)
	}
	var codes []int
	for c := range phonenumbers.GetSupportedCallingCodes() {
		codes = append(codes, c)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	valid := 0
	for range 4000 {
		text := fmt.Sprintf("+%d%0*d", codes[rnd.IntN(len(codes))], 8+rnd.IntN(3), 1_000_000+rnd.IntN(1_000_000_000))
		num, err := phonenumbers.Parse(text, "ZZ")
		if err != nil || phonenumbers.Format(num, phonenumbers.E164) != text {
			continue // the library drops a trunk prefix that we keep
		}
		want := phonenumbers.IsValidNumber(num)
		f := s.Scan(nil, text)
		got := len(f) == 1 && f[0].Score >= 0.9
		if got != want {
			t.Errorf("%s: valid %v, the library says %v", text, got, want)
		}
		if want {
			valid++
		}
	}
	if valid < 200 {
		t.Fatalf("only %d valid numbers drawn", valid)
	}
}
