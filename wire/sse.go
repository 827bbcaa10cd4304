package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/nacredb/nacre"
)

// SSEComment keeps a connection alive.
const SSEComment = ":\n\n"

// The names of frames of events that are not events of the log.
const (
	sseCaughtUp = "caught-up"
	sseError    = "error"
)

// AppendSSEEvent appends an event's frame; the cursor is the event's position with the log's epoch. A line
// has no line feed.
func AppendSSEEvent(dst []byte, c Cursor, line []byte) []byte {
	dst = c.Append(append(dst, "id: "...))
	dst = append(append(dst, "\ndata: "...), line...)
	return append(dst, "\n\n"...)
}

// AppendSSECaughtUp appends the frame that says: everything up to the cursor has been sent.
func AppendSSECaughtUp(dst []byte, c Cursor) []byte {
	dst = c.Append(append(dst, "event: "+sseCaughtUp+"\nid: "...))
	dst = appendNumber(append(dst, "\ndata: {\"globalPosition\":"...), c.Position)
	return append(dst, "}\n\n"...)
}

// AppendSSEError appends the frame that ends a stream; body is FromError's.
func AppendSSEError(dst, body []byte) []byte {
	dst = append(append(dst, "event: "+sseError+"\ndata: "...), body...)
	return append(dst, "\n\n"...)
}

// FrameKind is what a frame tells.
type FrameKind int

// What frames tell.
const (
	FrameEvent    FrameKind = iota // Line is an event's
	FrameCaughtUp                  // everything up to Cursor has been sent
	FrameError                     // Err ends the stream
)

// Frame is one message to a follower, by SSE or WebSocket.
type Frame struct {
	Kind   FrameKind
	Line   []byte // of an event; valid until the next frame is asked for
	Cursor Cursor // an SSE event's, and FrameCaughtUp's
	Err    error  // FrameError's, as ParseError gives it
}

// SSEReader reads the frames that a server sends; comments and frames of other kinds are passed over.
type SSEReader struct {
	// Touched, where set, is called for every line that arrives, comments included: for a client's watchdog.
	Touched func()

	r      *bufio.Reader
	max    int
	event  []byte
	data   []byte
	lines  int // of data
	cursor Cursor
}

// defaultFrame is the most bytes of a frame: an event's limit is 1 MiB unless told otherwise.
const defaultFrame = 4 << 20

// NewSSEReader reads from r frames of at most maxFrame bytes; 0 is 4 MiB.
func NewSSEReader(r io.Reader, maxFrame int) *SSEReader {
	if maxFrame <= 0 {
		maxFrame = defaultFrame
	}
	return &SSEReader{r: bufio.NewReaderSize(r, 16<<10), max: maxFrame}
}

// Next is the next frame; io.EOF where the stream ends between two frames, io.ErrUnexpectedEOF inside of
// one, CodeTooLarge for a frame beyond the bound, CodeInternal for one that no server of this project
// sends. After an error nothing more is read.
func (s *SSEReader) Next() (Frame, error) {
	s.event, s.data, s.lines = s.event[:0], s.data[:0], 0
	inside := false
	for {
		name, value, err := s.line()
		switch {
		case errors.Is(err, io.EOF) && inside:
			return Frame{}, io.ErrUnexpectedEOF
		case err != nil:
			return Frame{}, err
		}
		if s.Touched != nil {
			s.Touched()
		}
		switch string(name) {
		case "":
			if value != nil {
				continue // a comment
			}
			if f, ok := s.frame(); ok {
				return f, nil
			}
			s.event, s.data, s.lines, inside = s.event[:0], s.data[:0], 0, false
			continue
		case "event":
			s.event = append(s.event[:0], value...)
		case "data":
			if s.lines++; s.lines > 1 {
				s.data = append(s.data, '\n')
			}
			s.data = append(s.data, value...)
		case "id":
			if s.cursor, err = ParseCursor("id", string(value)); err != nil {
				return Frame{}, nacre.Errorf(nacre.CodeInternal, "the server's stream: %w", err)
			}
		}
		inside = true
	}
}

// line reads a line's name and value; an empty line has neither, a comment has only a value.
func (s *SSEReader) line() (name, value []byte, err error) {
	var long []byte
	text, err := s.r.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		if long = append(long, text...); len(long)+len(s.data) > s.max {
			break
		}
		text, err = s.r.ReadSlice('\n')
	}
	if long != nil {
		text = append(long, text...)
	}
	switch {
	case len(text)+len(s.data) > s.max:
		return nil, nil, nacre.Errorf(nacre.CodeTooLarge, "the server's stream has a frame of more than %d bytes", s.max)
	case errors.Is(err, io.EOF) && len(text) > 0:
		return nil, nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, nil, err
	}
	text = bytes.TrimSuffix(text[:len(text)-1], []byte("\r"))
	if len(text) == 0 {
		return nil, nil, nil
	}
	name, value, _ = bytes.Cut(text, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	if value == nil {
		value = []byte{}
	}
	return name, value, nil
}

// frame is what the lines up to an empty one were; ok is false for one that is passed over.
func (s *SSEReader) frame() (f Frame, ok bool) {
	if s.lines == 0 {
		return Frame{}, false
	}
	switch string(s.event) {
	case "", "message":
		return Frame{Kind: FrameEvent, Line: s.data, Cursor: s.cursor}, true
	case sseCaughtUp:
		return Frame{Kind: FrameCaughtUp, Cursor: s.cursor}, true
	case sseError:
		return Frame{Kind: FrameError, Err: ParseError(500, s.data)}, true
	}
	return Frame{}, false
}
