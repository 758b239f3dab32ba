package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/holdfast/holdfast/gate"
)

type analyzeIn struct {
	Text            texts             `json:"text"`
	Language        string            `json:"language"`
	ScoreThreshold  float64           `json:"score_threshold"`
	Entities        []string          `json:"entities"`
	ReturnDecisions truth             `json:"return_decision_process"`
	AdHoc           []adHocRecognizer `json:"ad_hoc_recognizers"`
	Context         []string          `json:"context"`
	AllowList       []string          `json:"allow_list"`
	AllowListMatch  string            `json:"allow_list_match"`
	RegexFlags      *int              `json:"regex_flags"`
}

type adHocRecognizer struct {
	Name   string `json:"name"`
	Entity string `json:"supported_entity"`
	// Each is read by itself, as Presidio says which of its keys is wrong.
	Patterns      []json.RawMessage `json:"patterns"`
	DenyList      []string          `json:"deny_list"`
	DenyListScore *float64          `json:"deny_list_score"`
	Context       []string          `json:"context"`
}

// truth is a boolean as Python takes it: 0, "", [], {} and null are false.
type truth bool

// UnmarshalJSON takes any value.
func (t *truth) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "false", "0", "0.0", `""`, "[]", "{}", "null":
		*t = false
	default:
		*t = true
	}
	return nil
}

// adHocPattern is a Pattern of a recognizer.
type adHocPattern struct {
	Name  string  `json:"name"`
	Regex string  `json:"regex"`
	Score float64 `json:"score"`
}

// unparsed is how Presidio answers what its constructors do not take. A key
// of the caller's is named only if it looks like one.
func unparsed(format string, args ...any) error {
	return &presidioError{http.StatusBadRequest, "Failed to parse /analyze request for AnalyzerEngine.analyze(). " + fmt.Sprintf(format, args...)}
}

// patternOf reads a pattern: its keys are those of Presidio's class, no others.
func patternOf(data json.RawMessage) (adHocPattern, error) {
	var p adHocPattern
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return p, unparsed("Pattern() argument must be a mapping")
	}
	has := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		key, _ := t.(string)
		if err != nil {
			return p, unparsed("Pattern() argument must be a mapping")
		}
		if !slices.Contains([]string{"name", "regex", "score"}, key) {
			if !operatorName.MatchString(key) {
				return p, unparsed("Pattern.__init__() got an unexpected keyword argument")
			}
			return p, unparsed("Pattern.__init__() got an unexpected keyword argument '%s'", key)
		}
		has[key] = true
		var skipped json.RawMessage
		if err := dec.Decode(&skipped); err != nil {
			return p, unparsed("Pattern() argument must be a mapping")
		}
	}
	for _, key := range []string{"name", "regex", "score"} {
		if !has[key] {
			return p, unparsed("Pattern.__init__() missing 1 required positional argument: '%s'", key)
		}
	}
	return p, decode(data, &p)
}

// languageKnown reports whether a code names a language; entities of every
// country are looked for in any.
func languageKnown(code string) bool {
	_, err := language.Parse(code)
	return err == nil
}

var errNoRecognizers = &presidioError{http.StatusInternalServerError, "No matching recognizers were found to serve the request."}

// What a request may bring along. Go's regular expressions take time linear
// in the text, whatever the pattern (RE2).
const (
	maxPatterns = 1000
	maxRegex    = 4 << 10
	maxWords    = 10_000
)

// recognized is a RecognizerResult.
type recognized struct {
	Explanation *explanation `json:"analysis_explanation"`
	End         int          `json:"end"`
	EntityType  string       `json:"entity_type"`
	Score       float64      `json:"score"`
	Start       int          `json:"start"`

	rule, pattern string
}

// explanation is an AnalysisExplanation.
type explanation struct {
	Recognizer    string   `json:"recognizer"`
	PatternName   *string  `json:"pattern_name"`
	Pattern       *string  `json:"pattern"`
	OriginalScore float64  `json:"original_score"`
	Score         float64  `json:"score"`
	Textual       *string  `json:"textual_explanation"`
	Improvement   float64  `json:"score_context_improvement"`
	ContextWord   string   `json:"supportive_context_word"`
	Validation    *float64 `json:"validation_result"`
}

// analyzer is a request made ready.
type analyzer struct {
	in    analyzeIn
	gate  *gate.Gate
	adHoc []pattern
	allow func(text string) bool
}

// pattern is one regular expression of an ad hoc recognizer.
type pattern struct {
	entity, recognizer, name, text string
	score                          float64
	regex                          *regexp.Regexp
	words                          bool // matches whole words only
	context                        []string
}

func (s *server) analyze(ctx context.Context, body []byte) (any, error) {
	a := analyzer{gate: s.App.Gate()}
	if err := decode(body, &a.in); err != nil {
		return nil, err
	}
	// Presidio answers these two with 500.
	if len(a.in.Text.list) == 0 || !a.in.Text.many && a.in.Text.list[0] == "" {
		return nil, &presidioError{http.StatusInternalServerError, "No text provided"}
	}
	if a.in.Language == "" {
		return nil, &presidioError{http.StatusInternalServerError, "No language provided"}
	}
	if err := errors.Join(a.compile(), a.allowed()); err != nil {
		return nil, err
	}
	if !a.serves() || !languageKnown(a.in.Language) {
		return nil, errNoRecognizers
	}
	return eachText(ctx, a.in.Text, func(_ int, text string) ([]recognized, error) { return a.one(ctx, text) })
}

// compile makes the patterns of the ad hoc recognizers.
func (a *analyzer) compile() error {
	bad := func(message string) error { return &presidioError{http.StatusBadRequest, message} }
	words := 0
	for _, r := range a.in.AdHoc {
		if r.Entity == "" || len(r.Patterns) == 0 && len(r.DenyList) == 0 {
			return bad("An ad hoc recognizer needs a supported_entity and patterns or a deny_list")
		}
		for _, data := range r.Patterns {
			p, err := patternOf(data)
			if err != nil {
				return err
			}
			if len(p.Regex) > maxRegex {
				return bad("A regular expression of an ad hoc recognizer is too long")
			}
			regex, err := regexp.Compile("(?ism:" + p.Regex + ")")
			if err != nil {
				return bad("A regular expression of an ad hoc recognizer is not one that RE2 takes (it has no look-around and no back references)")
			}
			a.adHoc = append(a.adHoc, pattern{r.Entity, r.Name, p.Name, p.Regex, p.Score, regex, false, r.Context})
		}
		if words += len(r.DenyList); len(r.DenyList) > 0 {
			quoted := make([]string, len(r.DenyList))
			for i, w := range r.DenyList {
				quoted[i] = regexp.QuoteMeta(w)
			}
			score := 1.0
			if r.DenyListScore != nil {
				score = *r.DenyListScore
			}
			a.adHoc = append(a.adHoc, pattern{
				r.Entity, r.Name, "deny_list", "", score, regexp.MustCompile("(?i:" + strings.Join(quoted, "|") + ")"), true, r.Context,
			})
		}
		if len(a.adHoc) > maxPatterns || words > maxWords {
			return bad("The ad hoc recognizers hold too many patterns or words")
		}
	}
	return nil
}

// allowed makes the test of what is on the allow list.
func (a *analyzer) allowed() error {
	switch a.in.AllowListMatch {
	case "", "exact":
		set := make(map[string]bool, len(a.in.AllowList))
		for _, w := range a.in.AllowList {
			set[w] = true
		}
		a.allow = func(text string) bool { return set[text] }
		return nil
	case "regex":
		if len(a.in.AllowList) == 0 {
			a.allow = func(string) bool { return false }
			return nil
		}
		regex, err := regexp.Compile("(?" + flags(a.in.RegexFlags) + ":" + strings.Join(a.in.AllowList, "|") + ")")
		if err != nil {
			return &presidioError{http.StatusBadRequest, "A regular expression of the allow_list is not one that RE2 takes"}
		}
		a.allow = regex.MatchString
		return nil
	}
	return &presidioError{http.StatusInternalServerError, "allow_list_match must either be set to 'exact' or 'regex'."}
}

// flags translates those of Python's re: IGNORECASE 2, MULTILINE 8, DOTALL 16.
func flags(bits *int) string {
	if bits == nil {
		return "ism"
	}
	var out []byte
	for _, f := range []struct {
		bit    int
		letter byte
	}{{2, 'i'}, {8, 'm'}, {16, 's'}} {
		if *bits&f.bit != 0 {
			out = append(out, f.letter)
		}
	}
	return string(out)
}

// asked gives the name under which an entity was asked for.
func (a *analyzer) asked(entity string) (string, bool) {
	switch {
	case len(a.in.Entities) == 0 || slices.Contains(a.in.Entities, entity):
		return entity, true
	case entity == "DATE_OF_BIRTH" && slices.Contains(a.in.Entities, "DATE_TIME"):
		return "DATE_TIME", true // Presidio knows no other
	}
	return "", false
}

func (a *analyzer) serves() bool {
	if len(a.in.Entities) == 0 {
		return true
	}
	return slices.ContainsFunc(a.in.Entities, func(e string) bool {
		return slices.Contains(gate.Entities(), gate.Entity(e)) ||
			slices.ContainsFunc(a.adHoc, func(p pattern) bool { return p.entity == e })
	})
}

// one analyses one text.
func (a *analyzer) one(ctx context.Context, text string) ([]recognized, error) {
	found, err := a.find(text, "")
	if err != nil {
		return nil, err
	}
	if len(a.in.Context) > 0 {
		// Our detectors look for context in the text, so that is where it goes.
		more, err := a.find(text, strings.Join(a.in.Context, " ")+": ")
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	for _, p := range a.adHoc {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if _, ok := a.asked(p.entity); ok {
			found = append(found, a.match(p, text)...)
		}
	}
	found = slices.DeleteFunc(found, func(r recognized) bool {
		return r.Score <= 0 || r.Score < a.in.ScoreThreshold || a.allow(text[r.Start:r.End])
	})
	return a.finish(text, unique(found)), nil
}

// find asks the gate about a text that follows a prefix.
func (a *analyzer) find(text, prefix string) ([]recognized, error) {
	findings, err := a.gate.Analyze(gate.NewRaw(prefix + text))
	if err != nil {
		return nil, err
	}
	out := make([]recognized, 0, len(findings))
	for _, f := range findings {
		name, ok := a.asked(string(f.Entity))
		if start := f.Start - len(prefix); ok && start >= 0 {
			out = append(out, recognized{EntityType: name, Start: start, End: f.End - len(prefix), Score: float64(f.Score), rule: f.Rule})
		}
	}
	return out, nil
}

// match finds a pattern; context words near by or in the request raise the
// score by .35 to at least .4, as in Presidio.
func (a *analyzer) match(p pattern, text string) []recognized {
	var out []recognized
	for _, m := range p.regex.FindAllStringIndex(text, -1) {
		start, end := m[0], m[1]
		if start == end || p.words && !wholeWord(text, start, end) {
			continue
		}
		r := recognized{EntityType: p.entity, Start: start, End: end, Score: min(p.score, 1), rule: p.recognizer, pattern: p.text}
		if len(p.context) > 0 && a.supports(p.context, text[max(0, start-contextBytes):start]) {
			r.Score = min(max(r.Score+0.35, 0.4), 1)
		}
		out = append(out, r)
	}
	return out
}

// contextBytes is about the five words that Presidio looks back.
const contextBytes = 48

func (a *analyzer) supports(context []string, before string) bool {
	near := strings.ToLower(before + " " + strings.Join(a.in.Context, " "))
	return slices.ContainsFunc(context, func(w string) bool { return w != "" && strings.Contains(near, strings.ToLower(w)) })
}

func wholeWord(text string, start, end int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:start])
	after, _ := utf8.DecodeRuneInString(text[end:])
	return (start == 0 || !wordRune(before)) && (end == len(text) || !wordRune(after))
}

func wordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// unique drops results that lie within a better one of their type. The
// best come first.
func unique(found []recognized) []recognized {
	slices.SortStableFunc(found, func(a, b recognized) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), a.Start-b.Start, b.End-a.End)
	})
	kept := map[string][]recognized{} // by type, by start, none within another
	out := found[:0]
	for _, r := range found {
		same := kept[r.EntityType]
		at, _ := slices.BinarySearchFunc(same, r.Start+1, func(k recognized, start int) int { return k.Start - start })
		// Of those that start before it, only the last can reach furthest:
		// what is kept may overlap, but starts and ends rise together.
		if at > 0 && same[at-1].End >= r.End {
			continue
		}
		out = append(out, r)
		// Those within r are no help in finding what lies within.
		to := at
		for to < len(same) && same[to].End <= r.End {
			to++
		}
		from := at
		if from > 0 && same[from-1].Start == r.Start {
			from--
		}
		kept[r.EntityType] = slices.Replace(same, from, to, r)
	}
	return out
}

// finish counts offsets in code points and explains, if asked to.
func (a *analyzer) finish(text string, found []recognized) []recognized {
	offsets := make([]int, 0, 2*len(found))
	for _, r := range found {
		offsets = append(offsets, r.Start, r.End)
	}
	points := codePoints(text, offsets)
	for i := range found {
		r := &found[i]
		r.Start, r.End = points[r.Start], points[r.End]
		if a.in.ReturnDecisions {
			r.Explanation = &explanation{
				Recognizer: cmp.Or(r.rule, recognizerName(r.EntityType)), OriginalScore: r.Score, Score: r.Score,
			}
			if r.pattern != "" {
				r.Explanation.Pattern = &r.pattern
			}
		}
	}
	if found == nil {
		return []recognized{}
	}
	return found
}
