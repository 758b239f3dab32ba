package search

import (
	"context"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// compare looks records of an attached collection up at their source, which
// is the truth: their fields become what they are there now, so that filters
// and results are about those, and it says why records may not be returned,
// whose row is gone or has other content than was indexed. Without an answer
// in time there is no result: an unchecked hit could be a lie.
func (s *Searcher) compare(ctx context.Context, p *plan, records map[record.Ref]record.Record) (map[record.Ref]string, error) {
	if !p.collection.Declaration.Attached() {
		return nil, nil
	}
	src, err := s.Sources.Of(&p.collection)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "hits cannot be checked at their source: %w", err)
	}
	timeout := s.SourceTimeout
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	stale, refs := map[record.Ref]string{}, map[string]record.Ref{}
	ids := make([]string, 0, len(records))
	for ref, r := range records {
		if r.Collection == p.collection.ID && !r.Deleted {
			ids = append(ids, r.ID)
			stale[ref], refs[r.ID] = "source_gone", ref
		}
	}
	for row, err := range src.Rows(ctx, ids) {
		if err != nil {
			return nil, fault.New(fault.Unavailable, "hits cannot be checked at their source: %w", err)
		}
		ref := refs[row.ID]
		r := records[ref]
		switch {
		case ref == 0:
			continue // its key is equal to another's and reads otherwise
		case row.Err != nil:
			continue
		case p.collection.Compare(r.Fields, row.Fields)&record.Content != 0:
			stale[ref] = "source_superseded"
		default:
			delete(stale, ref)
		}
		r.Fields = row.Fields
		records[ref] = r
	}
	return stale, nil
}
