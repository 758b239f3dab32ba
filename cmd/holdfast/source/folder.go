package source

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// documentTypes are the names' endings of text and Markdown files. A file
// without an ending, such as README, may be text too.
var documentTypes = map[string]bool{"": true, ".md": true, ".markdown": true, ".mdown": true, ".txt": true, ".text": true, ".rst": true, ".adoc": true, ".org": true}

// DocumentFields are the fields that a document's record has.
const (
	Title    = "title"    // its first heading, or the file's name
	Body     = "body"     // the whole text
	Path     = "path"     // below the folder, with forward slashes
	Modified = "modified" // when the file was last changed, in RFC 3339 form
)

// OtherKind is why most files of a folder are skipped.
const OtherKind = "is neither text nor Markdown"

func documentType(name string) bool { return documentTypes[strings.ToLower(filepath.Ext(name))] }

// each visits the files of the folder in the order of their paths. What
// begins with a dot is left out, as version control and editors mean it.
func (s *Source) each(visit func(path, rel string, d fs.DirEntry, err error) bool) {
	_ = filepath.WalkDir(s.Path, func(path string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(s.Path, path)
		if relErr != nil {
			rel = path
		}
		rel = filepath.ToSlash(rel)
		switch {
		case err != nil:
			if !visit(path, rel, d, err) {
				return fs.SkipAll
			}
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case rel != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		if !visit(path, rel, d, nil) {
			return fs.SkipAll
		}
		return nil
	}) // visit has been told of every error
}

// measure adds up the sizes of the documents.
func (s *Source) measure() error {
	s.Size = 0
	found := false
	s.each(func(_, rel string, d fs.DirEntry, err error) bool {
		if err != nil || !documentType(rel) {
			return true
		}
		found = true
		if info, err := d.Info(); err == nil {
			s.Size += info.Size()
		}
		return true
	})
	if !found {
		return fault.New(fault.Invalid, "there is no text or Markdown file in %s", s.Path)
	}
	return nil
}

// walk reads the documents of the folder.
func (s *Source) walk(yield func(Row) bool) {
	s.each(func(path, rel string, d fs.DirEntry, err error) bool {
		row := Row{File: filepath.Join(s.Path, filepath.FromSlash(rel))}
		switch {
		case err != nil:
			row.Err = fault.New(kindOf(err), "%s", reason(err))
		case !documentType(rel):
			row.Skipped = OtherKind
		case !d.Type().IsRegular():
			row.Skipped = "is not a regular file"
		default:
			row = s.document(rel, path)
		}
		return yield(row)
	})
}

// reason is an error without the path, which stands before it anyway.
func reason(err error) string {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err.Error()
	}
	return err.Error()
}

// document reads one file whole.
func (s *Source) document(id, path string) Row {
	row := Row{File: path}
	data, modified, err := readDocument(path)
	s.read.Add(int64(len(data)))
	if err != nil {
		row.Err = err
		return row
	}
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	switch {
	case bytes.IndexByte(data[:min(len(data), 8000)], 0) >= 0:
		row.Skipped = "is a binary file"
		return row
	case !utf8.Valid(data):
		row.Err = fault.New(fault.Invalid, "the text is not valid UTF-8; save the file as UTF-8")
		return row
	case len(bytes.TrimSpace(data)) == 0:
		row.Skipped = "is empty"
		return row
	case !utf8.ValidString(id):
		row.Err = fault.New(fault.Invalid, "the file's name is not valid UTF-8")
		return row
	}
	if row.Err = record.CheckID(id); row.Err != nil {
		return row
	}
	body := string(data)
	row.ID = id
	out := append(quote([]byte(`{"`+Title+`":`), titleOf(body, id)), `,"`+Body+`":`...)
	out = append(quote(out, body), `,"`+Path+`":`...)
	out = append(quote(out, id), `,"`+Modified+`":`...)
	row.Fields = append(quote(out, modified.UTC().Format(time.RFC3339)), '}')
	return row
}

func readDocument(path string) ([]byte, time.Time, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the folder
	if err != nil {
		return nil, time.Time{}, fault.New(kindOf(err), "%s", reason(err))
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, fault.New(kindOf(err), "%s", reason(err))
	}
	if info.Size() > MaxRow {
		return nil, time.Time{}, fault.New(fault.Invalid, "the file is larger than %d MiB", MaxRow>>20)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxRow+1))
	if err != nil {
		return nil, time.Time{}, fault.New(kindOf(err), "%s", reason(err))
	}
	return data, info.ModTime(), nil
}

// titleOf finds the first heading of a Markdown text, or the title in its
// front matter; otherwise it is the file's name.
func titleOf(body, id string) string {
	rest, front := strings.CutPrefix(body, "---\n")
	fenced := false
	previous := ""
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		switch {
		case front && line == "---":
			front = false
		case front:
			if t, ok := strings.CutPrefix(line, "title:"); ok {
				if t = strings.Trim(strings.TrimSpace(t), `"'`); t != "" {
					return t
				}
			}
		case strings.HasPrefix(line, "```"), strings.HasPrefix(line, "~~~"):
			fenced = !fenced
		case fenced:
		case strings.HasPrefix(line, "#"):
			text := strings.TrimLeft(line, "#")
			if t := strings.Trim(text, "# \t"); t != "" && strings.HasPrefix(text, " ") {
				return t
			}
		case underline(line) && previous != "":
			return previous
		}
		previous = line
	}
	return id[strings.LastIndexByte(id, '/')+1:]
}

// underline marks the line before it as a heading, in Markdown and reStructuredText.
func underline(line string) bool { return len(line) >= 3 && strings.Trim(line, "=") == "" }
