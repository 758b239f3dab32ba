package embedding

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// A segment is an immutable object that holds many vectors. All numbers are
// little-endian:
//
//	magic   8 bytes, format and version
//	count   uint32, number of entries
//	check   uint32, CRC-32C of count and table
//	table   count × {address [32]byte, offset uint64, length uint32}
//	entries count × {CRC-32C of address and data uint32, data}
//
// Offset and length span an entry with its check, and are also what the
// record store keeps for the vector, so that an entry read alone proves that
// it is whole and that it is the one asked for. The object's name begins with
// the SHA-256 of its bytes, so that the whole can be proved too, and ends with
// a random part: no name is ever written twice, so that an object which
// nothing refers to, and which is old, may be deleted without looking whether
// somebody writes it again. The table lets the record store's rows be rebuilt
// from segments.
const (
	segmentMagic  = "HFVECS\x00\x01"
	segmentHeader = len(segmentMagic) + 4 + 4
	tableEntry    = digest.Size + 8 + 4
	entryCheck    = 4
	nonceSize     = 12

	segmentFolder, segmentSuffix = "segments/", ".seg"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func entrySum(address digest.Digest, data []byte) uint32 {
	return crc32.Update(crc32.Checksum(address[:], castagnoli), castagnoli, data)
}

// buildSegment encodes inline vectors and returns the object, and the rows
// that point into it.
func buildSegment(vectors []record.Vector) ([]byte, []record.Vector) {
	size := segmentHeader + len(vectors)*(tableEntry+entryCheck)
	for i := range vectors {
		size += len(vectors[i].Data)
	}
	b := make([]byte, 0, size)
	b = append(b, segmentMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(vectors))) //nolint:gosec // bounded by Pack
	b = append(b, 0, 0, 0, 0)                                     // the check, below
	rows := make([]record.Vector, len(vectors))
	at := segmentHeader + len(vectors)*tableEntry
	for i := range vectors {
		n := entryCheck + len(vectors[i].Data)
		rows[i] = record.Vector{Address: vectors[i].Address, Offset: int64(at), Length: int64(n)}
		b = append(b, vectors[i].Address[:]...)
		b = binary.LittleEndian.AppendUint64(b, uint64(at))
		b = binary.LittleEndian.AppendUint32(b, uint32(n)) //nolint:gosec // a vector is far below 4 GiB
		at += n
	}
	binary.LittleEndian.PutUint32(b[segmentHeader-4:], tableSum(b))
	for i := range vectors {
		b = binary.LittleEndian.AppendUint32(b, entrySum(vectors[i].Address, vectors[i].Data))
		b = append(b, vectors[i].Data...)
	}
	name := segmentStem(b) + "-" + strings.ToLower(rand.Text()[:nonceSize]) + segmentSuffix
	for i := range rows {
		rows[i].Segment = name
	}
	return b, rows
}

// tableSum is the check over the count and the table at the start of b.
func tableSum(b []byte) uint32 {
	sum := crc32.Checksum(b[len(segmentMagic):segmentHeader-4], castagnoli)
	count := int(binary.LittleEndian.Uint32(b[len(segmentMagic):]))
	return crc32.Update(sum, castagnoli, b[segmentHeader:segmentHeader+count*tableEntry])
}

// segmentStem is what the names of segments with these bytes begin with. Two
// leading digits are a folder, so that no folder grows past what file systems like.
func segmentStem(b []byte) string {
	sum := digest.Digest(sha256.Sum256(b)).String()
	return segmentFolder + sum[:2] + "/" + sum
}

// parseSegment checks a whole segment and returns its vectors, whose Data
// points into b.
func parseSegment(b []byte) ([]record.Vector, error) {
	if len(b) < segmentHeader || !bytes.HasPrefix(b, []byte(segmentMagic)) {
		return nil, fault.New(fault.Internal, "not a segment of this format, or cut short")
	}
	count := uint64(binary.LittleEndian.Uint32(b[len(segmentMagic):]))
	if count > uint64(len(b)-segmentHeader)/tableEntry { //nolint:gosec // not negative, see above
		return nil, fault.New(fault.Internal, "table of %d entries does not fit into %d bytes", count, len(b))
	}
	if tableSum(b) != binary.LittleEndian.Uint32(b[segmentHeader-4:]) {
		return nil, fault.New(fault.Internal, "table does not match its checksum")
	}
	vectors := make([]record.Vector, count)
	table := b[segmentHeader:]
	for i := range vectors {
		v := &vectors[i]
		copy(v.Address[:], table)
		at := binary.LittleEndian.Uint64(table[digest.Size:])
		n := uint64(binary.LittleEndian.Uint32(table[digest.Size+8:]))
		table = table[tableEntry:]
		if at > uint64(len(b)) || n > uint64(len(b))-at {
			return nil, fault.New(fault.Internal, "entry %d lies beyond the end: the segment was cut short", i)
		}
		data, err := openEntry(v.Address, b[at:at+n])
		if err != nil {
			return nil, err
		}
		v.Data, v.Offset, v.Length = data, int64(at), int64(n) //nolint:gosec // both are below len(b)
	}
	return vectors, nil
}

// openEntry checks one entry that was read alone, and returns its data.
func openEntry(address digest.Digest, b []byte) ([]byte, error) {
	if len(b) < entryCheck || binary.LittleEndian.Uint32(b) != entrySum(address, b[entryCheck:]) {
		return nil, fault.New(fault.Internal, "entry of embedding %s does not match its checksum", address.Short())
	}
	return b[entryCheck:], nil
}
