package sample_test

import (
	"encoding/json"
	"testing"

	"github.com/holdfast/holdfast/cmd/holdfast/sample"
)

func TestEveryRecordHasItsLabels(t *testing.T) {
	labels, err := sample.Labels()
	if err != nil {
		t.Fatal(err)
	}
	n, long := 0, false
	for line := range sample.Records() {
		var r struct {
			ID     string         `json:"id"`
			Fields map[string]any `json:"fields"`
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("record %d: %v", n+1, err)
		}
		if n >= len(labels) || labels[n].ID != r.ID {
			t.Fatalf("record %d has no labels of its own", n+1)
		}
		for _, s := range labels[n].Spans {
			text, ok := r.Fields[s.Field].(string)
			if !ok || s.Start < 0 || s.End <= s.Start || s.End > len(text) {
				t.Errorf("record %d: span %+v lies outside its field", n+1, s)
			}
		}
		long = long || r.ID == sample.LongID
		n++
	}
	if n != 2000 || len(labels) != n || !long {
		t.Errorf("%d records with %d labels, long one among them: %t; want 2,000 and 2,000", n, len(labels), long)
	}
}
