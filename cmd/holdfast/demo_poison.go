package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/holdfast/holdfast/api"
)

type poisonFigures struct {
	Record string         `json:"record"`
	Failed api.DeadLetter `json:"failed"`
	// Again is the letter after a replay of the record as it was.
	Again        api.DeadLetter `json:"again"`
	Replayed     int            `json:"replayed"`
	OpenLetters  int            `json:"open_letters"` // in the end
	FoundBefore  bool           `json:"found_before"`
	FoundAfter   bool           `json:"found_after"`
	FixedSeconds float64        `json:"fixed_seconds"` // until searchable
}

// poison writes a record that fails for good: its body is an object, as some
// mail programs export it, where the declaration says text.
func (d *demo) poison(ctx context.Context) error {
	const id = "T-POISON"
	const text = "The umbrella stand has a hairline crack, and rain water drips onto my parquet. Please send a tin of sealant."
	f := &d.figures.Poison
	f.Record = id
	fields := map[string]any{
		"subject": "Umbrella stand", "status": "open", "priority": 2,
		"body": map[string]any{"type": "text/plain", "content": text},
	}
	path := collectionPath(ticketsName, "records", segment(id))
	if err := d.client.do(ctx, http.MethodPut, path, map[string]any{"fields": fields}, nil); err != nil {
		return err
	}
	var err error
	if f.Failed, err = d.onlyLetter(ctx, id); err != nil {
		return err
	}
	if f.FoundBefore, err = d.finds(ctx, text, id); err != nil {
		return err
	}
	d.row("written", "%s: its body is an object, where the declaration says text", id)
	d.printLetter(f.Failed)
	// What is not fixed fails again, and stays one letter.
	if err := d.replay(ctx, f.Failed.ID); err != nil {
		return err
	}
	if f.Again, err = d.onlyLetter(ctx, id); err != nil {
		return err
	}
	d.row("replayed", "unchanged, it fails again: still one dead letter, after %s", plural(int64(f.Again.Attempts), "try"))
	if err := d.fix(ctx, id, text); err != nil {
		return err
	}
	switch {
	case f.FoundBefore:
		return broken("the poisoned record is found before it is fixed")
	case f.Again.Attempts <= f.Failed.Attempts || f.Again.ID != f.Failed.ID:
		return broken("the replay did not try again")
	case f.OpenLetters != 0:
		return broken("%d dead letters are open after the replay", f.OpenLetters)
	case !f.FoundAfter:
		return broken("the fixed record is not found")
	}
	return nil
}

// fix writes the body as text and replays the letter. The write alone puts
// the record back into the queue; a replay beside it does no harm.
func (d *demo) fix(ctx context.Context, id, text string) error {
	f := &d.figures.Poison
	start := time.Now()
	if err := d.patch(ctx, id, map[string]any{"body": text}); err != nil {
		return err
	}
	if err := d.replay(ctx, f.Again.ID); err != nil {
		return err
	}
	if _, err := d.settled(ctx, "indexing", 1); err != nil {
		return err
	}
	took := time.Since(start)
	f.FixedSeconds = took.Seconds()
	letters, err := everything[api.DeadLetter](ctx, d.client, "/v1/dead-letters")
	if err != nil {
		return err
	}
	f.OpenLetters = len(letters)
	if f.FoundAfter, err = d.finds(ctx, text, id); err != nil {
		return err
	}
	d.row("fixed", "with a PATCH and replayed: searchable after %s, %d left", clock(took), f.OpenLetters)
	return nil
}

// onlyLetter waits for the pipeline and reads the dead letter of a record.
func (d *demo) onlyLetter(ctx context.Context, id string) (api.DeadLetter, error) {
	if _, err := d.settled(ctx, "indexing", 1); err != nil {
		return api.DeadLetter{}, err
	}
	letters, err := everything[api.DeadLetter](ctx, d.client, "/v1/dead-letters")
	if err != nil {
		return api.DeadLetter{}, err
	}
	if len(letters) != 1 || letters[0].Record != id {
		return api.DeadLetter{}, broken("there are %d dead letters, not the one of the poisoned record", len(letters))
	}
	return letters[0], nil
}

func (d *demo) replay(ctx context.Context, letter string) error {
	var got struct {
		Replayed int `json:"replayed"`
	}
	err := d.client.do(ctx, http.MethodPost, "/v1/dead-letters:replay", map[string]any{"ids": []string{letter}}, &got)
	d.figures.Poison.Replayed += got.Replayed
	return err
}

// finds asks for a text and tells whether a record is the first answer.
func (d *demo) finds(ctx context.Context, text, id string) (bool, error) {
	got, err := d.ask(ctx, text, nil, 1)
	return err == nil && len(got.Results) > 0 && got.Results[0].ID == id, err
}

// printLetter prints a dead letter as `holdfast dlq` does.
func (d *demo) printLetter(l api.DeadLetter) {
	d.row("failed", "for good; `holdfast dlq` shows")
	d.columns([]string{"<id", "<record", "<step", "<kind", "tries", "<why"},
		[][]string{{l.ID, l.Record, l.Pipeline + "/" + l.Step, l.Kind, fmt.Sprint(l.Attempts), l.Message}})
}
