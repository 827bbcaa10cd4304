package filestore

import (
	"errors"
	"io"
	"math/bits"
	"runtime/debug"

	"github.com/nacredb/nacre/internal/vfs"
)

// mappedLines reads single lines of a sealed segment out of its mapping: a call into the system for each
// line is most of what scattered lines cost. Bytes are copied before they are verified, as those of a
// file are.
type mappedLines struct {
	mapping vfs.Mapping
}

// errSector is what a sector that cannot be read comes to.
var errSector = errors.New("the disk cannot read a sector")

// ReadAt implements io.ReaderAt. A sector that cannot be read shows as a fault of the processor.
func (m *mappedLines) ReadAt(p []byte, off int64) (n int, err error) {
	all := m.mapping.Bytes()
	if off < 0 || off >= int64(len(all)) {
		return 0, io.EOF
	}
	defer func(before bool) {
		debug.SetPanicOnFault(before)
		switch fault := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			// Only faults at an address that may be mapped have one.
			n, err = 0, errSector
		default:
			panic(fault)
		}
	}(debug.SetPanicOnFault(true))
	if n = copy(p, all[off:]); n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// scattered gives the segment's uncompressed bytes for reading single lines here and there.
func (s *seg) scattered() (io.ReaderAt, error) {
	if m := s.mapped(); m != nil {
		return m, nil
	}
	return s.reader()
}

// mapped is nil where the segment cannot be mapped, or should not be: while it grows, compressed, on a
// machine with few addresses, or where a mapping would be a copy.
func (s *seg) mapped() *mappedLines {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines != nil || s.unmappable || !s.info.Sealed || s.info.Zstd || s.mem != nil || s.broken != nil {
		return s.lines
	}
	s.unmappable = true
	mapper, ok := s.log.fs.(vfs.ScatteredMapper)
	if !ok || bits.UintSize < 64 {
		return nil
	}
	mapping, err := mapper.MapScattered(s.pathLocked())
	if err != nil {
		return nil // reading the file tells what is wrong with it, if anything is
	}
	s.lines, s.unmappable = &mappedLines{mapping}, false
	return s.lines
}

// unmap lets the mappings go. The caller has the lock, and nobody reads any more.
func (s *seg) unmap() {
	if s.lines != nil {
		s.past = append(s.past, s.lines)
	}
	for _, m := range s.past {
		_ = m.mapping.Close()
	}
	s.lines, s.past = nil, nil
}
