package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/gate"
)

type searchFigure struct {
	Query   string             `json:"query"`
	Filter  map[string]any     `json:"filter,omitempty"`
	TookMS  float64            `json:"took_ms"`
	Results []api.SearchResult `json:"results"`
}

// ask searches the tickets.
func (d *demo) ask(ctx context.Context, query string, filter map[string]any, k int, fields ...string) (searchFigure, error) {
	body := map[string]any{"query": query, "k": k}
	if filter != nil {
		body["filter"] = filter
	}
	if fields != nil {
		body["fields"] = fields
	}
	var got answer
	err := d.client.do(ctx, http.MethodPost, collectionPath(ticketsName, "search"), body, &got)
	return searchFigure{Query: query, Filter: filter, TookMS: got.TookMS, Results: got.Results}, err
}

// question is a search of the demo, with what the answer must show.
type question struct {
	query, about string
	filter       map[string]any
	customer     string // every hit must be this customer's, if set
}

// searches asks three questions.
func (d *demo) searches(ctx context.Context) error {
	customer := d.tickets[0].Fields.Customer
	for i, q := range []question{
		{query: "phone app closes by itself right after opening"},
		{
			query: "I want to stop paying every month", about: "filter: open, priority 2 or more",
			filter: map[string]any{"status": "open", "priority": map[string]any{"$gte": 2}},
		},
		{query: customer, about: "a customer; passages hold pseudonyms", customer: customer},
	} {
		got, err := d.ask(ctx, q.query, q.filter, 3, "subject", "status", "priority", "tags", "customer")
		if err != nil {
			return err
		}
		d.figures.Searches = append(d.figures.Searches, got)
		if i > 0 {
			d.gap()
		}
		words, err := d.wordsOf(ctx, q)
		if err != nil {
			return err
		}
		d.printSearch(q, got, words)
		if err := q.check(got.Results); err != nil {
			return err
		}
	}
	return nil
}

func (q question) check(results []api.SearchResult) error {
	if len(results) != 3 {
		return broken("a search found %d records, not 3", len(results))
	}
	for _, r := range results {
		switch {
		case q.customer != "" && r.Fields["customer"] != q.customer:
			return broken("the search for a customer's name found another customer's record")
		case q.customer != "" && strings.Contains(r.Passage.Text, q.customer):
			return broken("a customer's name has passed the gate")
		case q.filter != nil && r.Fields["status"] != "open":
			return broken("the filter did not hold")
		}
	}
	return nil
}

// wordsOf lists what to look for in a passage: the words of the query, or
// those by which the gate knows a name.
func (d *demo) wordsOf(ctx context.Context, q question) ([]string, error) {
	if q.customer == "" {
		return strings.Fields(q.query), nil
	}
	app := d.client.owner.app
	policy, err := app.Policy("default")
	if err != nil {
		return nil, err
	}
	clean, err := app.Gate().Query(ctx, &policy, gate.NewRaw(q.query))
	return append(strings.Fields(clean.Display()), clean.Terms()...), err
}

func (d *demo) printSearch(q question, s searchFigure, words []string) {
	about := ""
	if q.about != "" {
		about = "  " + q.about
	}
	d.print("%s%s%s%s\n", margin, d.bold("“"+s.Query+"”"), about, d.dim(fmt.Sprintf("  %.1f ms", s.TookMS)))
	const idWidth = 10
	for _, r := range s.Results {
		d.print("%s%s%s\n", margin, pad(r.ID, idWidth), d.hitLine(r, d.width-len(margin)-idWidth))
		if r.Passage.Field != "subject" { // that stands there already
			d.passage(r.Passage.Text, words, len(margin)+idWidth)
		}
	}
}

// hitLine shows a record by its subject, status and priority, and as many of
// its tags as there is room for.
func (d *demo) hitLine(r api.SearchResult, room int) string {
	meta := fmt.Sprintf(" · %v, priority %v", r.Fields["status"], r.Fields["priority"])
	subject := shorten(fmt.Sprint(r.Fields["subject"]), room-utf8.RuneCountInString(meta))
	room -= utf8.RuneCountInString(subject)
	tags, _ := r.Fields["tags"].([]any)
	for _, tag := range tags {
		if more := fmt.Sprintf("%s, %v", meta, tag); utf8.RuneCountInString(more) <= room {
			meta = more
		}
	}
	return subject + d.dim(meta)
}
