package source

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// jsonRows reads an object a line: {"id","fields"} as the batch API takes
// them, {"id","delete":true}, or flat objects.
func (s *Source) jsonRows(in *lines, yield func(Row) bool) {
	dec := jsontext.NewDecoder(bytes.NewReader(nil))
	for {
		line, err := in.next()
		row := Row{File: s.Path, Line: in.at.Line, End: in.at}
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.Is(err, errTooLong):
			row.Err = err
		case err != nil:
			row.Line++
			row.Err = fault.New(fault.Unavailable, "the input breaks off in this line: %w", err)
			yield(row)
			return
		default:
			if line = bytes.TrimSpace(line); len(line) == 0 {
				continue
			}
			s.parse(dec, line, &row)
		}
		if !yield(row) {
			return
		}
	}
}

// parse reads one object. It is transcribed rather than decoded: its values
// are looked at where the record is stored.
func (s *Source) parse(dec *jsontext.Decoder, line []byte, row *Row) {
	dec.Reset(bytes.NewBuffer(line))
	o := object{out: append(make([]byte, 0, len(line)+2), '{')}
	if line[0] != '{' {
		row.Err = errNoObject
		return
	}
	if err := o.read(dec, s.id); err != nil {
		// The words for what is wrong, and where, are the record store's.
		if _, row.Err = record.ParseFields(line); row.Err == nil {
			row.Err = err
		}
		return
	}
	row.Delete = o.deletes()
	if s.loose && !o.wrapped() && !row.Delete {
		row.Fields = bytes.Clone(line)
		return
	}
	switch {
	case o.idErr != nil:
		row.Err = o.idErr
	case o.plain && o.others == 1 && o.misfit:
		row.Err = fault.Field("fields", "must be an object")
	case !o.hasID && s.id != "id":
		row.Err = fault.Field(s.id, "is missing; it was named as the id")
	default:
		row.Err = record.CheckID(o.id)
	}
	if row.Err != nil {
		return
	}
	row.ID = o.id
	switch {
	case row.Delete:
	case o.wrapped():
		row.Fields = o.out[o.from:o.to]
	default:
		row.Fields = append(o.out, '}')
	}
}

var errNoObject = fault.New(fault.Invalid, "the line must be a JSON object")

// object is a line's top level.
type object struct {
	out      []byte // all members but the id, without the closing brace
	id       string
	hasID    bool
	idErr    error
	from, to int  // where in out the value of "fields" lies; 0 if it is no object
	others   int  // members beside "id", "fields" and "delete"
	misfit   bool // one of others is "fields", which is no object
	delete   bool
	plain    bool // the id's name is "id"
}

func (o *object) read(dec *jsontext.Decoder, id string) error {
	o.plain = id == "id"
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		tok, err := dec.ReadToken()
		if err != nil {
			return err
		}
		name := tok.String()
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if name == id {
			o.identify(value)
			continue
		}
		if len(o.out) > 1 {
			o.out = append(o.out, ',')
		}
		if o.out, err = jsontext.AppendQuote(o.out, name); err != nil {
			return err
		}
		from := len(o.out) + 1
		o.out = append(append(o.out, ':'), value...)
		switch {
		case name == "fields" && value.Kind() == '{':
			o.from, o.to = from, len(o.out)
		case name == "delete" && value.Kind() == 't':
			o.delete = true
		default:
			o.others++
			o.misfit = o.misfit || name == "fields"
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "there is more after the JSON object")
	}
	return nil
}

// identify takes a string or a number as it is written.
func (o *object) identify(value jsontext.Value) {
	o.hasID = true
	switch value[0] {
	case '"':
		text, err := jsontext.AppendUnquote(nil, value)
		o.id, o.idErr = string(text), err
	case 'n':
		o.hasID = false
	case '{', '[', 't', 'f':
		o.idErr = fault.Field("id", "must be a string or a number")
	default:
		o.id = string(value)
	}
}

func (o *object) wrapped() bool { return o.plain && o.others == 0 && !o.delete && o.from > 0 }

func (o *object) deletes() bool { return o.plain && o.others == 0 && o.delete && o.from == 0 }
