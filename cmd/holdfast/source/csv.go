package source

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// layout is what the beginning of a CSV file tells about all of it.
type layout struct {
	comma   rune
	columns []column
	start   Mark // of the first row
}

type column struct {
	name string // "" if the column has none and is left out
	json kind   // how its values are written
}

type kind uint8

const (
	text kind = iota
	number
	boolean
)

// sampled is how many rows decide whether a column holds numbers or booleans.
const sampled = 1000

// learn reads the header and the first rows.
func (s *Source) learn() error {
	in, err := s.open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	feed := &feeder{lines: newLines(in)}
	first, err := feed.peek()
	switch {
	case errors.Is(err, io.EOF):
		return nil // an empty file has no rows
	case err != nil:
		return fault.New(fault.Invalid, "%s: header: %w", s.Path, err)
	}
	s.layout.comma = separator(first)
	r := feed.reader(s.layout.comma)
	header, err := r.Read()
	if err != nil {
		return fault.New(fault.Invalid, "%s: header: %s", s.Path, describe(err))
	}
	if s.layout.columns, err = s.columns(header); err != nil {
		return err
	}
	feed.drop()
	s.layout.start = feed.end()
	kinds := guess{}
	for range sampled {
		values, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		feed.drop()
		if err == nil {
			kinds.add(values)
		}
	}
	for i := range s.layout.columns {
		s.layout.columns[i].json = kinds.of(i)
	}
	return nil
}

// columns names the columns as fields are named: other characters become "_".
func (s *Source) columns(header []string) ([]column, error) {
	out := make([]column, len(header))
	seen := map[string]int{}
	for i, name := range header {
		if !utf8.ValidString(name) {
			return nil, fault.New(fault.Invalid, "%s: the header is not valid UTF-8; save the file as UTF-8", s.Path)
		}
		name = fieldName(name)
		if name == "" {
			continue
		}
		if first, dup := seen[name]; dup {
			return nil, fault.New(fault.Invalid, "%s: columns %d and %d have the same name", s.Path, first+1, i+1)
		}
		seen[name] = i
		out[i].name = name
	}
	if _, has := seen[fieldName(s.id)]; !has && !s.loose {
		return out, fault.New(fault.Invalid, "%s has no column %q; name the one that holds the ids with --id (there are: %s)", s.Path, s.id, names(out))
	}
	return out, nil
}

func names(columns []column) string {
	var out []string
	for _, c := range columns {
		if c.name != "" {
			out = append(out, c.name)
		}
	}
	return strings.Join(out, ", ")
}

// fieldName turns a heading into a name that a declaration takes.
func fieldName(heading string) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) || r == '_' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.TrimSpace(heading))
	name = strings.TrimRight(name, "_")
	if name == "" {
		return ""
	}
	if r, _ := utf8.DecodeRuneInString(name); !unicode.IsLetter(r) && r != '_' {
		name = "_" + name
	}
	for len(name) > 128 {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// separator is the one of the usual characters that the header has most of,
// outside quotes.
func separator(header []byte) rune {
	quoted := false
	count := map[byte]int{}
	for _, c := range header {
		if c == '"' {
			quoted = !quoted
		}
		if !quoted {
			count[c]++
		}
	}
	best := byte(',')
	for _, c := range []byte(";\t|") {
		if count[c] > count[best] {
			best = c
		}
	}
	return rune(best)
}

// jsonNumber is a number that keeps its look: no leading zeros or plus sign,
// and few enough digits to be exact.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?$`)

// guess decides, by column, whether all values that are there are of a kind.
type guess []struct{ present, numbers, booleans int }

func (g *guess) add(values []string) {
	for i, v := range values {
		if i == len(*g) {
			*g = append(*g, struct{ present, numbers, booleans int }{})
		}
		c := &(*g)[i]
		switch {
		case v == "":
			continue
		case jsonNumber.MatchString(v):
			c.numbers++
		case strings.EqualFold(v, "true"), strings.EqualFold(v, "false"):
			c.booleans++
		}
		c.present++
	}
}

func (g guess) of(i int) kind {
	switch {
	case i >= len(g) || g[i].present == 0:
		return text
	case g[i].numbers == g[i].present:
		return number
	case g[i].booleans == g[i].present:
		return boolean
	}
	return text
}

// csvRows reads rows (RFC 4180). A row that is malformed is refused, and
// reading goes on at the line after its first: so a quote that is left open
// costs one row and not the rest of the file.
func (s *Source) csvRows(in *lines, yield func(Row) bool) {
	if s.layout.columns == nil {
		return
	}
	feed := &feeder{lines: in}
	r := feed.reader(s.layout.comma)
	r.FieldsPerRecord = -1
	if in.at == (Mark{}) {
		// The header was read before; here it is only passed over.
		if _, err := r.Read(); err != nil {
			yield(Row{File: s.Path, Line: 1, Err: fault.New(fault.Conflict, "the file has changed while it was read")})
			return
		}
		feed.drop()
	}
	for {
		values, err := r.Read()
		if errors.Is(err, io.EOF) && feed.empty() {
			return
		}
		row := Row{File: s.Path, Line: feed.begin()}
		fatal := feed.err
		switch {
		case err != nil && fatal != nil:
			row.Err = fault.New(fault.Unavailable, "the input breaks off in this row: %w", fatal)
		case err != nil:
			row.Err = fault.New(fault.Invalid, "%s", describe(err))
		case len(values) != len(s.layout.columns):
			row.Err = fault.New(fault.Invalid, "the row has %d values, the header %d", len(values), len(s.layout.columns))
		default:
			s.transcribe(values, &row)
		}
		if err != nil {
			feed.again()
		} else {
			feed.drop()
		}
		row.End = feed.end()
		if !yield(row) || fatal != nil {
			return
		}
	}
}

// transcribe writes a row as JSON. Empty values are absent.
func (s *Source) transcribe(values []string, row *Row) {
	id, size := fieldName(s.id), 2
	for i, v := range values {
		size += len(v) + len(s.layout.columns[i].name) + 6
	}
	out := append(make([]byte, 0, size), '{')
	for i, v := range values {
		c := s.layout.columns[i]
		if c.name == id && !s.loose {
			if row.Err = record.CheckID(v); row.Err != nil {
				return
			}
			row.ID = v
			continue
		}
		if v == "" || c.name == "" {
			continue
		}
		if !utf8.ValidString(v) {
			row.Err = fault.Field(c.name, "is not valid UTF-8; save the file as UTF-8")
			return
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(quote(out, c.name), ':')
		switch {
		case c.json == number && jsonNumber.MatchString(v):
			out = append(out, v...)
		case c.json == boolean && (strings.EqualFold(v, "true") || strings.EqualFold(v, "false")):
			out = strconv.AppendBool(out, strings.EqualFold(v, "true"))
		default:
			out = quote(out, v)
		}
	}
	row.Fields = append(out, '}')
}

// quote appends valid UTF-8 as a JSON string.
func quote(out []byte, text string) []byte {
	out, err := jsontext.AppendQuote(out, text)
	if err != nil {
		panic(fmt.Sprintf("source: quote text that was found valid: %v", err))
	}
	return out
}

// describe says what is wrong with a row, in words of ours: the library's
// count lines from where it began.
func describe(err error) string {
	switch {
	case errors.Is(err, csv.ErrBareQuote):
		return `a value that is not in quotes holds a quote; write it as "…""…"`
	case errors.Is(err, csv.ErrQuote):
		return `a quote is left open, or something follows the one that closes a value`
	case errors.Is(err, errTooLong):
		return errTooLong.Error()
	case errors.Is(err, errRowTooLong):
		return errRowTooLong.Error()
	}
	return "the row cannot be read"
}

var errRowTooLong = fault.New(fault.Invalid, "the row is longer than %d MiB; a quote may be left open", MaxRow>>20)

// feeder hands lines to a csv.Reader one at a time, so that after each row it
// is known which lines the row took, and keeps them so that they can be read
// again from the second on.
type feeder struct {
	lines *lines
	held  []span // lines that are kept, with their text in data
	data  []byte
	first int    // of held: where this row begins
	taken int    // how many lines from there on the row has taken
	rest  []byte // of the line that is being handed over
	err   error  // what ended the input, if not its end
	after Mark   // end of the row before
}

type span struct {
	from, to int
	end      Mark
	err      error // the line cannot be read; it has no text
}

func (f *feeder) reader(comma rune) *csv.Reader {
	r := csv.NewReader(f)
	r.Comma, r.ReuseRecord = comma, true
	return r
}

// peek returns the first line that says anything, without taking it.
func (f *feeder) peek() ([]byte, error) {
	for {
		if err := f.load(); err != nil {
			return nil, err
		}
		line := f.held[0]
		if text := f.data[line.from:line.to]; line.err != nil || !blank(text) {
			return text, line.err
		}
		f.taken = 1
		f.drop()
	}
}

// blank reports whether a line between rows stands for nothing.
func blank(line []byte) bool {
	return len(line) == 1 && (line[0] == '\n' || line[0] == '\r') || len(line) == 2 && line[0] == '\r' && line[1] == '\n'
}

// load holds one more line.
func (f *feeder) load() error {
	line, err := f.lines.next()
	if err != nil && !errors.Is(err, errTooLong) {
		return err
	}
	from := len(f.data)
	f.data = append(f.data, line...)
	f.held = append(f.held, span{from: from, to: len(f.data), end: f.lines.at, err: err})
	return nil
}

// Read hands over at most one line.
func (f *feeder) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		next := f.first + f.taken
		if f.taken > 0 && f.held[next-1].to-f.held[f.first].from > MaxRow {
			return 0, errRowTooLong
		}
		if next == len(f.held) {
			if err := f.load(); err != nil {
				if !errors.Is(err, io.EOF) {
					f.err = err
				}
				return 0, err
			}
		}
		line := f.held[next]
		f.taken++
		if line.err != nil {
			return 0, line.err
		}
		if f.rest = f.data[line.from:line.to]; f.taken == 1 && blank(f.rest) {
			f.forget(1)
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// empty reports whether the row took no line.
func (f *feeder) empty() bool { return f.taken == 0 }

// begin is the line at which the row begins.
func (f *feeder) begin() int64 {
	if f.taken == 0 {
		return f.lines.at.Line + 1
	}
	return f.held[f.first].end.Line
}

// end is where the next row begins.
func (f *feeder) end() Mark { return f.after }

// drop forgets the lines of the row.
func (f *feeder) drop() { f.forget(f.taken) }

// again forgets the first line of the row; the others will be read anew.
func (f *feeder) again() { f.forget(min(1, f.taken)) }

func (f *feeder) forget(n int) {
	if n > 0 {
		f.after = f.held[f.first+n-1].end
	}
	f.first += n
	f.taken, f.rest = 0, nil
	switch {
	case f.first == len(f.held):
		f.held, f.data, f.first = f.held[:0], f.data[:0], 0
	case f.first > len(f.held)/2 && f.first > 1024:
		// Seldom enough that moving what is left costs little for each line.
		moved := f.held[f.first].from
		f.data = f.data[:copy(f.data, f.data[moved:])]
		f.held, f.first = f.held[:copy(f.held, f.held[f.first:])], 0
		for i := range f.held {
			f.held[i].from -= moved
			f.held[i].to -= moved
		}
	}
}
