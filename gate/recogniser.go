package gate

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/holdfast/holdfast/fault"
)

// Recogniser finds values that the gate's own detectors may miss, usually by
// asking a service (package gate/remote). It is handed raw text: a service
// sees it as its owner wrote it. There is none unless one is configured.
type Recogniser interface {
	// Recognise lists what it finds in text, with byte offsets. An error holds
	// the text back; one that would rather go on without an answer returns
	// nothing and no error. It gives up when ctx ends.
	Recognise(ctx context.Context, text Raw) ([]Finding, error)
	// Version changes whenever the same text could give other findings, as far
	// as that is known here.
	Version() string
}

// askOthers adds what the recognisers find. What is no stretch of the text, or
// has no type, is a defect of the recogniser: it holds the text back.
func (g *Gate) askOthers(ctx context.Context, found []Finding, text Raw) ([]Finding, error) {
	raw := text.Reveal()
	for _, r := range g.others {
		more, err := r.Recognise(ctx, text)
		if err != nil {
			return nil, fmt.Errorf("ask a recogniser: %w", err)
		}
		for _, f := range more {
			if f.Start < 0 || f.End <= f.Start || f.End > len(raw) || !utf8.RuneStart(raw[f.Start]) || f.End < len(raw) && !utf8.RuneStart(raw[f.End]) ||
				!entityName.MatchString(string(f.Entity)) || !(f.Score >= 0 && f.Score <= 1) {
				return nil, fault.New(fault.Internal, "recogniser %s finds what is not in the text", f.Rule)
			}
			found = append(found, f)
		}
	}
	return found, nil
}
