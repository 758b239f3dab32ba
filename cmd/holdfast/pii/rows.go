package pii

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/holdfast/holdfast/fault"
)

// Rows reads the rows of a CSV or JSON lines file until each returns an error.
func Rows(path string, each func(Row) error) (err error) {
	if isParquet(path) {
		err := parquetRows(path, func(_ int64, fields, values []string) error {
			row := Row{}
			for i, name := range fields {
				row[name] = strings.TrimSpace(row[name] + " " + values[i])
			}
			return each(row)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	in, format, done, err := Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	switch format {
	case CSV:
		err = tableRows(in, each)
	case JSON:
		err = jsonRows(in, each)
	case Text, Auto:
		err = fault.New(fault.Invalid, "is neither CSV nor JSON lines")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func tableRows(in io.Reader, each func(Row) error) error {
	r, err := newTable(in)
	if err != nil {
		return err
	}
	header, err := r.Read()
	for err == nil {
		var cells []string
		if cells, err = r.Read(); err != nil {
			break
		}
		row := Row{}
		for i, name := range header {
			if i < len(cells) {
				row[name] = cells[i]
			}
		}
		if err := each(row); err != nil {
			return err
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return badTable(err)
}

func jsonRows(in io.Reader, each func(Row) error) error {
	dec := json.NewDecoder(in)
	dec.UseNumber()
	for n := 1; ; n++ {
		var v map[string]any
		err := dec.Decode(&v)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.New(fault.Invalid, "row %d is not a JSON object", n)
		}
		if fields, ok := v["fields"].(map[string]any); ok {
			v = fields
		}
		row := Row{}
		eachString("", v, func(field, text string) bool {
			if row[field] != "" {
				text = row[field] + " " + text
			}
			row[field] = text
			return true
		})
		if err := each(row); err != nil {
			return err
		}
	}
}
