package local

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A file is a header and frames. All integers are little-endian.
//
//	header: magic, kind (4), dimensions (4), number (8), CRC (4)
//	frame:  frameMagic (4), payload's length (4), sequence from 0 (8), CRC of all else (4), payload
const (
	fileMagic   = fileKin + "2"
	fileKin     = "hfindex" // what the magic of every version begins with
	headerSize  = len(fileMagic) + 4 + 4 + 8 + 4
	frameMagic  = 0x6d617266 // "fram"
	frameHeader = 4 + 4 + 8 + 4
	maxPayload  = 1 << 30
)

type fileKind uint32

const (
	logKind fileKind = iota + 1
	snapshotKind
)

// crcTable is of the Castagnoli polynomial, which processors compute.
var crcTable = crc32.MakeTable(crc32.Castagnoli)

// errBroken says that a file does not go on with a valid frame or header.
var errBroken = errors.New("malformed or incomplete data")

type fileHeader struct {
	kind   fileKind
	dims   int
	number uint64
}

func (h fileHeader) encode() []byte {
	b := append(make([]byte, 0, headerSize), fileMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(h.kind))
	b = binary.LittleEndian.AppendUint32(b, uint32(h.dims)) //nolint:gosec // at most maxDimensions
	b = binary.LittleEndian.AppendUint64(b, h.number)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crcTable))
}

// frameSpace is where a payload is appended so that sealFrame can complete
// the frame in place.
func frameSpace() []byte { return make([]byte, frameHeader, 4096) }

// sealFrame fills in the header before the payload.
func sealFrame(frame []byte, seq uint64) {
	binary.LittleEndian.PutUint32(frame, frameMagic)
	binary.LittleEndian.PutUint32(frame[4:], uint32(len(frame)-frameHeader)) //nolint:gosec // at most maxPayload
	binary.LittleEndian.PutUint64(frame[8:], seq)
	binary.LittleEndian.PutUint32(frame[16:], frameSum(frame, frame[frameHeader:]))
}

func frameSum(header, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(header[:16], crcTable), crcTable, payload)
}

// frameReader reads a file from its beginning.
type frameReader struct {
	r    *bufio.Reader
	good int64 // end of what was valid
	seq  uint64
	head [frameHeader]byte
	buf  []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 1<<20)}
}

// header reads the file's header.
func (f *frameReader) header(kind fileKind, number uint64) (dims int, err error) {
	b := make([]byte, headerSize)
	if err := f.full(b); err != nil {
		return 0, err
	}
	n := len(fileMagic)
	h := fileHeader{
		kind:   fileKind(binary.LittleEndian.Uint32(b[n:])),
		dims:   int(binary.LittleEndian.Uint32(b[n+4:])),
		number: binary.LittleEndian.Uint64(b[n+8:]),
	}
	if other := bytes.HasPrefix(b, []byte(fileKin)) && !bytes.HasPrefix(b, []byte(fileMagic)); other &&
		binary.LittleEndian.Uint32(b[headerSize-4:]) == crc32.Checksum(b[:headerSize-4], crcTable) {
		return 0, damaged("another version of Holdfast wrote it")
	}
	if !bytes.Equal(b, h.encode()) || h.kind != kind || h.number != number {
		return 0, errBroken
	}
	f.good = int64(headerSize)
	return h.dims, nil
}

// next returns the next payload, valid until the next call. The clean end is
// io.EOF, anything invalid errBroken.
func (f *frameReader) next() ([]byte, error) {
	if _, err := f.r.Peek(1); errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err := f.full(f.head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(f.head[4:])
	if binary.LittleEndian.Uint32(f.head[:]) != frameMagic || n > maxPayload || binary.LittleEndian.Uint64(f.head[8:]) != f.seq {
		return nil, errBroken
	}
	if err := f.payload(int(n)); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(f.head[16:]) != frameSum(f.head[:], f.buf) {
		return nil, errBroken
	}
	f.seq++
	f.good += int64(frameHeader) + int64(n)
	return f.buf, nil
}

// payload fills buf step by step: a wrong length must not cost its memory.
func (f *frameReader) payload(n int) error {
	f.buf = f.buf[:0]
	for len(f.buf) < n {
		at, step := len(f.buf), min(n-len(f.buf), max(1<<20, cap(f.buf)))
		if cap(f.buf) < at+step {
			f.buf = append(make([]byte, 0, min(n, 2*at+step)), f.buf...)
		}
		f.buf = f.buf[:at+step]
		if err := f.full(f.buf[at:]); err != nil {
			return err
		}
	}
	return nil
}

func (f *frameReader) full(b []byte) error {
	_, err := io.ReadFull(f.r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errBroken
	}
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return nil
}

// holdsFrame reports whether a whole frame of at least that sequence begins
// anywhere in data.
func holdsFrame(data []byte, seq uint64) bool {
	magic := binary.LittleEndian.AppendUint32(nil, frameMagic)
	for {
		at := bytes.Index(data, magic)
		if at < 0 || len(data)-at < frameHeader {
			return false
		}
		data = data[at:]
		n := int(binary.LittleEndian.Uint32(data[4:]))
		if n <= len(data)-frameHeader && binary.LittleEndian.Uint64(data[8:]) >= seq &&
			binary.LittleEndian.Uint32(data[16:]) == frameSum(data, data[frameHeader:frameHeader+n]) {
			return true
		}
		data = data[1:]
	}
}
