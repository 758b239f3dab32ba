package snapshot

import (
	"context"
	"io"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
)

// The files of an export.
//
//nolint:gosec // "passages" is no password
const (
	RecordsFile  = "records.parquet"
	PassagesFile = "passages.parquet"
)

// exportedPassage is a passage as it is exported: its clean text for people,
// and its vector.
type exportedPassage struct {
	Record         int64     `parquet:"record"`
	ContentVersion int64     `parquet:"content_version"`
	Field          string    `parquet:"field,dict"`
	Ordinal        int32     `parquet:"ordinal"`
	Start          int64     `parquet:"start"`
	End            int64     `parquet:"end"`
	Text           string    `parquet:"text"`
	TextDigest     [32]byte  `parquet:"text_digest"`
	DisplayDigest  [32]byte  `parquet:"display_digest"`
	Embedding      [32]byte  `parquet:"embedding"`
	Vector         []float32 `parquet:"vector,list"`
}

// Export writes one of the files of a snapshot. Its bytes are the same each
// time, until an erasure issues the snapshot anew.
func (s *Store) Export(ctx context.Context, one Snapshot, name string, to io.Writer) error {
	switch name {
	case RecordsFile:
		return wrap("export records", s.exportRecords(ctx, one, to))
	case PassagesFile:
		return wrap("export passages", s.exportPassages(ctx, one, to))
	}
	return fault.New(fault.NotFound, "an export has the files %s and %s", RecordsFile, PassagesFile)
}

func (s *Store) exportRecords(ctx context.Context, one Snapshot, to io.Writer) error {
	if err := s.check(ctx, one.RecordsObject); err != nil {
		return err
	}
	w := writer[recordRow](to)
	err := readRows(ctx, s.Bucket, one.RecordsObject, func(rows []recordRow) error {
		_, err := w.Write(rows)
		return err
	})
	if err != nil {
		return err
	}
	return w.Close()
}

func (s *Store) exportPassages(ctx context.Context, one Snapshot, to io.Writer) error {
	if err := s.check(ctx, one.PassagesObject); err != nil {
		return err
	}
	w := writer[exportedPassage](to)
	err := readRows(ctx, s.Bucket, one.PassagesObject, func(rows []passageRow) error {
		out, err := s.open(ctx, one, rows)
		if err == nil {
			_, err = w.Write(out)
		}
		return err
	})
	if err != nil {
		return err
	}
	return w.Close()
}

// open unseals passages and loads their vectors.
func (s *Store) open(ctx context.Context, one Snapshot, rows []passageRow) ([]exportedPassage, error) {
	texts := make([]digest.Digest, len(rows))
	for i, r := range rows {
		texts[i] = r.Text
	}
	vectors, err := s.Embeddings.Load(ctx, one.Space, texts)
	if err != nil {
		return nil, err
	}
	out := make([]exportedPassage, len(rows))
	for i, r := range rows {
		clean, _, err := s.Gate.Open(r.Sealed)
		if err != nil {
			return nil, err
		}
		v, ok := vectors[r.Text]
		if !ok {
			return nil, fault.New(fault.Internal, "embedding %s of the snapshot is missing, restore it from a backup", digest.Digest(r.Address).Short())
		}
		out[i] = exportedPassage{
			Record: r.Record, ContentVersion: r.ContentVersion, Field: r.Field, Ordinal: r.Ordinal, Start: r.Start, End: r.End,
			Text: clean.Display(), TextDigest: r.Text, DisplayDigest: r.Display, Embedding: r.Address, Vector: v,
		}
	}
	return out, nil
}
