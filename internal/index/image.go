package index

import (
	"hash/crc32"
	"hash/crc64"
	"runtime/debug"
)

// checkSize is the size of a block's checksum, which stands at its end.
const checkSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// wholeTable is of the checksum of whole parts. It has another polynomial than
// the blocks': a CRC is blind to a change in bytes that are followed by their
// own CRC, if that was changed along.
var wholeTable = crc64.MakeTable(crc64.ECMA)

func crc(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// sealed is the check of a block's content: its CRC-32C and, by exclusive or,
// the file's salt plus the block's offset. So a block that stands in the wrong
// place or file is found too.
func sealed(content []byte, salt uint32, at uint64) uint32 {
	return crc(content) ^ (salt + uint32(at))
}

// image is the content of an index file, mapped or in memory, read by blocks.
type image struct {
	path string
	data []byte
	salt uint32
}

// bad makes the error of a damaged file.
func (m *image) bad(at uint64, what string) error {
	return &BadBlockError{File: m.path, Offset: int64(at), What: what}
}

// raw returns n bytes at an offset. They are not verified.
func (m *image) raw(at, n uint64, what string) ([]byte, error) {
	size := uint64(len(m.data))
	if n > size || at > size-n {
		return nil, m.bad(at, what+" reaches beyond the end of the file")
	}
	return m.data[at : at+n : at+n], nil
}

// block returns the content of the block of n bytes, its checksum included,
// at an offset, after the checksum agreed.
func (m *image) block(at, n uint64, what string) ([]byte, error) {
	b, err := m.raw(at, n, what)
	if err != nil {
		return nil, err
	}
	if n < checkSize {
		return nil, m.bad(at, what+" is too short for a checksum")
	}
	content := b[: n-checkSize : n-checkSize]
	sum, err := m.sum(b, at, what)
	if err != nil {
		return nil, err
	}
	if sum != m.salt+uint32(at) {
		return nil, m.bad(at, "the checksum of "+what+" is wrong")
	}
	return content, nil
}

// sum computes the checksum of a block's content, combined with the one that
// stands at its end. It is the first to touch the block, so it is where a
// sector that cannot be read shows: as a fault of the processor, which must
// neither end the process nor be taken for anything else than a bad block.
func (m *image) sum(b []byte, at uint64, what string) (sum uint32, err error) {
	defer m.recoverFault(debug.SetPanicOnFault(true), at, what, &err)
	content := len(b) - checkSize
	return crc(b[:content]) ^ load32le(b[content:]), nil
}

// copyRange copies unverified bytes of the file, up to its end.
func (m *image) copyRange(to []byte, at uint64, what string) (err error) {
	b, err := m.raw(at, uint64(len(to)), what)
	if err != nil {
		return err
	}
	defer m.recoverFault(debug.SetPanicOnFault(true), at, what, &err)
	copy(to, b)
	return nil
}

// recoverFault, deferred, turns a fault at a mapped address into a bad block.
func (m *image) recoverFault(before bool, at uint64, what string, err *error) {
	debug.SetPanicOnFault(before)
	switch fault := recover().(type) {
	case nil:
	case interface{ Addr() uintptr }:
		// Only faults at an address that may be mapped have one.
		*err = m.bad(at, what+" cannot be read from the disk")
	default:
		panic(fault)
	}
}

func load32le(b []byte) uint32 {
	_ = b[3]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}
