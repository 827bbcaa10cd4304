package wire

import "io"

// SSEComment keeps a connection alive.
const SSEComment = ":\n\n"

// AppendSSEEvent appends an event's frame; the cursor is the event's position with the log's epoch.
func AppendSSEEvent(dst []byte, c Cursor, line []byte) []byte { panic("later") }

// AppendSSECaughtUp appends the frame that says: everything up to the cursor has been sent.
func AppendSSECaughtUp(dst []byte, c Cursor) []byte { panic("later") }

// AppendSSEError appends the frame that ends a stream; body is FromError's.
func AppendSSEError(dst, body []byte) []byte { panic("later") }

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
	// Touched, where set, is called for whatever arrives, comments included: for a client's watchdog.
	Touched func()

	r io.Reader
}

// NewSSEReader reads from r frames of at most maxFrame bytes; 0 is 4 MiB.
func NewSSEReader(r io.Reader, maxFrame int) *SSEReader { panic("later") }

// Next is the next frame; io.EOF where the stream ends between two frames, io.ErrUnexpectedEOF inside of
// one; CodeTooLarge for a frame beyond the bound.
func (s *SSEReader) Next() (Frame, error) { panic("later") }
