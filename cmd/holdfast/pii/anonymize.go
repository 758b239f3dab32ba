package pii

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

// Anonymizer writes inputs as a policy makes them.
type Anonymizer struct {
	Gate   *gate.Gate
	Policy *gate.Policy
	Class  string // classification of the fields
}

// Write copies an input with every value transformed, its layout kept.
func (a *Anonymizer) Write(ctx context.Context, w io.Writer, in io.Reader, format Format) error {
	switch format {
	case JSON:
		return a.json(ctx, w, in)
	case CSV:
		return a.csv(ctx, w, in)
	case Text, Auto:
	}
	var failed error
	err := textUnits(in, func(u Unit) bool {
		var clean string
		if clean, failed = a.value(ctx, "", u.Text); failed == nil {
			_, failed = io.WriteString(w, clean)
		}
		return failed == nil
	})
	return errors.Join(failed, err)
}

// value cleans one value, in the light of its field's name.
func (a *Anonymizer) value(ctx context.Context, field, text string) (string, error) {
	prefix := contextOf(field)
	for _, p := range []string{prefix, ""} {
		r := a.Gate.CleanTexts(ctx, a.Policy, []gate.Text{{Raw: gate.NewRaw(p + text), Class: a.Class}})[0]
		if r.Err != nil {
			return "", r.Err
		}
		c, from := r.Clean, len(p)
		if len(c.Embed()) < from || c.Embed()[:from] != p || c.Whole(from) != from {
			continue // the name itself was taken for a value
		}
		piece, err := c.Cut(from, len(c.Embed()))
		return piece.Display(), err
	}
	return "", fault.New(fault.Internal, "a value has no beginning")
}

// json transforms the strings of JSON values and leaves all else as it is.
func (a *Anonymizer) json(ctx context.Context, w io.Writer, in io.Reader) error {
	dec := jsontext.NewDecoder(in, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	enc := jsontext.NewEncoder(w, jsontext.AllowDuplicateNames(true))
	var names []string // by depth
	for {
		t, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.New(fault.Invalid, "byte %d: is not JSON", dec.InputOffset())
		}
		depth := dec.StackDepth()
		for len(names) <= depth {
			names = append(names, "")
		}
		switch kind, n := dec.StackIndex(depth); {
		case t.Kind() == '"' && kind == '{' && n%2 == 1:
			names[depth] = t.String()
		case t.Kind() == '"' || t.Kind() == '0':
			field := names[depth]
			for d := depth; d > 0 && field == ""; d-- {
				field = names[d]
			}
			clean, err := a.value(ctx, field, t.String())
			if err != nil {
				return err
			}
			if t.Kind() == '"' || clean != t.String() {
				t = jsontext.String(clean)
			}
		case t.Kind() == '[' || t.Kind() == '{':
			names[depth] = ""
		}
		if err := enc.WriteToken(t); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
}

// csv transforms the cells of a table and leaves its header.
func (a *Anonymizer) csv(ctx context.Context, w io.Writer, in io.Reader) error {
	r, err := newTable(in)
	if err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.Comma = r.Comma
	var header []string
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return badTable(err)
		}
		for i := range row {
			if header == nil || row[i] == "" {
				continue
			}
			field := ""
			if i < len(header) {
				field = header[i]
			}
			if row[i], err = a.value(ctx, field, row[i]); err != nil {
				return err
			}
		}
		if header == nil {
			header = append([]string{}, row...)
		}
		if err := out.Write(row); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	out.Flush()
	return out.Error()
}
