package index

import "github.com/nacredb/nacre/internal/vfs"

// WriteOffsets writes the offsets file of a sealed segment into dir and returns
// its path. first is the segment's first position, offsets[i] where the line of
// position first+i begins, length the segment's length, all of them in the
// uncompressed segment.
func WriteOffsets(fsys vfs.FS, dir string, first uint64, offsets []uint32, length uint64) (path string, err error) {
	panic("")
}

// Offsets tells where each line of a sealed segment stands. It may be used
// from many goroutines.
type Offsets struct{}

// OpenOffsets maps an offsets file and reads its header.
func OpenOffsets(fsys vfs.FS, path string) (*Offsets, error) { panic("") }

// First is the segment's first position.
func (o *Offsets) First() uint64 { panic("") }

// Count is the number of lines.
func (o *Offsets) Count() int { panic("") }

// Length is the segment's length in bytes.
func (o *Offsets) Length() uint64 { panic("") }

// Offset is where line i begins, counted from 0.
func (o *Offsets) Offset(i int) (uint32, error) { panic("") }

// Range is where line i begins and ends, its newline included.
func (o *Offsets) Range(i int) (start, end uint32, err error) { panic("") }

// Check verifies every byte of the file and the order of the offsets.
func (o *Offsets) Check() error { panic("") }

// Close unmaps the file. Nothing may use it any more.
func (o *Offsets) Close() error { panic("") }
