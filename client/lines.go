package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// lines are those of a stream, one after the other.
type lines struct {
	*stream
	buf      *[]byte
	from, to int // what was read and not given yet
}

// buffers are of what one system call gives, or as long as the longest line that one was used for.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 64<<10)
	return &b
}}

const (
	maxLine   = 256 << 20 // the longest line that is taken
	maxBuffer = 4 << 20   // the largest buffer that is kept for another read
)

// openLines sends a read.
func (l *log) openLines(ctx context.Context, r *request) (*lines, *failure) {
	s, f := l.openStream(ctx, r, false)
	if f != nil {
		return nil, f
	}
	return &lines{stream: s, buf: buffers.Get().(*[]byte)}, nil
}

// next gives a line without its line feed, valid until the next one is asked for; io.EOF behind the last.
func (s *lines) next() ([]byte, error) {
	searched := 0
	for {
		rest := (*s.buf)[s.from:s.to]
		if n := bytes.IndexByte(rest[searched:], '\n'); n >= 0 {
			n += searched
			s.from += n + 1
			return rest[:n:n], nil
		}
		searched = len(rest)
		switch {
		case s.err == nil:
		case errors.Is(s.err, io.EOF) && len(rest) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, s.err
		}
		if len(rest) >= maxLine {
			return nil, nacre.Errorf(nacre.CodeTooLarge, "%s sends a line of more than %d bytes", s.l.peer.url, maxLine)
		}
		s.fill()
	}
}

// fill reads what has come behind what is there.
func (s *lines) fill() {
	b := *s.buf
	if s.from > 0 {
		s.to = copy(b, b[s.from:s.to])
		s.from = 0
	}
	if s.to == len(b) {
		b = append(b, make([]byte, len(b))...)
		*s.buf = b
	}
	n, _ := s.Read(b[s.to:]) // the error is kept for when all lines have been given
	s.to += n
}

// end looks behind the last line: nil where the reply says that it is whole.
func (s *lines) end() *failure {
	if text := s.resp.Trailer.Get(wire.TrailerError); text != "" {
		return passing(http.StatusOK, wire.ParseError(http.StatusInternalServerError, []byte(text)))
	}
	if s.resp.Trailer.Get(wire.TrailerEnd) == "" {
		return s.broken(io.ErrUnexpectedEOF)
	}
	return nil
}

// leave is for a loop that was left. Where nothing but the end can follow, it is read, which keeps the
// connection for another request.
func (s *lines) leave(last bool) {
	if last && s.err == nil && s.from == s.to {
		s.fill()
	}
}

func (s *lines) close() {
	s.stream.close()
	if len(*s.buf) <= maxBuffer {
		buffers.Put(s.buf)
	}
	s.buf = nil
}
