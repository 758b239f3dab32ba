package local

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/index"
)

// disk is an index's folder. snapshot-N holds what the batches of all logs
// before log-N made; log-N, log-N+1 and so on hold the batches since. A new
// snapshot begins with a new log, and what it replaces is deleted once it is
// durable, so that at every moment one snapshot (or none, for number 0) and an
// unbroken row of logs tell all.
type disk struct {
	root     *os.Root
	dims     int
	log      logFile
	number   uint64 // of the log
	seq      uint64 // of its next frame
	size     int64  // of its valid part
	dirty    bool   // there may be something after that
	logged   int64  // bytes of all logs since the snapshot
	snapshot int64  // bytes
	logger   *slog.Logger
}

// logFile is the part of *os.File that the log needs; tests make it fail.
type logFile interface {
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
}

const (
	logPrefix      = "log-"
	snapshotPrefix = "snapshot-"
	tmpSuffix      = ".tmp"
	private        = 0o600
)

func fileName(prefix string, number uint64) string { return fmt.Sprintf("%s%016x", prefix, number) }

// openDisk reads the folder, or begins one.
func openDisk(root *os.Root, dims int, logger *slog.Logger) (*disk, *state, error) {
	d := &disk{root: root, dims: dims, logger: logger}
	snapshots, logs, err := d.list()
	if err != nil {
		return nil, nil, err
	}
	s, from, err := d.readSnapshots(snapshots)
	if err != nil {
		return nil, nil, err
	}
	if len(snapshots) == 0 && len(logs) == 0 {
		if err := d.begin(0); err != nil {
			return nil, nil, err
		}
		return d, s, nil
	}
	logs = slices.DeleteFunc(logs, func(n uint64) bool { return n < from })
	for i, n := range logs {
		if n != from+uint64(i) {
			return nil, nil, damaged("log %d is missing", from+uint64(i))
		}
	}
	if len(logs) == 0 || len(snapshots) > 0 && logs[len(logs)-1] < snapshots[0] {
		return nil, nil, damaged("its newest log is missing")
	}
	for i, n := range logs {
		if err := d.replay(s, n, i == len(logs)-1); err != nil {
			return nil, nil, err
		}
	}
	if err := d.resume(); err != nil {
		return nil, nil, err
	}
	d.sweep(from)
	return d, s, nil
}

func damaged(format string, args ...any) error {
	return fault.New(fault.Internal, "%w: "+format, append([]any{index.ErrDamaged}, args...)...)
}

// list finds the snapshots, newest first, and the logs, oldest first, and
// removes what a crash left half-written.
func (d *disk) list() (snapshots, logs []uint64, err error) {
	files, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return nil, nil, fault.As(fault.Unavailable, fmt.Errorf("list index folder: %w", err))
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), tmpSuffix) {
			if err := d.root.Remove(f.Name()); err != nil {
				return nil, nil, fault.As(fault.Unavailable, err)
			}
			continue
		}
		for prefix, list := range map[string]*[]uint64{snapshotPrefix: &snapshots, logPrefix: &logs} {
			if hex, ok := strings.CutPrefix(f.Name(), prefix); ok {
				if n, err := strconv.ParseUint(hex, 16, 64); err == nil {
					*list = append(*list, n)
				}
			}
		}
	}
	slices.Sort(logs)
	slices.Sort(snapshots)
	slices.Reverse(snapshots)
	return snapshots, logs, nil
}

// readSnapshots reads the newest snapshot that is whole. If there is none,
// the logs must begin with number 0.
func (d *disk) readSnapshots(numbers []uint64) (*state, uint64, error) {
	for _, n := range numbers {
		s, err := d.readSnapshot(n)
		if err == nil {
			return s, n, nil
		}
		if !errors.Is(err, errBroken) {
			return nil, 0, err
		}
		d.logger.Warn("index snapshot is damaged; trying the one before it", "snapshot", n)
	}
	return newState(d.dims), 0, nil
}

func (d *disk) readSnapshot(number uint64) (*state, error) {
	s := newState(d.dims)
	r, f, err := d.openFile(snapshotPrefix, snapshotKind, number)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	// One goroutine reads and decodes while this one takes up.
	batches, failed := make(chan *batch, 2), error(nil)
	go func() {
		defer close(batches)
		failed = d.decodeSnapshot(r, batches)
	}()
	for b := range batches {
		s.apply(b)
	}
	if failed != nil {
		return nil, failed
	}
	d.snapshot = r.good
	return s, nil
}

// decodeSnapshot sends a snapshot's batches. It must end in an empty frame.
func (d *disk) decodeSnapshot(r *frameReader, to chan<- *batch) error {
	known := 0
	for {
		payload, err := r.next()
		if err != nil {
			return noEOF(err)
		}
		if len(payload) == 0 {
			break
		}
		b, ok := decodeBatch(payload, d.dims, known)
		if !ok || !b.numbered {
			return errBroken
		}
		known += len(b.words)
		to <- b
	}
	if _, err := r.next(); !errors.Is(err, io.EOF) {
		return noEOF(err)
	}
	return nil
}

func noEOF(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return errBroken
	}
	return err
}

// openFile opens a file and checks its header.
func (d *disk) openFile(prefix string, kind fileKind, number uint64) (*frameReader, *os.File, error) {
	f, err := d.root.Open(fileName(prefix, number))
	if err != nil {
		return nil, nil, fault.As(fault.Unavailable, fmt.Errorf("open index file: %w", err))
	}
	r := newFrameReader(f)
	dims, err := r.header(kind, number)
	if err == nil && dims != d.dims {
		err = fault.New(fault.Conflict, "the index has %d dimensions, not %d; drop it or name another", dims, d.dims)
	}
	if err != nil && (kind != logKind || !errors.Is(err, errBroken)) { // a log may have to be cut
		_ = f.Close()
		return nil, nil, err
	}
	return r, f, nil
}

// replay takes up a log. What is invalid at the end of the last log was being
// written when the process died: nobody was told that it is durable, and it is
// cut off. An invalid frame that others follow is damage.
func (d *disk) replay(s *state, number uint64, last bool) error {
	r, f, err := d.openFile(logPrefix, logKind, number)
	if err != nil {
		return err
	}
	defer f.Close()                //nolint:errcheck // only read
	for err == nil && r.good > 0 { // the header was valid
		var payload []byte
		if payload, err = r.next(); err == nil {
			b, ok := decodeBatch(payload, d.dims, 0)
			if !ok || b.numbered {
				return damaged("log %d holds a batch that cannot be decoded", number)
			}
			s.apply(b)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	} else if err == nil || errors.Is(err, errBroken) {
		err = d.tail(f, r, number, last)
	}
	d.number, d.seq, d.size = number, r.seq, r.good
	d.logged += r.good
	return err
}

// tail decides whether what follows the valid part of a log may be cut off.
func (d *disk) tail(f *os.File, r *frameReader, number uint64, last bool) error {
	rest, err := io.ReadAll(io.NewSectionReader(f, r.good, 1<<62))
	if err != nil {
		return fault.As(fault.Unavailable, fmt.Errorf("read index log: %w", err))
	}
	if !last || holdsFrame(rest, r.seq+min(1, uint64(r.good))) { //nolint:gosec // not negative
		return damaged("log %d is broken at byte %d", number, r.good)
	}
	d.dirty = true
	d.logger.Warn("index log ends in an incomplete batch, which is cut off", "log", number, "at", r.good, "bytes", len(rest))
	return nil
}

// resume opens the last log for appending.
func (d *disk) resume() error {
	if d.size == 0 { // not even its header was written
		return d.begin(d.number)
	}
	f, err := d.root.OpenFile(fileName(logPrefix, d.number), os.O_RDWR, private)
	if err != nil {
		return fault.As(fault.Unavailable, fmt.Errorf("open index log: %w", err))
	}
	d.log = f
	if err := d.repair(); err != nil {
		return errors.Join(err, f.Close())
	}
	return nil
}

// begin makes an empty log and goes on with it.
func (d *disk) begin(number uint64) error {
	f, err := d.root.OpenFile(fileName(logPrefix, number), os.O_RDWR|os.O_CREATE|os.O_TRUNC, private)
	if err != nil {
		return fault.As(fault.Unavailable, fmt.Errorf("create index log: %w", err))
	}
	_, err = f.WriteAt(fileHeader{logKind, d.dims, number}.encode(), 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = d.syncFolder()
	}
	if err != nil {
		_ = f.Close()
		_ = d.root.Remove(fileName(logPrefix, number))
		return fault.As(fault.Unavailable, fmt.Errorf("create index log: %w", err))
	}
	if d.log != nil {
		_ = d.log.Close() // all of it is durable
	}
	d.log, d.number, d.seq, d.size, d.dirty = f, number, 0, int64(headerSize), false
	return nil
}

func (d *disk) syncFolder() error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// append makes a frame durable, or leaves the log as it was.
func (d *disk) append(frame []byte) error {
	if len(frame)-frameHeader > maxPayload {
		return fault.New(fault.Invalid, "the batch is too large for the index; split it")
	}
	if err := d.repair(); err != nil {
		return err
	}
	sealFrame(frame, d.seq)
	d.dirty = true
	_, err := d.log.WriteAt(frame, d.size)
	if err == nil {
		err = d.log.Sync()
	}
	if err != nil {
		err = fault.As(fault.Unavailable, fmt.Errorf("write index log: %w", err))
		if again := d.repair(); again != nil {
			d.logger.Warn("index log awaits repair", "log", d.number, "error", again)
		}
		return err
	}
	d.dirty = false
	d.seq++
	d.size += int64(len(frame))
	d.logged += int64(len(frame))
	return nil
}

// repair cuts off what a failed append may have left: it was refused, so it
// must not come back.
func (d *disk) repair() error {
	if !d.dirty {
		return nil
	}
	err := d.log.Truncate(d.size)
	if err == nil {
		err = d.log.Sync()
	}
	if err != nil {
		return fault.As(fault.Unavailable, fmt.Errorf("repair index log: %w", err))
	}
	d.dirty = false
	return nil
}

// rotate begins the log that a new snapshot goes with.
func (d *disk) rotate() error {
	if err := d.repair(); err != nil {
		return err
	}
	return d.begin(d.number + 1)
}

// writeSnapshot makes a snapshot durable; number is that of the log which
// was begun when f was taken. It touches no field but root and dims, so that
// batches may be appended meanwhile. It returns the size in bytes.
func (d *disk) writeSnapshot(f *frozen, number uint64) (size int64, err error) {
	name := fileName(snapshotPrefix, number)
	file, err := d.root.OpenFile(name+tmpSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, private)
	if err != nil {
		return 0, fault.As(fault.Unavailable, fmt.Errorf("create index snapshot: %w", err))
	}
	defer func() {
		if err != nil {
			_ = file.Close()
			_ = d.root.Remove(name + tmpSuffix)
			err = fault.As(fault.Unavailable, fmt.Errorf("write index snapshot: %w", err))
		}
	}()
	w := bufio.NewWriterSize(file, 1<<20)
	if _, err := w.Write(fileHeader{snapshotKind, d.dims, number}.encode()); err != nil {
		return 0, err
	}
	size = int64(headerSize)
	seq, frame := uint64(0), frameSpace()
	put := func() error {
		sealFrame(frame, seq)
		seq++
		size += int64(len(frame))
		_, err := w.Write(frame)
		return err
	}
	err = f.batches(func(b *batch) error {
		frame = b.encode(frame[:frameHeader])
		return put()
	})
	if err != nil {
		return 0, err
	}
	frame = frame[:frameHeader] // an empty frame is the end
	if err := errors.Join(put(), w.Flush(), file.Sync(), file.Close()); err != nil {
		return 0, err
	}
	if err := d.root.Rename(name+tmpSuffix, name); err != nil {
		return 0, err
	}
	return size, d.syncFolder()
}

// sweep removes what the snapshot of that number replaces.
func (d *disk) sweep(number uint64) {
	snapshots, logs, err := d.list()
	for prefix, numbers := range map[string][]uint64{snapshotPrefix: snapshots, logPrefix: logs} {
		for _, n := range numbers {
			if n < number {
				err = errors.Join(err, d.root.Remove(fileName(prefix, n)))
			}
		}
	}
	if err != nil {
		d.logger.Warn("old index files stay behind", "error", err)
	}
}
