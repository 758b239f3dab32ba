package detect

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"unicode/utf8"
)

// MaxSpan is the longest stretch of values without a gap, in bytes, for which a stream gives exactly what the whole
// text would. A longer one, such as a megabyte of digits, is divided into values somewhere else.
const MaxSpan = 24 << 10

const (
	streamMargin = MaxSpan + 8<<10 // what is scanned again on each side of a cut, so that decisions there do not change
	streamWindow = 256 << 10       // what is scanned at once between the margins
)

// Piece is a stretch of a stream. The texts of all pieces in order are the stream, and no finding crosses a cut.
type Piece struct {
	Offset   int // of Text in the stream
	Text     string
	Findings []Finding // with offsets in the stream
}

// Stream reads r to its end and yields it in pieces, with what scan finds, in memory that does not grow with the
// stream. scan is a Scanner's Scan, or a function that keeps the same promises. An error of r ends the stream; what
// was read before it is not yielded, because more text could have changed what is found there.
func Stream(r io.Reader, scan func(dst []Finding, text string) []Finding) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		buf := make([]byte, 0, streamWindow+3*streamMargin)
		base, done := 0, 0 // where buf begins in the stream; how much of it was yielded
		var found []Finding
		for {
			n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
			buf = buf[:len(buf)+n]
			last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
			if err != nil && !last {
				yield(Piece{}, fmt.Errorf("read text to scan: %w", err))
				return
			}
			text := string(buf)
			found = scan(found[:0], text)
			cut := len(text)
			if !last {
				cut = cutAt(text, found)
			}
			piece := Piece{Offset: base + done, Text: text[done:cut]}
			for _, f := range found {
				if f.Start >= done && f.Start < cut {
					f.Start, f.End = f.Start+base, f.End+base
					piece.Findings = append(piece.Findings, f)
				}
			}
			if cut > done && !yield(piece, nil) || last {
				return
			}
			keep := afterSpace(text, cut-streamMargin, cut-streamMargin+MaxSpan/8)
			base, done = base+keep, cut-keep
			buf = append(buf[:0], text[keep:]...)
		}
	}
}

// cutAt is where text may be cut: between words, a margin before its end, and inside no finding.
func cutAt(text string, found []Finding) int {
	cut := afterSpace(text, len(text)-2*streamMargin, len(text)-streamMargin)
	i, inside := slices.BinarySearchFunc(found, cut, func(f Finding, cut int) int {
		switch {
		case f.End <= cut:
			return -1
		case f.Start >= cut:
			return 1
		}
		return 0
	})
	if inside {
		return found[i].Start
	}
	return cut
}

// afterSpace is the last place in text from low to high that begins a line, or else a word, or else a character.
func afterSpace(text string, low, high int) int {
	word := 0
	for i := high; i > low; i-- {
		switch text[i-1] {
		case '\n':
			return i
		case ' ', '\t', '\r':
			word = max(word, i)
		}
	}
	if word > 0 {
		return word
	}
	for i := high; i > high-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return high
}
