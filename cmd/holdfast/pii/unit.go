// Package pii examines files, folders and streams of any size for the command
// line: what personal data stands where, how sure, and what a policy makes of
// it. It never prints a value unless it is asked to.
package pii

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast/holdfast/fault"
)

// Format is how an input is laid out.
type Format string

// The formats. Auto goes by the file's name; standard input is text.
const (
	Auto Format = ""
	Text Format = "text"
	JSON Format = "jsonl"
	CSV  Format = "csv"
)

// Unit is a piece of an input that is examined as one: some lines of text, or
// one value of a row.
type Unit struct {
	File  string
	Line  int64  // of its first character, from 1
	Field string // of a row; empty in text
	Text  string
}

// chunk bounds a piece of text, in bytes. It ends at an empty line, else at
// the end of a line, so that values are not cut apart.
const chunk = 1 << 20

// Stdin is the path of standard input.
const Stdin = "-"

// Units reads paths: files, folders with all files in them that hold text, or
// standard input.
func Units(paths []string, format Format, stdin io.Reader) iter.Seq2[Unit, error] {
	return func(yield func(Unit, error) bool) {
		for _, path := range paths {
			if !unitsOf(path, format, stdin, yield) {
				return
			}
		}
	}
}

func unitsOf(path string, format Format, stdin io.Reader, yield func(Unit, error) bool) bool {
	if path == Stdin {
		return read(path, format, stdin, yield)
	}
	info, err := os.Stat(path)
	if err != nil {
		return yield(Unit{}, fault.New(fault.NotFound, "%w", err))
	}
	if !info.IsDir() {
		return file(path, format, false, yield)
	}
	more := true
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != path:
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		if more = file(name, format, true, yield); !more {
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		return yield(Unit{}, fault.New(fault.Unavailable, "%w", err))
	}
	return more
}

// Open opens a file, compressed or not, and tells its format by its name.
func Open(path string) (io.Reader, Format, func() error, error) {
	f, err := os.Open(path) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, Auto, nil, fault.New(fault.NotFound, "%w", err)
	}
	if !strings.HasSuffix(path, ".gz") {
		return f, FormatOf(path), f.Close, nil
	}
	in, err := gzip.NewReader(f)
	if err != nil {
		return nil, Auto, nil, errors.Join(fault.New(fault.Invalid, "%s: %w", path, err), f.Close())
	}
	return in, FormatOf(strings.TrimSuffix(path, ".gz")), f.Close, nil
}

// file reads one file; of a folder only those that hold text.
func file(path string, format Format, pick bool, yield func(Unit, error) bool) bool {
	if isParquet(path) {
		more := true
		err := parquetUnits(path, func(u Unit) bool {
			u.File = path
			more = yield(u, nil)
			return more
		})
		if err != nil {
			return yield(Unit{}, fmt.Errorf("%s: %w", path, err))
		}
		return more
	}
	in, own, done, err := Open(path)
	if err != nil {
		return yield(Unit{}, err)
	}
	defer done() //nolint:errcheck // only read
	buffered := bufio.NewReaderSize(in, 64<<10)
	if pick {
		if head, err := buffered.Peek(8 << 10); err != nil && !errors.Is(err, io.EOF) || bytes.IndexByte(head, 0) >= 0 {
			return true // not text
		}
	}
	if format == Auto {
		format = own
	}
	return read(path, format, buffered, yield)
}

func isParquet(path string) bool { return strings.EqualFold(filepath.Ext(path), ".parquet") }

// FormatOf tells a format by a file's name.
func FormatOf(name string) Format {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jsonl", ".ndjson", ".json":
		return JSON
	case ".csv", ".tsv":
		return CSV
	}
	return Text
}

func read(path string, format Format, in io.Reader, yield func(Unit, error) bool) bool {
	var err error
	more := true
	next := func(u Unit) bool {
		u.File = path
		more = yield(u, nil)
		return more
	}
	switch format {
	case JSON:
		err = jsonUnits(in, next)
	case CSV:
		err = csvUnits(in, next)
	case Text, Auto:
		err = textUnits(in, next)
	}
	if err != nil {
		return yield(Unit{}, fmt.Errorf("%s: %w", path, err))
	}
	return more
}

// textUnits cuts a stream of text into pieces.
func textUnits(in io.Reader, next func(Unit) bool) error {
	line := int64(1)
	buf := make([]byte, 0, 2*chunk)
	for {
		n, err := io.ReadFull(in, buf[len(buf):2*chunk])
		buf = buf[:len(buf)+n]
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return fault.New(fault.Unavailable, "read: %w", err)
		}
		for len(buf) > chunk || ended && len(buf) > 0 {
			cut := len(buf)
			if cut > chunk {
				cut = cutAt(buf[:chunk])
			}
			if !next(Unit{Line: line, Text: string(buf[:cut])}) {
				return nil
			}
			line += int64(bytes.Count(buf[:cut], []byte{'\n'}))
			buf = append(buf[:0], buf[cut:]...)
		}
		if ended {
			return nil
		}
	}
}

// cutAt finds where a full piece may end.
func cutAt(b []byte) int {
	for _, end := range []string{"\n\n", "\n", " "} {
		if i := bytes.LastIndex(b[len(b)/2:], []byte(end)); i >= 0 {
			return len(b)/2 + i + len(end)
		}
	}
	return len(b)
}

// jsonUnits reads JSON values, one after another, and yields their strings.
func jsonUnits(in io.Reader, next func(Unit) bool) error {
	lines := bufio.NewReaderSize(in, 64<<10)
	counted := &lineCounter{r: lines, line: 1}
	dec := json.NewDecoder(counted)
	dec.UseNumber()
	for {
		var v any
		err := dec.Decode(&v)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.New(fault.Invalid, "is not JSON")
		}
		line := counted.at(dec.InputOffset())
		if !eachString("", v, func(field, text string) bool {
			return text == "" || next(Unit{Line: line, Field: field, Text: text})
		}) {
			return nil
		}
	}
}

// lineCounter knows the lines of what was read lately.
type lineCounter struct {
	r     io.Reader
	line  int64   // of the offset that was asked for last
	total int64   // offset of the end of what was read
	ends  []int64 // offsets of the line ends behind that
}

// Read implements io.Reader.
func (c *lineCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			c.ends = append(c.ends, c.total+int64(i))
		}
	}
	c.total += int64(n)
	return n, err
}

// at is the line of an offset; earlier ones are not asked for again.
func (c *lineCounter) at(offset int64) int64 {
	n := 0
	for n < len(c.ends) && c.ends[n] < offset {
		n++
	}
	c.line += int64(n)
	c.ends = c.ends[:copy(c.ends, c.ends[n:])]
	return c.line
}

// eachString calls next with every string in a value, and with numbers as
// they are written: an identity number may be one.
func eachString(field string, v any, next func(field, text string) bool) bool {
	switch v := v.(type) {
	case string:
		return next(field, v)
	case json.Number:
		return next(field, v.String())
	case []any:
		for _, one := range v {
			if !eachString(field, one, next) {
				return false
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			name := key
			if field != "" {
				name = field + "." + key
			}
			if !eachString(name, v[key], next) {
				return false
			}
		}
	}
	return true
}

// csvUnits reads a table with a header.
func csvUnits(in io.Reader, next func(Unit) bool) error {
	r, err := newTable(in)
	if err != nil {
		return err
	}
	header, err := r.Read()
	for err == nil {
		var row []string
		if row, err = r.Read(); err != nil {
			break
		}
		for i, value := range row {
			line, _ := r.FieldPos(i)
			field := fmt.Sprint("column ", i+1)
			if i < len(header) {
				field = header[i]
			}
			if value != "" && !next(Unit{Line: int64(line), Field: field, Text: value}) {
				return nil
			}
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return badTable(err)
}

func badTable(err error) error {
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		return fault.New(fault.Invalid, "line %d: is not CSV: %w", e.Line, e.Err)
	}
	return fault.New(fault.Unavailable, "read: %w", err)
}

// newTable reads CSV, separated by what stands most often in its first line.
func newTable(in io.Reader) (*csv.Reader, error) {
	buffered := bufio.NewReaderSize(in, 64<<10)
	head, err := buffered.Peek(32 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Unavailable, "read: %w", err)
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, _ = buffered.Discard(3) // it was peeked at
	}
	first, _, _ := bytes.Cut(head, []byte{'\n'})
	r := csv.NewReader(buffered)
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	for _, sep := range ";\t|" {
		if bytes.Count(first, []byte(string(sep))) > bytes.Count(first, []byte(string(r.Comma))) {
			r.Comma = sep
		}
	}
	return r, nil
}
