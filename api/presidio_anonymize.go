package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

type anonymizeIn struct {
	Text          texts               `json:"text"`
	Anonymizers   map[string]operator `json:"anonymizers"`
	Deanonymizers map[string]operator `json:"deanonymizers"`
	// One list, or for a list of texts one each.
	Analyzed   spans `json:"analyzer_results"`
	Anonymized spans `json:"anonymizer_results"`
}

// span is a place in a text, in code points.
type span struct {
	Start  *int     `json:"start"`
	End    *int     `json:"end"`
	Entity string   `json:"entity_type"`
	Score  *float64 `json:"score"`
}

// spans is a list of spans or a list of such lists.
type spans struct {
	given bool
	lists [][]span
}

// UnmarshalJSON takes either.
func (s *spans) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	s.given = true
	if unmarshal(data, &s.lists) == nil && len(s.lists) > 0 {
		return nil
	}
	s.lists = make([][]span, 1)
	return unmarshal(data, &s.lists[0])
}

// of is the list for one of n texts.
func (s spans) of(i int, t texts) ([]span, error) {
	if i < len(s.lists) && (!t.many || len(s.lists) == len(t.list)) {
		return s.lists[i], nil
	}
	if len(s.lists) == 0 {
		return nil, nil
	}
	return nil, invalid("Invalid input, there must be one list of results per item in 'text' when 'text' is a list")
}

// anonymized is an EngineResult.
type anonymized struct {
	Text  string    `json:"text"`
	Items []changed `json:"items"`
}

// changed is an OperatorResult.
type changed struct {
	Start      int    `json:"start"`
	End        int    `json:"end"`
	EntityType string `json:"entity_type"`
	Text       string `json:"text"`
	Operator   string `json:"operator"`
}

// place is a span made ready, in byte offsets.
type place struct {
	start, end int
	entity     string
	score      float64
}

func anonymizeRequest(ctx context.Context, body []byte) (any, error) {
	in, err := decodeOperations(body)
	if err != nil {
		return nil, err
	}
	if !in.Analyzed.given && !in.Text.many {
		return nil, invalid("Invalid input, request must contain analyzer results")
	}
	if err := check(in.Anonymizers); err != nil {
		return nil, err
	}
	if _, ok := in.Anonymizers["DEFAULT"]; !ok {
		if in.Anonymizers == nil {
			in.Anonymizers = map[string]operator{}
		}
		in.Anonymizers["DEFAULT"] = operator{"type": "replace"}
	}
	return eachText(ctx, in.Text, func(i int, text string) (anonymized, error) {
		list, err := in.Analyzed.of(i, in.Text)
		if err != nil {
			return anonymized{}, err
		}
		places, err := locate(text, list, true)
		if err != nil {
			return anonymized{}, err
		}
		return operate(text, joinSpaced(text, settle(places)), in.Anonymizers, anonymizers)
	})
}

func deanonymizeRequest(ctx context.Context, body []byte) (any, error) {
	in, err := decodeOperations(body)
	if err != nil {
		return nil, err
	}
	if err := check(in.Deanonymizers); err != nil {
		return nil, err
	}
	return eachText(ctx, in.Text, func(i int, text string) (anonymized, error) {
		list, err := in.Anonymized.of(i, in.Text)
		if err != nil {
			return anonymized{}, err
		}
		places, err := locate(text, list, false)
		if err != nil {
			return anonymized{}, err
		}
		return operate(text, places, in.Deanonymizers, deanonymizers)
	})
}

func decodeOperations(body []byte) (anonymizeIn, error) {
	var in anonymizeIn
	if len(strings.TrimSpace(string(body[:min(len(body), 64)]))) == 0 || empty(body) {
		return in, &presidioError{http.StatusBadRequest, "Invalid request json"}
	}
	if !json.Valid(body) {
		// As Presidio's framework says it.
		return in, &presidioError{http.StatusBadRequest, "The browser (or proxy) sent a request that this server could not understand."}
	}
	err := decode(body, &in)
	if len(in.Text.list) == 0 && !in.Text.many {
		in.Text.list = []string{""}
	}
	return in, err
}

// empty reports whether a body is an object with nothing in it.
func empty(body []byte) bool {
	return len(body) < 64 && strings.Join(strings.Fields(string(body)), "") == "{}"
}

// locate checks spans against their text.
func locate(text string, list []span, scored bool) ([]place, error) {
	points := make([]int, 0, 2*len(list))
	for _, s := range list {
		switch {
		case s.Start == nil:
			return nil, invalid("Invalid input, result must contain start")
		case s.End == nil:
			return nil, invalid("Invalid input, result must contain end")
		case s.Entity == "":
			return nil, invalid("Invalid input, result must contain entity_type")
		case scored && s.Score == nil:
			return nil, invalid("Invalid input, analyzer result must contain score")
		case *s.Start < 0 || *s.End < 0:
			return nil, invalid("Invalid input, result start and end must be positive")
		case *s.Start > *s.End:
			return nil, invalid("Invalid input, start index '%d' must be smaller than end index '%d'", *s.Start, *s.End)
		}
		points = append(points, *s.Start, *s.End)
	}
	at := byteOffsets(text, points)
	out := make([]place, len(list))
	for i, s := range list {
		start, okStart := at[*s.Start]
		end, okEnd := at[*s.End]
		if !okStart || !okEnd {
			return nil, invalid("Invalid analyzer result, start: %d and end: %d, while text length is only %d.",
				*s.Start, *s.End, utf8.RuneCountInString(text))
		}
		out[i] = place{start: start, end: end, entity: s.Entity}
		if s.Score != nil {
			out[i].score = *s.Score
		}
	}
	return out, nil
}

// settle resolves conflicts: places of one type that overlap become one; of
// places of several types, what lies within another goes, and of equals the
// one with the higher score stays, on a tie the later. What overlaps in part
// stays.
func settle(places []place) []place {
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Or(a.start-b.start, a.end-b.end) })
	open := map[string]int{} // by type: index of the last in merged
	merged := places[:0]
	for _, p := range places {
		i, ok := open[p.entity]
		if ok && min(merged[i].end, p.end) > p.start {
			merged[i].end, merged[i].score = max(merged[i].end, p.end), max(merged[i].score, p.score)
			continue
		}
		open[p.entity] = len(merged)
		merged = append(merged, p)
	}
	// So sorted, whatever holds a place comes before it.
	slices.Reverse(merged)
	slices.SortStableFunc(merged, func(a, b place) int {
		return cmp.Or(a.start-b.start, b.end-a.end, cmp.Compare(b.score, a.score))
	})
	furthest := -1
	return slices.DeleteFunc(merged, func(p place) bool {
		within := p.end <= furthest
		furthest = max(furthest, p.end)
		return within
	})
}

// joinSpaced makes one place of neighbours of one type with only spaces
// between them.
func joinSpaced(text string, places []place) []place {
	out := places[:0]
	for _, p := range places {
		if n := len(out); n > 0 && out[n-1].entity == p.entity && out[n-1].end < p.start &&
			strings.Trim(text[out[n-1].end:p.start], " ") == "" {
			p.start = out[n-1].start
			out = out[:n-1]
		}
		out = append(out, p)
	}
	return out
}

// operate replaces places. Where two overlap, each is replaced by what
// becomes of its whole text, one after the other. Items come last first.
func operate(text string, places []place, config map[string]operator, operators map[string]operation) (anonymized, error) {
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Or(a.start-b.start, a.end-b.end) })
	var b strings.Builder
	out := anonymized{Items: make([]changed, len(places))}
	at, points := 0, 0 // in text, and in the output
	for i, p := range places {
		op, ok := config[p.entity]
		if !ok {
			op = config["DEFAULT"]
		}
		name, _ := op["type"].(string)
		do, ok := operators[name]
		if !ok {
			return out, badOperator(name)
		}
		next, err := do(op, p.entity, text[p.start:p.end])
		if err != nil {
			return out, err
		}
		if at < p.start {
			b.WriteString(text[at:p.start])
			points += utf8.RuneCountInString(text[at:p.start])
		}
		b.WriteString(next)
		n := utf8.RuneCountInString(next)
		out.Items[len(places)-1-i] = changed{points, points + n, p.entity, next, name}
		points += n
		// Where the next one overlaps, it begins at its own start: what this
		// one covers beyond is covered by the next.
		at = max(at, p.end)
	}
	b.WriteString(text[at:])
	out.Text = b.String()
	return out, nil
}

var operatorName = regexp.MustCompile(`^[a-z_]{1,32}$`)

func badOperator(name string) error {
	if !operatorName.MatchString(name) {
		return invalid("Invalid operator class.")
	}
	return invalid("Invalid operator class '%s'.", name)
}

// check looks at operators before any is used.
func check(config map[string]operator) error {
	for _, op := range config {
		switch op["type"] {
		case nil, "":
			return invalid("Invalid input, operator config must contain operator_name")
		case "custom":
			return &presidioError{http.StatusBadRequest, "Custom type anonymizer is not supported"}
		}
	}
	return nil
}
