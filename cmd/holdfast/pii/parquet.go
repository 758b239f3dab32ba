package pii

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/holdfast/holdfast/fault"
)

// parquetRows calls each with the rows of a Parquet file, numbered from 1. It
// reads a page at a time.
func parquetRows(path string, each func(n int64, fields []string, values []string) error) (err error) {
	f, err := os.Open(path) //nolint:gosec // the caller names the file
	if err != nil {
		return fault.New(fault.NotFound, "%w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return fault.New(fault.Unavailable, "%w", err)
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return fault.New(fault.Invalid, "is not Parquet")
	}
	columns := file.Schema().Columns()
	reader := parquet.NewReader(file)
	defer func() { err = errors.Join(err, reader.Close()) }()
	buf := make([]parquet.Row, 64)
	for n := int64(1); ; {
		got, failed := reader.ReadRows(buf)
		for _, row := range buf[:got] {
			var fields, values []string
			for _, v := range row {
				if !v.IsNull() {
					fields = append(fields, strings.Join(columns[v.Column()], "."))
					values = append(values, v.String())
				}
			}
			if err := each(n, fields, values); err != nil {
				return err
			}
			n++
		}
		if errors.Is(failed, io.EOF) {
			return nil
		}
		if failed != nil {
			return fault.New(fault.Invalid, "row %d: is not Parquet", n)
		}
	}
}

// errStop ends a reading that nobody wants to go on.
var errStop = errors.New("stop")

// parquetUnits yields the values of a Parquet file; their line is their row.
func parquetUnits(path string, next func(Unit) bool) error {
	err := parquetRows(path, func(n int64, fields, values []string) error {
		for i, text := range values {
			if text != "" && !next(Unit{Line: n, Field: fields[i], Text: text}) {
				return errStop
			}
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}
