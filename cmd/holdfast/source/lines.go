package source

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/holdfast/holdfast/fault"
)

const byteOrderMark = "\uFEFF"

var errTooLong = fault.New(fault.Invalid, "the line is longer than %d MiB", MaxRow>>20)

// lines reads lines and knows where it is.
type lines struct {
	r   *bufio.Reader
	at  Mark // after the last line that was read
	buf []byte
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 64<<10)} }

// next returns the next line with its end, without a byte order mark, valid until the next call. A line
// beyond MaxRow is errTooLong: it is passed over without being kept. io.EOF
// comes after the last line, alone; any other error ends the input.
func (l *lines) next() ([]byte, error) {
	l.buf = l.buf[:0]
	size := 0
	for {
		part, err := l.r.ReadSlice('\n')
		size += len(part)
		whole := err == nil || errors.Is(err, io.EOF)
		switch {
		case size > MaxRow:
			l.buf = l.buf[:0]
		case !whole || len(l.buf) > 0:
			l.buf = append(l.buf, part...)
			part = l.buf
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && size == 0:
			return nil, io.EOF
		case !whole:
			return nil, err
		}
		first := l.at.Offset == 0
		l.at.Offset += int64(size)
		l.at.Line++
		if size > MaxRow {
			return nil, errTooLong
		}
		if first {
			part = bytes.TrimPrefix(part, []byte(byteOrderMark))
		}
		return part, nil
	}
}
