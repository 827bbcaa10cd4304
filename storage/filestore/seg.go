package filestore

import (
	"io"
	"path/filepath"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/segment"
	"github.com/nacredb/nacre/internal/vfs"
)

// seg is a segment file, open for reading. The active one has its offsets in a memory; a sealed one in
// an offsets file, unless its run has not been written yet.
type seg struct {
	log   *log
	first nacre.Position
	refs  atomic.Int64 // snapshots that hold it

	mu    sync.Mutex
	info  segment.Info
	file  vfs.File       // the raw file, nil until it is needed
	zstd  *segment.Zstd  // the compressed file's reader, in place of it
	lines *mappedLines   // the raw file of a sealed segment, mapped; nil until it is needed
	past  []*mappedLines // of files that were replaced
	// unmappable tells that mapping was tried in vain.
	unmappable bool
	offs       *index.Offsets  // of a sealed segment
	mem        *memory         // until there is an offsets file
	broken     *damagedSegment // where recovery found damage
}

// fileMissing is the reason of damage where a listed file is not there.
const fileMissing = "the file is missing"

// damagedSegment tells which lines of a segment are good, and what is wrong with the others.
type damagedSegment struct {
	err   *nacre.DamageError
	lines []goodLine // ascending by position
	last  nacre.Position
}

type goodLine struct {
	pos        nacre.Position
	start, end int64
}

func (d *damagedSegment) bounds(p nacre.Position) (start, end int64, ok bool) {
	i := sort.Search(len(d.lines), func(i int) bool { return d.lines[i].pos >= p })
	if i == len(d.lines) || d.lines[i].pos != p {
		return 0, 0, false
	}
	return d.lines[i].start, d.lines[i].end, true
}

func (s *seg) path() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pathLocked()
}

func (s *seg) pathLocked() string { return filepath.Join(s.log.dir, s.info.Name) }

// reader gives the segment's uncompressed bytes.
func (s *seg) reader() (io.ReaderAt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readerLocked()
}

func (s *seg) readerLocked() (io.ReaderAt, error) {
	switch {
	case s.zstd != nil:
		return s.zstd, nil
	case s.file != nil:
		return s.file, nil
	}
	path, compressed := s.pathLocked(), s.info.Zstd
	file, err := s.log.fs.Open(path)
	if isNotExist(err) && !compressed {
		// Compressed since the snapshot was taken: the same bytes under another name.
		path, compressed = path+".zst", true
		file, err = s.log.fs.Open(path)
	}
	if err != nil {
		if isNotExist(err) {
			return nil, &nacre.DamageError{File: s.pathLocked(), Position: s.first, Reason: fileMissing}
		}
		return nil, err
	}
	if !compressed {
		s.file = file
		return file, nil
	}
	z, err := segment.OpenZstd(file, path)
	if err != nil {
		_ = file.Close()
		if !isDamage(err) {
			err = &nacre.DamageError{File: path, Position: s.first, Reason: "cannot be read: " + err.Error()}
		}
		return nil, err
	}
	s.file, s.zstd = file, z
	return z, nil
}

// bounds is where the line of a position begins and ends.
func (s *seg) bounds(p nacre.Position) (start, end int64, err error) {
	for range 3 {
		s.mu.Lock()
		mem, offs, broken := s.mem, s.offs, s.broken
		s.mu.Unlock()
		switch {
		case broken != nil:
			if start, end, ok := broken.bounds(p); ok {
				return start, end, nil
			}
			e := *broken.err
			e.Position = p
			return 0, 0, &e
		case mem != nil:
			if start, end, ok := mem.bounds(p); ok {
				return start, end, nil
			}
			return 0, 0, nacre.Errorf(nacre.CodeInternal, "position %d is not in the segment that begins at %d", p, s.first)
		case offs != nil:
			if i := int(p - s.first); i < offs.Count() {
				a, b, err := offs.Range(i)
				return int64(a), int64(b), err
			}
			return 0, 0, &nacre.DamageError{File: s.path(), Position: p, Reason: "the segment is shorter than the manifest says"}
		}
		if err := s.openOffsets(); err != nil {
			return 0, 0, err
		}
	}
	return 0, 0, nacre.Errorf(nacre.CodeInternal, "the offsets of %s come and go", s.path())
}

// isBroken tells whether recovery found damage in the segment.
func (s *seg) isBroken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken != nil
}

// hasOffsets tells whether it is known where the segment's lines stand.
func (s *seg) hasOffsets() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offs != nil || s.mem != nil
}

func (s *seg) offsetsPath() string {
	return filepath.Join(s.log.indexDir(), index.OffsetsName(uint64(s.first)))
}

// openOffsets maps the offsets file, and makes it again where it is missing or bad.
func (s *seg) openOffsets() error {
	err := s.mapOffsets()
	if isBadBlock(err) || isNotExist(err) {
		return s.log.rebuildOffsets(s, err)
	}
	return err
}

func (s *seg) mapOffsets() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.offs != nil {
		return nil
	}
	offs, err := index.OpenOffsets(s.log.fs, s.offsetsPath())
	if err != nil {
		return err
	}
	if offs.First() != uint64(s.first) || offs.Count() != int(s.info.Last-s.first+1) || int64(offs.Length()) != s.info.Bytes {
		_ = offs.Close()
		return &index.BadBlockError{File: s.offsetsPath(), What: "is of another segment"}
	}
	s.offs = offs
	return nil
}

func (s *seg) acquire() { s.refs.Add(1) }

func (s *seg) release() {
	if s.refs.Add(-1) > 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		_ = s.file.Close()
	}
	if s.offs != nil {
		_ = s.offs.Close()
	}
	s.unmap()
	s.file, s.zstd, s.offs = nil, nil, nil
}

// content gives the segment's uncompressed bytes, and how many the file has.
func (s *seg) content() (io.ReaderAt, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.readerLocked()
	if err != nil {
		return nil, 0, err
	}
	if s.zstd != nil {
		return r, s.zstd.Size(), nil
	}
	size, err := s.file.Size()
	return r, size, err
}

// forget closes the file, so that the next read opens it by its name again.
func (s *seg) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines != nil {
		// Who reads through the mapping at this moment goes on with it.
		s.past = append(s.past, s.lines)
		s.lines = nil
	}
	if s.file != nil {
		_ = s.file.Close()
	}
	s.file, s.zstd = nil, nil
}
