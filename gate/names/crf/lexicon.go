package crf

import (
	"maps"
	"slices"
)

// Entry is what the lexicon knows of a word, packed in 32 bits.
type Entry uint32

// Fields of an Entry: offsets and widths in bits.
const (
	givenShift    = 0  // 2 bits: given name, 1 rare to 3 frequent
	surnameShift  = 2  // 2 bits: surname
	placeShift    = 4  // 2 bits: part of a city's name, by population
	regionShift   = 6  // 1 bit: part of a country's or region's name
	wordShift     = 7  // 3 bits: 0 unknown, 1 known with a capital only, 2 to 4 by frequency
	phraseShift   = 10 // 1 bit: a place of several words begins so
	staticShift   = 11 // 9 bits: cluster of its WordPiece vector
	sentenceShift = 20 // 10 bits: cluster of its sentence vector
	gazMask       = 1<<10 - 1
)

// Facts are an Entry's fields, unpacked. The zero value says nothing.
type Facts struct {
	Given, Surname, Place, Region, Common, Phrase uint32
	Static, Sentence                              uint32
}

// Pack makes an Entry; fields that do not fit are cut to their widths.
func (f Facts) Pack() Entry {
	return Entry(f.Given&3<<givenShift | f.Surname&3<<surnameShift | f.Place&3<<placeShift | f.Region&1<<regionShift |
		f.Common&7<<wordShift | f.Phrase&1<<phraseShift | f.Static&511<<staticShift | f.Sentence&1023<<sentenceShift)
}

// Lexicon maps the hashes of folded words, and of places of several words, to what
// is known of them. It holds no text.
type Lexicon struct {
	slots []uint64 // tag<<32 | entry, open addressing
	mask  uint64
}

// NewLexicon builds a lexicon from hashes and their entries.
func NewLexicon(entries map[uint64]Entry) *Lexicon {
	size := 16
	for size < len(entries)*3/2 {
		size *= 2
	}
	l := &Lexicon{slots: make([]uint64, size), mask: uint64(size - 1)} //nolint:gosec // G115: never negative
	for _, h := range slices.Sorted(maps.Keys(entries)) {
		l.insert(h>>32|1, h, entries[h])
	}
	return l
}

func (l *Lexicon) insert(tag, h uint64, e Entry) {
	i := h & l.mask
	for l.slots[i] != 0 {
		i = (i + 1) & l.mask
	}
	l.slots[i] = tag<<32 | uint64(e)
}

// Lookup returns what is known of the hash h, or 0.
func (l *Lexicon) Lookup(h uint64) Entry {
	tag := h>>32 | 1
	for i := h & l.mask; ; i = (i + 1) & l.mask {
		slot := l.slots[i]
		if slot == 0 {
			return 0
		}
		if slot>>32 == tag {
			return Entry(slot) //nolint:gosec // G115: the low half is the entry
		}
	}
}

// PhraseHash is the key of a place of two words; a third is folded in by calling it again.
func PhraseHash(first, second uint64) uint64 { return mix(mix(first, 0x70), second) }

// FoldHash is the lexicon's key of a single word.
func FoldHash(word string) uint64 {
	var buf [4 * maxWordBytes]byte
	return hashBytes(fold(buf[:0], word))
}
