package main

import (
	"bytes"
	"io/fs"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

var generated = sync.OnceValues(func() ([]*ticket, error) { return generate(defaultSeed, defaultCount) })

func tickets(t *testing.T) []*ticket {
	t.Helper()
	list, err := generated()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestCommittedBytesAreWhatTheSeedGives(t *testing.T) {
	records, labels, err := encode(tickets(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{"tickets.jsonl": records, "labels.jsonl": labels} {
		got, err := fs.ReadFile(os.DirFS("../../cmd/holdfast/sample"), name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from what seed %d gives: run go run ./tools/sample", name, defaultSeed)
		}
	}
}

func TestTextsHaveTheirLengthsAndUniqueIDs(t *testing.T) {
	seen := map[string]bool{}
	var lengths []int
	impersonal, long := 0, 0
	kinds := map[string]int{}
	for _, tk := range tickets(t) {
		if seen[tk.id] {
			t.Errorf("id %s occurs twice", tk.id)
		}
		seen[tk.id] = true
		n := tk.body.words()
		if tk.id == "T-LONG" {
			if n < 2700 || n > 3500 {
				t.Errorf("the long record has %d words, want about 3,000", n)
			}
			continue
		}
		if n < 50 || n > 600 {
			t.Errorf("%s has %d words, want 50 to 600", tk.id, n)
		}
		lengths = append(lengths, n)
		if n >= 480 {
			long++
		}
		if !tk.body.personal() {
			impersonal++
		}
		for _, l := range []string{"de", "es", "fr"} {
			if slices.Contains(tk.fields.Tags, "lang-"+l) {
				kinds[l]++
			}
		}
		kinds["style "+tk.style]++
	}
	if n := len(seen); n != defaultCount {
		t.Errorf("%d tickets, want %d", n, defaultCount)
	}
	if impersonal < 140 || impersonal > 260 {
		t.Errorf("%d tickets without personal data, want about a tenth", impersonal)
	}
	if long < 30 {
		t.Errorf("%d tickets of 480 words and more, want at least 30", long)
	}
	slices.Sort(lengths)
	sum := 0
	for _, n := range lengths {
		sum += n
	}
	t.Logf("words: mean %d, median %d, p10 %d, p90 %d, p99 %d; %d long, %d without personal data; %v", sum/len(lengths), lengths[len(lengths)/2],
		lengths[len(lengths)/10], lengths[len(lengths)*9/10], lengths[len(lengths)*99/100], long, impersonal, kinds)
}

// validators hold the checks that values of a type must pass, on their letters and digits alone.
var validators = map[string]func(string) bool{
	tCard: luhnValid,
	tIBAN: func(s string) bool { s = strings.ToUpper(s); return mod97(s[4:]+s[:4]) == 1 },
	"US_SSN": func(s string) bool {
		return len(s) == 9 && s[:3] != "000" && s[:3] != "666" && s[0] != '9' && s[3:5] != "00" && s[5:] != "0000"
	},
	"ES_NIF": func(s string) bool { n, _ := strconv.Atoi(s[:8]); return s[8] == dniLetters[n%23] },
	"ES_NIE": func(s string) bool {
		n, _ := strconv.Atoi(string('0'+s[0]-'X') + s[1:8])
		return s[8] == dniLetters[n%23]
	},
	"FR_NIR":          func(s string) bool { return (97 - rest(s[:13], 97)) == atoi(s[13:]) },
	"UK_NHS":          func(s string) bool { return weighted(s, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)%11 == 0 },
	"NL_BSN":          func(s string) bool { return weighted(s, 9, 8, 7, 6, 5, 4, 3, 2, -1)%11 == 0 },
	"PL_PESEL":        func(s string) bool { return weighted(s, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)%10 == 0 },
	"AU_TFN":          func(s string) bool { return weighted(s, 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0 },
	"CA_SIN":          luhnValid,
	"DE_TAX_ID":       func(s string) bool { return len(s) == 11 && iso7064(s) == 1 },
	"IN_AADHAAR":      func(s string) bool { return int(s[11]-'0') == verhoeffDigit(s[:11]) },
	"BR_CPF":          func(s string) bool { return weighted(s, 10, 9, 8, 7, 6, 5, 4, 3, 2)*10%11%10 == int(s[9]-'0') },
	"UK_NINO":         func(s string) bool { return len(s) == 9 },
	tMail:             func(string) bool { return true },
	tIP:               func(string) bool { return true },
	"IT_FISCAL_CODE":  func(s string) bool { return len(s) == 16 },
	"SE_PERSONNUMMER": func(s string) bool { return luhnValid(s[2:]) },
}

func luhnValid(s string) bool { return luhnDigit(s[:len(s)-1]) == int(s[len(s)-1]-'0') }

func atoi(s string) int64 { n, _ := strconv.ParseInt(s, 10, 64); return n }

func rest(s string, m int64) int64 {
	n, _ := new(big.Int).SetString(s, 10)
	return new(big.Int).Mod(n, big.NewInt(m)).Int64()
}

func weighted(s string, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += w * int(s[i]-'0')
	}
	return sum
}

// iso7064 runs the check of ISO 7064 mod 11,10 over all digits; a valid number gives 1.
func iso7064(s string) int {
	p := 10
	for i, c := range []byte(s) {
		sum := (int(c-'0') + p) % 10
		if i == len(s)-1 {
			return sum
		}
		if sum == 0 {
			sum = 10
		}
		p = sum * 2 % 11
	}
	return -1
}

func TestLabelsLieOnTheirValues(t *testing.T) {
	counts := map[string]int{}
	for _, tk := range tickets(t) {
		end := map[string]int{}
		for _, s := range tk.spans() {
			text := tk.fields.Body
			if s.Field == "subject" {
				text = tk.fields.Subject
			}
			if s.Start < end[s.Field] || s.End <= s.Start || s.End > len(text) {
				t.Fatalf("%s: span %+v overlaps or lies outside", tk.id, s)
			}
			end[s.Field] = s.End
			v := text[s.Start:s.End]
			if !utf8.ValidString(v) || strings.TrimSpace(v) != v {
				t.Fatalf("%s: span %+v does not lie on the bounds of a value", tk.id, s)
			}
			counts[s.Type]++
			if check := validators[s.Type]; check != nil && !check(alphanumeric(v)) {
				t.Errorf("%s: a %s at %d fails its check", tk.id, s.Type, s.Start)
			}
		}
	}
	t.Log(counts)
	for _, kind := range []string{tPerson, tPlace, tOrg, tMail, tPhone, tCard, tIBAN, tIP, tBirth, tSecret, "US_SSN", "UK_NINO", "DE_TAX_ID", "ES_NIF", "FR_NIR", "NL_BSN", "IT_FISCAL_CODE", "PL_PESEL"} {
		if counts[kind] < 5 {
			t.Errorf("%d values of type %s, want at least 5", counts[kind], kind)
		}
	}
}

func alphanumeric(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, s)
}

// A sentence of which values and numbers are taken out must stay rare, so that nothing can be learned by heart.
func TestNoSentenceTemplateIsUsedOften(t *testing.T) {
	count := map[string]int{}
	sentences := 0
	for _, tk := range tickets(t) {
		for _, k := range skeletons(tk.fields.Body, tk.body.marks) {
			count[k]++
			sentences++
		}
	}
	often := map[int]int{}
	var worst string
	for k, n := range count {
		often[n]++
		if n > count[worst] || n == count[worst] && k < worst {
			worst = k
		}
	}
	t.Logf("%d sentences of more than four words, %d skeletons; used n times: %v; most frequent (%d): %q", sentences, len(count), often, count[worst], worst)
	if count[worst] > 8 {
		t.Errorf("%q occurs %d times, want at most 8", worst, count[worst])
	}
	t.Logf("runs of eight words, by how often they occur: %v", runsOfEight(tickets(t)))
}

// runsOfEight shows how much phrases within sentences repeat.
func runsOfEight(list []*ticket) map[string]int {
	count := map[string]int{}
	for _, tk := range list {
		for _, k := range skeletons(tk.fields.Body, tk.body.marks) {
			w := strings.Fields(k)
			for i := 0; i+8 <= len(w); i++ {
				count[strings.Join(w[i:i+8], " ")]++
			}
		}
	}
	out := map[string]int{}
	for _, n := range count {
		switch {
		case n <= 2:
			out["1-2"]++
		case n <= 5:
			out["3-5"]++
		case n <= 10:
			out["6-10"]++
		default:
			out["11+"]++
		}
	}
	return out
}
