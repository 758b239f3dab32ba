package embedding

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

const (
	loadChunk = 4096 // rows looked up in one transaction
	// Ranges of a segment that lie this close are read as one: a request to
	// an object store costs more than these bytes.
	readGap = 64 << 10
	// The longest range that is read at once.
	readMax = 8 << 20
	// How often a segment may move while one chunk is loaded.
	moves = 4
	// Ranges read at a time: object stores answer slowly, but many at once.
	readers = 8
)

// errMoved says that a segment is gone; its vectors may be elsewhere now.
var errMoved = errors.New("segment is gone")

// Load returns the stored vectors of texts in a space, by text. Texts that
// have none are left out. A segment that is damaged or missing is an error
// that names it; a vector is never returned unless its checksum is right.
// Segments are not cached here: the operating system does that for files.
func (s *Store) Load(ctx context.Context, space digest.Digest, texts []digest.Digest) (map[digest.Digest][]float32, error) {
	out := make(map[digest.Digest][]float32, len(texts))
	for chunk := range slices.Chunk(texts, loadChunk) {
		textOf := make(map[digest.Digest]digest.Digest, len(chunk))
		want := make([]digest.Digest, 0, len(chunk))
		for _, text := range chunk {
			a := Address(space, text)
			if _, twice := textOf[a]; !twice {
				textOf[a] = text
				want = append(want, a)
			}
		}
		err := s.load(ctx, want, func(a digest.Digest, v []float32) { out[textOf[a]] = v })
		for tries := 0; errors.Is(err, errMoved) && tries < moves; tries++ {
			// Rows are swapped before an old segment is deleted: the rows as
			// they are now tell where its vectors went.
			err = s.load(ctx, want, func(a digest.Digest, v []float32) { out[textOf[a]] = v })
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// load calls found for each stored vector, from one goroutine at a time.
func (s *Store) load(ctx context.Context, addresses []digest.Digest, found func(digest.Digest, []float32)) error {
	var rows map[digest.Digest]record.Vector
	err := s.cfg.Records.View(ctx, func(tx record.Tx) (err error) {
		rows, err = tx.Vectors().Load(ctx, addresses)
		return err
	})
	if err != nil {
		return fmt.Errorf("look up embeddings: %w", err)
	}
	var packed []record.Vector
	for a, row := range rows {
		switch {
		case row.Segment != "":
			packed = append(packed, row)
		case len(row.Data) == 0 || len(row.Data)%valueSize != 0:
			return fault.New(fault.Internal, "embedding %s has %d bytes in the record store, which is no vector", a.Short(), len(row.Data))
		default:
			found(a, decodeVector(make([]float32, 0, len(row.Data)/valueSize), row.Data))
		}
	}
	return s.loadPacked(ctx, packed, found)
}

func (s *Store) loadPacked(ctx context.Context, rows []record.Vector, found func(digest.Digest, []float32)) error {
	if len(rows) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		slot = make(chan struct{}, readers)
	)
	for _, r := range ranges(rows) {
		slot <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slot }()
			vectors, err := s.readRange(ctx, r)
			if err != nil {
				cancel(err) // the first cause stays
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for i, v := range vectors {
				found(r[i].Address, v)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// ranges sorts rows and cuts them into runs that are worth one read each.
func ranges(rows []record.Vector) [][]record.Vector {
	slices.SortFunc(rows, func(a, b record.Vector) int {
		return cmp.Or(cmp.Compare(a.Segment, b.Segment), cmp.Compare(a.Offset, b.Offset))
	})
	var out [][]record.Vector
	from := 0
	for i := 1; i <= len(rows); i++ {
		if i < len(rows) && rows[i].Segment == rows[from].Segment &&
			rows[i].Offset-(rows[i-1].Offset+rows[i-1].Length) <= readGap &&
			rows[i].Offset+rows[i].Length-rows[from].Offset <= readMax {
			continue
		}
		out = append(out, rows[from:i])
		from = i
	}
	return out
}

// readRange reads a run of rows of one segment.
func (s *Store) readRange(ctx context.Context, rows []record.Vector) ([][]float32, error) {
	name, start := rows[0].Segment, rows[0].Offset
	last := rows[len(rows)-1]
	buf, err := s.readObject(ctx, name, start, last.Offset+last.Length-start)
	if err != nil {
		return nil, err
	}
	values := make([]float32, 0, len(buf)/valueSize)
	out := make([][]float32, len(rows))
	for i, row := range rows {
		at := row.Offset - start
		data, err := openEntry(row.Address, buf[at:at+row.Length])
		if err != nil {
			return nil, damaged(name, err)
		}
		from := len(values)
		values = decodeVector(values, data)
		out[i] = values[from:len(values):len(values)]
	}
	return out, nil
}

func (s *Store) readObject(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	r, err := s.cfg.Bucket.NewRangeReader(ctx, name, offset, length, nil)
	switch {
	case gcerrors.Code(err) == gcerrors.NotFound:
		return nil, damaged(name, errMoved)
	case err != nil:
		return nil, fault.New(fault.Unavailable, "open segment %s: %w", name, err)
	}
	buf := make([]byte, length)
	_, err = io.ReadFull(r, buf)
	if closing := r.Close(); err == nil {
		err = closing
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, damaged(name, errors.New("it was cut short"))
	case err != nil:
		return nil, fault.New(fault.Unavailable, "read segment %s: %w", name, err)
	}
	return buf, nil
}

// Verify reads every segment in the bucket, whole, and returns how many there
// are, and an error that names each damaged one. Segments that nothing refers
// to are read too.
func (s *Store) Verify(ctx context.Context) (int, error) {
	var damage []error
	n := 0
	for it := s.cfg.Bucket.List(&blob.ListOptions{Prefix: segmentFolder}); ; {
		object, err := it.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return n, errors.Join(damage...)
		case err != nil:
			return n, fault.New(fault.Unavailable, "list segments: %w", err)
		case !strings.HasSuffix(object.Key, segmentSuffix): // a file that a killed process had not finished
			continue
		}
		n++
		b, err := s.cfg.Bucket.ReadAll(ctx, object.Key)
		if err != nil {
			return n, fault.New(fault.Unavailable, "read segment %s: %w", object.Key, err)
		}
		if _, err := parseSegment(b); err != nil {
			damage = append(damage, damaged(object.Key, err))
		} else if !strings.HasPrefix(object.Key, segmentStem(b)) {
			damage = append(damage, damaged(object.Key, errors.New("its bytes do not match its name")))
		}
	}
}

func damaged(segment string, err error) error {
	return fault.New(fault.Internal, "segment %s is damaged, restore it from a backup: %w", segment, err)
}
