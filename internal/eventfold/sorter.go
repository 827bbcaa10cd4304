package eventfold

import (
	"bufio"
	"container/heap"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"path/filepath"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
)

// sorted is an event that waits to be given, with what it is ordered by.
type sorted struct {
	at       int64 // the greatest time so far in its stream, in seconds
	stream   uint32
	archived bool
	line     int64
	id       string // that it gets
	raw      []byte // the line, or the part of it that is the event
}

// sorter puts events in order of time. Events that it is given with the same time keep the order in which
// they were given. What does not fit into memory stands in a scratch file, in runs that are sorted.
type sorter struct {
	fsys   vfs.FS
	dir    string
	memory int

	held  []sorted
	bytes int

	file    vfs.File
	name    string // of a scratch file that could not be removed yet
	written int64
	runs    []int64 // where each one ends
}

// sortedSize is about what an event takes in memory beside its bytes.
const sortedSize = 96

func (s *sorter) add(e sorted) error {
	s.held = append(s.held, e)
	s.bytes += sortedSize + len(e.id) + len(e.raw)
	if s.bytes < s.memory {
		return nil
	}
	return s.spill()
}

func (s *sorter) sortHeld() {
	slices.SortStableFunc(s.held, func(a, b sorted) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
}

// spill writes what is held as a run.
func (s *sorter) spill() error {
	if s.file == nil {
		if err := s.create(); err != nil {
			return scratchError(err)
		}
	}
	s.sortHeld()
	w := bufio.NewWriterSize(io.NewOffsetWriter(s.file, s.written), windowSize)
	var head []byte
	for i := range s.held {
		e := &s.held[i]
		head = e.appendHead(head[:0])
		_, _ = w.Write(head)
		_, _ = w.Write(e.raw)
		s.written += int64(len(head) + len(e.raw))
	}
	if err := w.Flush(); err != nil {
		return scratchError(err)
	}
	s.runs = append(s.runs, s.written)
	s.held, s.bytes = s.held[:0], 0
	clear(s.held[:cap(s.held)])
	return nil
}

func scratchError(err error) error {
	return nacre.Errorf(nacre.CodeInternal, "the file that holds what is being imported cannot be used: %w", err)
}

// create makes the scratch file, and takes its name away where a file can be used without one: so nothing
// stays behind a process that is killed.
func (s *sorter) create() error {
	s.name = filepath.Join(s.dir, "nacre-import-"+nacre.NewID())
	file, err := s.fsys.Create(s.name)
	if err != nil {
		return err
	}
	s.file = file
	if s.fsys.Remove(s.name) == nil {
		s.name = ""
	}
	return nil
}

func (s *sorter) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	if s.name != "" {
		err = errors.Join(err, s.fsys.Remove(s.name))
	}
	return err
}

// appendHead encodes everything but raw, and the length of that.
func (e *sorted) appendHead(b []byte) []byte {
	b = binary.AppendVarint(b, e.at)
	b = binary.AppendUvarint(b, uint64(e.stream))
	line := uint64(e.line) << 1
	if e.archived {
		line |= 1
	}
	b = binary.AppendUvarint(b, line)
	b = binary.AppendUvarint(b, uint64(len(e.id)))
	b = append(b, e.id...)
	return binary.AppendUvarint(b, uint64(len(e.raw)))
}

// read is the inverse of what spill writes.
func (e *sorted) read(r *bufio.Reader) (err error) {
	number := func() uint64 {
		n, e := binary.ReadUvarint(r)
		err = errors.Join(err, e)
		return n
	}
	if e.at, err = binary.ReadVarint(r); err != nil {
		return err
	}
	e.stream = uint32(number())
	line := number()
	e.line, e.archived = int64(line>>1), line&1 == 1
	id := make([]byte, number())
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(r, id); err != nil {
		return err
	}
	e.id = string(id)
	e.raw = make([]byte, number())
	if err != nil {
		return err
	}
	_, err = io.ReadFull(r, e.raw)
	return err
}

// all gives everything in order. Nothing can be added any more. It can be called again.
func (s *sorter) all(ctx context.Context) iter.Seq2[sorted, error] {
	s.sortHeld()
	return func(yield func(sorted, error) bool) {
		var h runHeap
		begin := int64(0)
		for i, end := range s.runs {
			section := io.NewSectionReader(s.file, begin, end-begin)
			h = append(h, &run{order: i, r: bufio.NewReaderSize(section, 64<<10)})
			begin = end
		}
		// What is held is the newest run.
		h = append(h, &run{order: len(s.runs), held: s.held})
		rest := h[:0]
		for _, r := range h {
			switch err := r.next(); {
			case err == io.EOF:
			case err != nil:
				yield(sorted{}, scratchError(err))
				return
			default:
				rest = append(rest, r)
			}
		}
		h = rest
		heap.Init(&h)
		for len(h) > 0 {
			if err := ctx.Err(); err != nil {
				yield(sorted{}, err)
				return
			}
			if !yield(h[0].head, nil) {
				return
			}
			switch err := h[0].next(); {
			case err == io.EOF:
				heap.Pop(&h)
			case err != nil:
				yield(sorted{}, scratchError(err))
				return
			default:
				heap.Fix(&h, 0)
			}
		}
	}
}

// run is events in order: in the scratch file, or in memory.
type run struct {
	order int
	head  sorted
	r     *bufio.Reader // nil for the one in memory
	held  []sorted
}

// next makes the next event the head; io.EOF behind the last one.
func (r *run) next() error {
	if r.r != nil {
		return r.head.read(r.r)
	}
	if len(r.held) == 0 {
		return io.EOF
	}
	r.head, r.held = r.held[0], r.held[1:]
	return nil
}

// runHeap has the run with the oldest head first, of several the oldest run.
type runHeap []*run

func (h runHeap) Len() int      { return len(h) }
func (h runHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h runHeap) Less(i, j int) bool {
	if h[i].head.at != h[j].head.at {
		return h[i].head.at < h[j].head.at
	}
	return h[i].order < h[j].order
}

// Push implements heap.Interface; no run comes when the others are being given.
func (h *runHeap) Push(r any) { *h = append(*h, r.(*run)) }

// Pop implements heap.Interface.
func (h *runHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
