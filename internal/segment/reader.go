package segment

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

const (
	firstChunk = 16 << 10  // what a reader reads first: many want a few lines only
	readChunk  = 256 << 10 // what it reads at once from then on
	keepChunk  = 1 << 20   // the largest buffer that is kept for the next reader
)

// ErrUnended is what a Reader gives for bytes at the end of its part that no line feed ends.
var ErrUnended = errors.New("the line does not end with a line feed")

// Reader gives the lines of a part of a segment, in order or backwards.
type Reader struct {
	r         io.ReaderAt
	from, to  int64 // what has not been read yet
	backwards bool
	err       error // what every further call gives

	failed error // a read failed, beyond what the buffer has
	floor  int64 // backwards: where that was, and below nothing is read

	s     *scratch
	chunk int
	base  int64 // the offset of buf[0]
	at    int   // forwards: what has been given of buf; backwards: what of it has not
	seen  int   // forwards: up to where buf has no further line feed
	given int   // backwards: how many of starts have not been given
}

// scratch is a reader's memory.
type scratch struct {
	buf    []byte
	starts []int // of the lines in buf, for reading backwards
}

var scratches = sync.Pool{New: func() any { return &scratch{buf: make([]byte, 0, readChunk)} }}

// NewReader reads the lines that stand from an offset to another one, both the beginnings of lines or the
// file's end. Close returns its memory.
func NewReader(r io.ReaderAt, from, to int64, backwards bool) *Reader {
	s := scratches.Get().(*scratch)
	s.buf, s.starts = s.buf[:0], s.starts[:0]
	return &Reader{r: r, from: from, to: to, base: from, backwards: backwards, s: s, chunk: firstChunk}
}

// Close ends the use of the reader and of the last line. A second Close does nothing.
func (r *Reader) Close() {
	if r.s == nil {
		return
	}
	if cap(r.s.buf) <= keepChunk {
		scratches.Put(r.s)
	}
	r.s, r.given = nil, 0
	r.err = errors.New("the reader has been closed")
}

// Next gives the next line, without its line feed, and its offset. The line is valid until the next call.
// At the end it is nil. An error concerns the line at the offset (backwards: the one that ends there), and
// after it there is none.
func (r *Reader) Next() (off int64, line []byte, err error) {
	if r.err != nil {
		return r.base, nil, r.err
	}
	if r.backwards {
		return r.previous()
	}
	buf := r.s.buf
	for {
		if n := bytes.IndexByte(buf[r.seen:], '\n'); n >= 0 {
			off, line = r.base+int64(r.at), buf[r.at:r.seen+n]
			r.at = r.seen + n + 1
			r.seen = r.at
			return off, line, nil
		}
		switch off = r.base + int64(r.at); {
		case r.failed != nil:
			r.err = r.failed
		case r.from < r.to:
			buf = r.fill()
			continue
		case r.at < len(buf):
			r.err = ErrUnended
		}
		return off, nil, r.err
	}
}

// fill keeps what has not been given and reads on behind it.
func (r *Reader) fill() []byte {
	s := r.s
	rest := copy(s.buf, s.buf[r.at:])
	r.base += int64(r.at)
	r.at, r.seen = 0, rest
	n := int(min(int64(r.grow(rest)), r.to-r.from))
	s.buf = room(s.buf[:rest], n)
	got, err := r.r.ReadAt(s.buf[rest:rest+n], r.from)
	if got < n {
		r.failed = shortRead(err)
	}
	s.buf = s.buf[:rest+got]
	r.from += int64(got)
	return s.buf
}

// grow is how much to read next, beside what a long line has already.
func (r *Reader) grow(rest int) int {
	n := max(r.chunk-rest, rest)
	r.chunk = min(4*r.chunk, readChunk)
	return n
}

// room makes a buffer long enough for n more bytes; its length stays.
func room(buf []byte, n int) []byte {
	if cap(buf)-len(buf) >= n {
		return buf
	}
	return append(make([]byte, 0, len(buf)+n), buf...)
}

func shortRead(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// previous is Next for reading backwards.
func (r *Reader) previous() (off int64, line []byte, err error) {
	if r.given == 0 {
		if r.to <= r.from {
			return r.from, nil, nil
		}
		if r.err = r.fillBackwards(); r.err != nil {
			return r.to, nil, r.err
		}
	}
	r.given--
	start := r.s.starts[r.given]
	line = r.s.buf[start : r.at-1]
	r.at = start
	return r.base + int64(start), line, nil
}

// fillBackwards reads lines that end at r.to, at least one of them.
func (r *Reader) fillBackwards() error {
	s := r.s
	for {
		r.base = max(r.from, r.floor, r.to-int64(r.chunk))
		n := int(r.to - r.base)
		s.buf = room(s.buf[:0], n)[:n]
		if got, err := r.r.ReadAt(s.buf, r.base); got < n {
			// What stands behind may be readable, and hold whole lines.
			r.failed = shortRead(err)
			if r.floor = (r.base+int64(got))/page*page + page; r.floor >= r.to || r.failed == io.ErrUnexpectedEOF {
				return r.failed
			}
			continue
		}
		if s.buf[n-1] != '\n' {
			return ErrUnended
		}
		s.starts = s.starts[:0]
		if r.base == r.from {
			s.starts = append(s.starts, 0)
		}
		for i := 0; ; {
			k := bytes.IndexByte(s.buf[i:], '\n')
			if i += k + 1; i == n {
				break
			}
			s.starts = append(s.starts, i)
		}
		switch {
		case len(s.starts) > 0:
			r.chunk = min(4*r.chunk, max(readChunk, r.chunk))
			r.given, r.at, r.to = len(s.starts), n, r.base+int64(s.starts[0])
			return nil
		case r.base == r.floor:
			return r.failed
		}
		r.chunk = 2 * n
	}
}
