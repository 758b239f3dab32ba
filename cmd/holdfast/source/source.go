// Package source reads records from the files that people have: JSON lines,
// CSV, and text or Markdown documents, one by one, in bounded memory. What
// cannot be read is a Row that says where and why, never with a value of the
// input, and the rest goes on.
package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
)

// MaxRow bounds one record, in bytes; it is what the batch API takes as a line.
const MaxRow = 16 << 20

// Kind is what a source is made of.
type Kind string

// The kinds.
const (
	JSONL    Kind = "JSON lines"
	CSV      Kind = "CSV"
	Document Kind = "document"
	Folder   Kind = "folder"
)

// Stdin is the path that stands for standard input: JSON lines.
const Stdin = "-"

// Mark is a place between two rows of a file: the bytes (uncompressed) and
// lines before it. The zero Mark is the start.
type Mark struct {
	Offset int64 `json:"offset"`
	Line   int64 `json:"line"`
}

// Row is one record, or the reason why there is none.
type Row struct {
	ID     string
	Fields []byte // a JSON object, the caller's to keep
	Delete bool   // the row asks for the record's deletion and has no fields
	File   string // for people: the path as it was given, or below a folder
	Line   int64  // where the row begins, from 1; 0 if the row is a file
	End    Mark   // where the next row begins
	Err    error  // the row is refused; the next one may be fine
	// Skipped says why a file of a folder is none of the documents that were
	// asked for; that is no error.
	Skipped string
}

// Options say how to read.
type Options struct {
	ID    string    // field that holds the id in flat JSON objects and CSV; default "id"
	Stdin io.Reader // what Stdin reads
	// Loose lets rows be without an id, and leaves it among the fields of flat
	// rows: for a first look at data.
	Loose bool
}

// Source is one path that has been looked at.
type Source struct {
	Path string
	Kind Kind
	Size int64 // bytes to read, as Position counts; -1 if unknown

	id      string
	loose   bool
	stdin   io.Reader
	gzipped bool
	layout  layout // of a CSV file
	read    atomic.Int64
}

// Open looks at a path and finds out what it is.
func Open(path string, o Options) (*Source, error) {
	s := &Source{Path: path, id: o.ID, loose: o.Loose, stdin: o.Stdin}
	if s.id == "" {
		s.id = "id"
	}
	if path == Stdin {
		s.Kind, s.Size = JSONL, -1
		return s, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.New(fault.NotFound, "%s: %s", path, reason(err))
	}
	s.Size = info.Size()
	if info.IsDir() {
		s.Kind = Folder
		return s, s.measure()
	}
	if !info.Mode().IsRegular() {
		return nil, fault.New(fault.Invalid, "%s is neither a file nor a folder; use - for standard input", path)
	}
	name := strings.ToLower(filepath.Base(path))
	name, s.gzipped = strings.CutSuffix(name, ".gz")
	switch ext := filepath.Ext(name); {
	case ext == ".jsonl", ext == ".ndjson", ext == ".json":
		s.Kind = JSONL
	case ext == ".csv", ext == ".tsv":
		s.Kind = CSV
	case documentTypes[ext] && ext != "" && !s.gzipped:
		s.Kind = Document
	}
	return s, s.look()
}

// look reads the beginning: its kind, if the name did not tell, and what
// would make every row fail.
func (s *Source) look() error {
	if s.Kind == Document {
		return nil
	}
	in, err := s.open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	head, err := bufio.NewReaderSize(in, 4096).Peek(4096)
	// A file that is cut off is told where its rows end.
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.New(fault.Invalid, "read %s: %w", s.Path, err)
	}
	if bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}) {
		return fault.New(fault.Invalid, "%s is UTF-16; save it as UTF-8", s.Path)
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return fault.New(fault.Invalid, "%s is a binary file; JSON lines, CSV, text and Markdown can be read", s.Path)
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte(byteOrderMark)), " \t\r\n")
	if s.Kind == "" {
		s.Kind = CSV
		if bytes.HasPrefix(head, []byte("{")) || bytes.HasPrefix(head, []byte("[")) {
			s.Kind = JSONL
		}
	}
	if s.Kind == CSV {
		return s.learn()
	}
	first, _, _ := bytes.Cut(head, []byte("\n"))
	if bytes.HasPrefix(first, []byte("[")) {
		return fault.New(fault.Invalid, "%s is one JSON array, not an object a line; turn it into lines, for example with: jq -c '.[]'", s.Path)
	}
	if bytes.Equal(bytes.TrimSpace(first), []byte("{")) {
		return fault.New(fault.Invalid, "%s holds JSON over several lines, not an object a line; turn it into lines, for example with: jq -c .", s.Path)
	}
	return nil
}

// Name is a plain name for a collection of what the source holds: the path's
// base, in the letters that such a name may have.
func (s *Source) Name() string {
	path := s.Path
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	base, _ := strings.CutSuffix(strings.ToLower(filepath.Base(path)), ".gz")
	if s.Kind != Folder {
		base = strings.TrimSuffix(base, filepath.Ext(base))
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '-'
	}, base)
	name = strings.TrimLeft(strings.TrimRight(name, "-_"), "-_0123456789")
	if name == "" || s.Path == Stdin {
		return "records"
	}
	return name[:min(len(name), 63)]
}

// Position is how many bytes of Size have been read. It may be asked at any time.
func (s *Source) Position() int64 { return s.read.Load() }

// Stamp tells whether a file is the one that was read before.
type Stamp struct {
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Head     string    `json:"head"` // digest of its first 64 KiB
}

// Same reports whether two stamps are of one file that has not changed.
func (a Stamp) Same(b Stamp) bool {
	return a.Size == b.Size && a.Head == b.Head && a.Modified.Equal(b.Modified)
}

// Stamp returns the file's stamp, and false where reading cannot be resumed:
// standard input, a single document, and folders, whose unchanged files cost
// little.
func (s *Source) Stamp() (Stamp, bool) {
	if s.Path == Stdin || s.Kind != JSONL && s.Kind != CSV {
		return Stamp{}, false
	}
	f, err := os.Open(s.Path)
	if err != nil {
		return Stamp{}, false
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return Stamp{}, false
	}
	head, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return Stamp{}, false
	}
	return Stamp{Size: info.Size(), Modified: info.ModTime().UTC(), Head: digest.Of("ingest-head", string(head)).String()}, true
}

// Rows reads from a mark on; only files that have a Stamp have marks.
func (s *Source) Rows(from Mark) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		s.read.Store(0)
		switch s.Kind {
		case Folder:
			s.walk(yield)
			return
		case Document:
			yield(s.document(filepath.ToSlash(filepath.Clean(s.Path)), s.Path))
			return
		case JSONL, CSV:
		}
		in, err := s.open()
		if err != nil {
			yield(Row{File: s.Path, Err: err})
			return
		}
		defer func() { _ = in.Close() }() // only read
		lines := newLines(in)
		if err := s.seek(in, lines, from); err != nil {
			yield(Row{File: s.Path, Err: err})
			return
		}
		if s.Kind == CSV {
			s.csvRows(lines, yield)
			return
		}
		s.jsonRows(lines, yield)
	}
}

// seek moves to a mark.
func (s *Source) seek(in *input, lines *lines, to Mark) error {
	if to == (Mark{}) {
		return nil
	}
	var err error
	if f, ok := in.Reader.(*counter); ok {
		err = f.seek(to.Offset)
	} else {
		_, err = io.CopyN(io.Discard, in, to.Offset)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "go to the place where reading stopped: %w", err)
	}
	lines.at = to
	return nil
}

// input is an open file, decompressed.
type input struct {
	io.Reader
	file io.Closer
}

// Close closes the file.
func (in *input) Close() error {
	if in.file == nil {
		return nil
	}
	return in.file.Close()
}

func (s *Source) open() (*input, error) {
	if s.Path == Stdin {
		return &input{Reader: s.stdin}, nil
	}
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, fault.New(kindOf(err), "%w", err)
	}
	raw := &counter{f: f, n: &s.read}
	if !s.gzipped {
		return &input{Reader: raw, file: f}, nil
	}
	z, err := gzip.NewReader(bufio.NewReaderSize(raw, 64<<10))
	if err != nil {
		return nil, errors.Join(fault.New(fault.Invalid, "%s is not in gzip form: %w", s.Path, err), f.Close())
	}
	return &input{Reader: z, file: f}, nil
}

func kindOf(err error) fault.Kind {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.NotFound
	case errors.Is(err, fs.ErrPermission):
		return fault.Denied
	}
	return fault.Unavailable
}

// counter counts what is read of a file.
type counter struct {
	f *os.File
	n *atomic.Int64
}

// Read reads from the file.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.f.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func (c *counter) seek(to int64) error {
	_, err := c.f.Seek(to, io.SeekStart)
	c.n.Store(to)
	return err
}
