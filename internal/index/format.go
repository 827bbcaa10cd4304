package index

import (
	"encoding/binary"
	"fmt"
)

// The parts of a run's file, in order, between its header and its footer.
const (
	partFilter = iota
	partBuckets
	partDirectory
	partPostings
	partNames // of the first kind; the other kinds follow
	partCount = partNames + named
)

const (
	runMagic    = "NACRERUN"
	runEndMagic = "NACREEND"
	runVersion  = 1

	headerSize = 256
	// headerIdentity is the part of the header that is known before anything
	// is written; the file's salt is its CRC-32C.
	headerIdentity = 72
	footerSize     = 32

	// bucketTerms is the mean number of terms in a block of the directory.
	bucketTerms = 16
	entrySize   = 16
	maxTerms    = maxRung
)

// header is the beginning of a run's file.
type header struct {
	segments        uint32
	first, last     uint64
	events, streams uint64
	terms, postings uint64
	identity        uint64
	sizes           [partCount]uint64
	sums            [partCount]uint64
	names           [named]uint64
}

// encode returns the header's bytes.
func (h *header) encode() []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, runMagic...)
	b = binary.LittleEndian.AppendUint32(b, runVersion)
	b = binary.LittleEndian.AppendUint32(b, h.segments)
	for _, n := range []uint64{h.first, h.last, h.events, h.streams, h.terms, h.postings, h.identity} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	for _, n := range h.sizes {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	for _, n := range h.sums {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	for _, n := range h.names {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = b[:headerSize]
	binary.LittleEndian.PutUint32(b[headerSize-checkSize:], crc(b[:headerSize-checkSize]))
	return b
}

// salt is what every block's checksum is combined with.
func (h *header) salt() uint32 { return crc(h.encode()[:headerIdentity]) }

// fileSize is the size of the whole file.
func (h *header) fileSize() uint64 {
	size := uint64(headerSize + footerSize)
	for _, n := range h.sizes {
		size += n
	}
	return size
}

// start is where a part begins.
func (h *header) start(part int) uint64 {
	at := uint64(headerSize)
	for _, n := range h.sizes[:part] {
		at += n
	}
	return at
}

// buckets is the number of blocks of the directory.
func (h *header) buckets() uint64 { return (h.terms + bucketTerms - 1) / bucketTerms }

// fix sets the sizes of the parts that follow from the number of terms.
func (h *header) fix() {
	h.sizes[partFilter] = filterLines(h.terms) * lineSize
	h.sizes[partBuckets] = ladderSize(h.buckets())
	h.sizes[partDirectory] = h.terms*entrySize + h.buckets()*checkSize
}

// decodeHeader reads a header. The error is what is wrong with it.
func decodeHeader(b []byte) (h header, err error) {
	if string(b[:8]) != runMagic {
		return h, fmt.Errorf("the file does not begin as an index run")
	}
	if version := load32le(b[8:]); version != runVersion {
		return h, fmt.Errorf("it has format version %d, and this program reads version %d", version, runVersion)
	}
	if crc(b[:headerSize-checkSize]) != load32le(b[headerSize-checkSize:]) {
		return h, fmt.Errorf("the checksum of the header is wrong")
	}
	h.segments = load32le(b[12:])
	at := 16
	next := func() uint64 { at += 8; return binary.LittleEndian.Uint64(b[at-8:]) }
	for _, n := range []*uint64{&h.first, &h.last, &h.events, &h.streams, &h.terms, &h.postings, &h.identity} {
		*n = next()
	}
	for i := range h.sizes {
		h.sizes[i] = next()
	}
	for i := range h.sums {
		h.sums[i] = next()
	}
	for i := range h.names {
		h.names[i] = next()
	}
	for _, zero := range b[at : headerSize-checkSize] {
		if zero != 0 {
			return h, fmt.Errorf("the header is not as it is written")
		}
	}
	return h, h.validate()
}

func (h *header) validate() error {
	span := h.last - h.first
	switch {
	case h.first == 0 || h.last < h.first || span >= formOffset:
		return fmt.Errorf("the header tells an impossible range of positions, %d to %d", h.first, h.last)
	case h.segments == 0 || h.events == 0 || h.events-1 > span || h.streams > h.events:
		return fmt.Errorf("the header tells impossible counts of segments, events or streams")
	case h.terms == 0 || h.terms > maxTerms || h.postings < h.terms:
		return fmt.Errorf("the header tells impossible counts of terms or postings")
	}
	expected := *h
	expected.fix()
	if expected.sizes != h.sizes {
		return fmt.Errorf("the header tells sizes that do not follow from the number of terms")
	}
	for i, n := range h.names {
		if n > maxRung || nameLadderSize(n) > h.sizes[partNames+i] {
			return fmt.Errorf("the header tells an impossible count of names")
		}
	}
	for _, n := range h.sizes {
		if n > maxFile {
			return fmt.Errorf("the header tells an impossible size")
		}
	}
	return nil
}

// maxFile bounds the size of a part, so that no sum of sizes overflows.
const maxFile = 1 << 56

// encodeFooter returns the end of a run's file: it says that the file is
// whole, and which header it belongs to.
func encodeFooter(h *header) []byte {
	b := make([]byte, 0, footerSize)
	b = append(b, runEndMagic...)
	b = binary.LittleEndian.AppendUint64(b, h.fileSize())
	encoded := h.encode()
	b = append(b, encoded[headerSize-checkSize:]...)
	b = b[:footerSize]
	binary.LittleEndian.PutUint32(b[footerSize-checkSize:], crc(b[:footerSize-checkSize]))
	return b
}

// A directory entry is a term and a value: the form in the two upper bits, and
// by form
//
//	lone   62 bits the only position
//	short   7 bits the count less one, 11 bits the length, 44 bits the offset of a leaf
//	long   62 bits the offset of a list's head
//
// Positions are relative to the run's first, offsets to the part of postings.
type value uint64

type form uint8

// The forms of postings; the first three are stored.
const (
	formLone  form = 0
	formShort form = 1
	formLong  form = 2
	formChain form = 3 // in a Mem
)

const (
	formOffset      = 1 << 62
	shortOffsetBits = 44
	shortLengthBits = 11
	maxShortOffset  = 1<<shortOffsetBits - 1
)

func (v value) form() form     { return form(v >> 62) }
func (v value) offset() uint64 { return uint64(v) & (formOffset - 1) }

func shortValue(count, length int, offset uint64) value {
	return value(uint64(formShort)<<62 | uint64(count-1)<<(shortLengthBits+shortOffsetBits) |
		uint64(length)<<shortOffsetBits | offset)
}

func (v value) short() (count, length, offset uint64) {
	return uint64(v)>>(shortLengthBits+shortOffsetBits)&(leafPostings-1) + 1,
		uint64(v) >> shortOffsetBits & (1<<shortLengthBits - 1), uint64(v) & maxShortOffset
}

// A list of more than 128 positions is a tree: leaves, and above them nodes of
// up to 64 entries, each the last position below it and where that stands.
const (
	nodeEntries = 64
	// listHead is the size of a list's head: count, last, the root's place,
	// the number of levels of nodes.
	listHead = 8 + 8 + 8 + 1 + checkSize
	// maxLevels is enough for 2^62 positions.
	maxLevels = 10
)

// place is where a leaf or node stands: its offset, and its length in the lower
// 16 bits.
type place uint64

func placeOf(offset uint64, length int) place { return place(offset<<16 | uint64(length)) }

func (p place) offset() uint64 { return uint64(p >> 16) }
func (p place) length() uint64 { return uint64(p & 0xffff) }
