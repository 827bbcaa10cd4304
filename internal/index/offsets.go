package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"github.com/nacredb/nacre/internal/vfs"
)

// An offsets file is blocks of 512 bytes: the header, then 125 offsets a block. A
// line is found by verifying one of them, so they are small.
const (
	offsetsMagic   = "NACREOFF"
	offsetsVersion = 1

	offsetsBlock    = 512
	offsetsPerBlock = 125
	// offsetsIdentity is the part of the header that the salt is made of.
	offsetsIdentity = 40
)

// WriteOffsets writes the offsets file of a sealed segment into dir and returns
// its path. first is the segment's first position, offsets[i] where the line of
// position first+i begins, length the segment's length, all of them in the
// uncompressed segment.
func WriteOffsets(fsys vfs.FS, dir string, first uint64, offsets []uint32, length uint64) (path string, err error) {
	head := offsetsHeader{first: first, count: uint64(len(offsets)), length: length}
	if err := head.validate(); err != nil {
		return "", fmt.Errorf("index: the offsets cannot be written: %w", err)
	}
	for i, offset := range offsets {
		if uint64(offset) >= length || i > 0 && offset <= offsets[i-1] {
			return "", fmt.Errorf("index: the offset of line %d, %d, is not between the one before and the segment's length %d",
				i, offset, length)
		}
	}
	out, err := createOutput(fsys, filepath.Join(dir, OffsetsName(first)))
	if err != nil {
		return "", err
	}
	encoded := head.encode()
	out.salt = crc(encoded[:offsetsIdentity])
	all := section{out: out}
	all.write(encoded)
	block := make([]byte, 0, offsetsBlock)
	for len(offsets) > 0 {
		n := min(len(offsets), offsetsPerBlock)
		block = block[:0]
		for _, offset := range offsets[:n] {
			block = binary.LittleEndian.AppendUint32(block, offset)
		}
		clear(block[len(block):offsetsBlock])
		all.block(block[:offsetsBlock-checkSize])
		offsets = offsets[n:]
	}
	all.flush()
	return out.path, out.commit()
}

type offsetsHeader struct {
	first, count, length uint64
}

func (h *offsetsHeader) encode() []byte {
	b := make([]byte, 0, offsetsBlock)
	b = append(b, offsetsMagic...)
	b = binary.LittleEndian.AppendUint32(b, offsetsVersion)
	b = binary.LittleEndian.AppendUint32(b, offsetsPerBlock)
	b = binary.LittleEndian.AppendUint64(b, h.first)
	b = binary.LittleEndian.AppendUint64(b, h.count)
	b = binary.LittleEndian.AppendUint64(b, h.length)
	b = b[:offsetsBlock]
	binary.LittleEndian.PutUint32(b[offsetsBlock-checkSize:], crc(b[:offsetsBlock-checkSize]))
	return b
}

func (h *offsetsHeader) validate() error {
	if h.first == 0 || h.count == 0 || h.count > h.length || h.length > math.MaxUint32 {
		return errors.New("a segment has a first position, at least one line, no line without a byte, and less than 4 GiB")
	}
	return nil
}

func (h *offsetsHeader) fileSize() uint64 {
	return offsetsBlock * (1 + (h.count+offsetsPerBlock-1)/offsetsPerBlock)
}

// Offsets tells where each line of a sealed segment stands. It may be used
// from many goroutines.
type Offsets struct {
	image
	mapping vfs.Mapping
	head    offsetsHeader
}

// OpenOffsets maps an offsets file and reads its header.
func OpenOffsets(fsys vfs.FS, path string) (*Offsets, error) {
	mapping, err := fsys.Map(path)
	if err != nil {
		return nil, err
	}
	o := &Offsets{image: image{path: path, data: mapping.Bytes()}, mapping: mapping}
	if err := o.open(); err != nil {
		// The file is bad: that closing it failed too adds nothing.
		_ = mapping.Close()
		return nil, err
	}
	return o, nil
}

func (o *Offsets) open() error {
	b := make([]byte, offsetsBlock)
	if err := o.copyRange(b, 0, "the header"); err != nil {
		return err
	}
	if string(b[:8]) != offsetsMagic {
		return o.bad(0, "the file does not begin as an offsets file")
	}
	if version := load32le(b[8:]); version != offsetsVersion {
		return o.bad(0, fmt.Sprintf("it has format version %d, and this program reads version %d", version, offsetsVersion))
	}
	o.head = offsetsHeader{
		first:  binary.LittleEndian.Uint64(b[16:]),
		count:  binary.LittleEndian.Uint64(b[24:]),
		length: binary.LittleEndian.Uint64(b[32:]),
	}
	if err := o.head.validate(); err != nil {
		return o.bad(0, "the header is impossible: "+err.Error())
	}
	// Encoding what was read again finds every difference, the checksum's too.
	if string(b) != string(o.head.encode()) {
		return o.bad(0, "the header or its checksum is wrong")
	}
	if size := o.head.fileSize(); size != uint64(len(o.data)) {
		return o.bad(0, fmt.Sprintf("the file has %d bytes, and its header tells %d", len(o.data), size))
	}
	if name := filepath.Base(o.path); filepath.Ext(name) == offsetsSuffix && name != OffsetsName(o.head.first) {
		return o.bad(0, fmt.Sprintf("the file is that of the segment from position %d on, under another one's name", o.head.first))
	}
	o.salt = crc(b[:offsetsIdentity])
	return nil
}

// First is the segment's first position.
func (o *Offsets) First() uint64 { return o.head.first }

// Count is the number of lines.
func (o *Offsets) Count() int { return int(o.head.count) }

// Length is the segment's length in bytes.
func (o *Offsets) Length() uint64 { return o.head.length }

// Offset is where line i begins, counted from 0.
func (o *Offsets) Offset(i int) (uint32, error) {
	start, _, err := o.Range(i)
	return start, err
}

// Range is where line i begins and ends, its newline included.
func (o *Offsets) Range(i int) (start, end uint32, err error) {
	if i < 0 || i >= o.Count() {
		return 0, 0, fmt.Errorf("index: %s has no line %d: it has %d, from 0 on", o.path, i, o.Count())
	}
	block, err := o.offsets(i / offsetsPerBlock)
	if err != nil {
		return 0, 0, err
	}
	start = load32le(block[i%offsetsPerBlock*4:])
	switch next := i + 1; {
	case next == o.Count():
		end = uint32(o.head.length)
	case next%offsetsPerBlock != 0:
		end = load32le(block[next%offsetsPerBlock*4:])
	default:
		if block, err = o.offsets(next / offsetsPerBlock); err != nil {
			return 0, 0, err
		}
		end = load32le(block)
	}
	if start >= end || uint64(end) > o.head.length {
		return 0, 0, o.bad(o.blockAt(i/offsetsPerBlock), "the offsets are out of order")
	}
	return start, end, nil
}

func (o *Offsets) blockAt(number int) uint64 { return offsetsBlock * uint64(number+1) }

// offsets returns the verified content of a block.
func (o *Offsets) offsets(number int) ([]byte, error) {
	return o.block(o.blockAt(number), offsetsBlock, "a block of offsets")
}

// Check verifies every byte of the file and the order of the offsets.
func (o *Offsets) Check() error {
	least := uint64(0)
	for number, left := 0, o.Count(); left > 0; number, left = number+1, left-offsetsPerBlock {
		block, err := o.offsets(number)
		if err != nil {
			return err
		}
		n := min(left, offsetsPerBlock)
		for i := range n {
			offset := uint64(load32le(block[i*4:]))
			if offset < least || offset >= o.head.length {
				return o.bad(o.blockAt(number), "the offsets are out of order")
			}
			least = offset + 1
		}
		for _, b := range block[n*4:] {
			if b != 0 {
				return o.bad(o.blockAt(number), "there is something behind the last offset")
			}
		}
	}
	return nil
}

// Close unmaps the file. Nothing may use it any more.
func (o *Offsets) Close() error { return o.mapping.Close() }
