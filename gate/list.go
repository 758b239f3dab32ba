package gate

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/holdfast/holdfast/fault"
)

// List holds words and phrases, given in the policy or in a file with one on
// each line. They are found as whole words, whatever their case and accents.
type List struct {
	// Entity is the type of what a deny list holds. An allow list with one
	// holds for findings of that type only.
	Entity Entity   `json:"entity,omitempty" yaml:"entity,omitempty"`
	Values []string `json:"values,omitempty" yaml:"values,omitempty"`
	File   string   `json:"file,omitempty" yaml:"file,omitempty"`
	// Digest is the SHA-256 of the file when the policy was read. With another
	// one the policy is another, and needs a new version.
	Digest string `json:"digest,omitempty" yaml:"digest,omitempty"`

	once  sync.Once
	words *wordSet
	err   error
}

// maxInline bounds what a policy holds itself: it travels with every
// generation that is built under it.
const maxInline = 10_000

func (l *List) validate(field string, typed bool) error {
	switch {
	case l == nil:
		return fault.Field(field, "is empty")
	case typed && !entityName.MatchString(string(l.Entity)):
		return fault.Field(field+".entity", "%q is not the name of a type: capital letters, digits and _", l.Entity)
	case len(l.Values) == 0 && l.File == "":
		return fault.Field(field, "needs values or a file")
	case len(l.Values) > 0 && l.File != "":
		return fault.Field(field, "has values and a file; give one of them")
	case len(l.Values) > maxInline:
		return fault.Field(field+".values", "has %d values; more than %d go into a file", len(l.Values), maxInline)
	}
	return nil
}

// resolve finds the list's file and notes what it holds.
func (l *List) resolve(field, dir string) error {
	if l.File == "" {
		return nil
	}
	if !filepath.IsAbs(l.File) {
		l.File = filepath.Join(dir, l.File)
	}
	f, err := os.Open(l.File)
	if err != nil {
		return fault.Field(field+".file", "%v", err)
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return fault.Field(field+".file", "%v", err)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if l.Digest != "" && l.Digest != sum {
		return fault.Field(field+".digest", "is not that of the file, which has %s", sum)
	}
	l.Digest = sum
	return nil
}

// fileLists are the lists of files that were read, by digest: every policy
// that names one shares it.
var fileLists sync.Map // digest → *wordSet

// load makes the list ready, once.
func (l *List) load() (*wordSet, error) {
	l.once.Do(func() {
		if l.File == "" {
			l.words = newWordSet(len(l.Values))
			for _, v := range l.Values {
				l.words.add(v)
			}
			return
		}
		if known, ok := fileLists.Load(l.Digest); ok {
			l.words, _ = known.(*wordSet)
			return
		}
		l.words, l.err = readList(l.File, l.Digest)
		if l.err == nil {
			fileLists.Store(l.Digest, l.words)
		}
	})
	return l.words, l.err
}

// readList reads a file twice: its lines are counted first, so that the set
// is made in its size.
func readList(path, want string) (*wordSet, error) {
	f, err := os.Open(path) //nolint:gosec // the policy names the file
	if err != nil {
		return nil, fault.New(fault.Unavailable, "read list: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	lines, h := 1, sha256.New()
	buf := make([]byte, 1<<16)
	for {
		n, err := f.Read(buf)
		lines += bytes.Count(buf[:n], []byte{'\n'})
		h.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fault.New(fault.Unavailable, "read list: %w", err)
		}
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != want {
		return nil, fault.New(fault.Unavailable,
			"the list %s is not what it was when its policy was read; put it back, or give the policy a new version", path)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fault.New(fault.Unavailable, "read list: %w", err)
	}
	set := newWordSet(lines)
	in := bufio.NewScanner(f)
	in.Buffer(buf, 1<<20)
	for in.Scan() {
		set.add(strings.TrimSpace(in.Text()))
	}
	if err := in.Err(); err != nil {
		return nil, fault.New(fault.Unavailable, "read list: %w", err)
	}
	return set, nil
}
