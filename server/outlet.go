package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/nacredb/nacre"
)

var (
	// errLeft ends a follower whose client has gone.
	errLeft = errors.New("the client left")
	// errStalled ends a follower whose client has read nothing for the time that it may.
	errStalled = errors.New("the client reads nothing")
)

const (
	// farewell is how long a follower that is ended may take to be told why.
	farewell = 2 * time.Second
	// socketBuffer is what the system keeps of a follower's frames. It is the only queue there is: a client
	// that reads slowly holds its follower back by it.
	socketBuffer = 128 << 10
	// smallBuffer is for both directions of a connection that idles.
	smallBuffer = 256
	// keptBuffer is the largest buffer of frames that is kept for the next who needs one.
	keptBuffer = 64 << 10
)

// outlet is a connection that bytes go out by. A write blocks as long as its client goes on to read.
type outlet interface {
	io.Writer
	// interrupt makes a write that blocks, and all that follow, fail within the time of a farewell.
	interrupt()
	// broken tells that a write failed, so that the client cannot be told anything.
	broken() bool
}

// deadlines bound the writes of an outlet.
type deadlines struct {
	set     func(time.Time) error
	timeout time.Duration

	mu     sync.Mutex
	at     time.Time // the deadline of the write under way
	last   time.Time // when it was interrupted, the deadline of everything
	failed bool
}

// next is for another write.
func (d *deadlines) next() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = time.Now().Add(d.timeout) //nolint:forbidigo // a connection's deadline is in the machine's time
	if !d.last.IsZero() && d.last.Before(d.at) {
		d.at = d.last
	}
	// Where the connection has no deadlines, there is nothing to move.
	_ = d.set(d.at)
}

// rest takes the deadline away from a connection that idles, where passing it would end more than a write.
func (d *deadlines) rest() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last.IsZero() {
		_ = d.set(time.Time{})
	}
}

func (d *deadlines) interrupt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last.IsZero() {
		d.last = time.Now().Add(farewell) //nolint:forbidigo // a connection's deadline is in the machine's time
		_ = d.set(d.last)
	}
}

// ended tells whether the time that an interruption left is over.
func (d *deadlines) ended() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.last.IsZero() && !time.Now().Before(d.last) //nolint:forbidigo // as above
}

// fail says what a write that failed tells of the client: that its time was over before the follower was told
// to end, or that it is gone. The error does not say, since HTTP/2 resets a stream that is late, and ends its
// request.
func (d *deadlines) fail() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = true
	late := !time.Now().Before(d.at) //nolint:forbidigo // as above
	if late && (d.last.IsZero() || !d.last.Add(-farewell).Before(d.at)) {
		return errStalled
	}
	return errLeft
}

func (d *deadlines) broken() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// socket is an outlet that is a connection of its own.
type socket struct {
	net.Conn
	deadlines
}

func newSocket(conn net.Conn, timeout time.Duration) *socket {
	s := &socket{Conn: conn, deadlines: deadlines{set: conn.SetWriteDeadline, timeout: timeout}}
	under := conn
	for {
		wrapped, ok := under.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		under = wrapped.NetConn()
	}
	if tcp, ok := under.(*net.TCPConn); ok {
		// A larger one is as good, it only costs the system more.
		_ = tcp.SetWriteBuffer(socketBuffer)
	}
	return s
}

// Write goes on as long as anything goes out within the time-out.
func (s *socket) Write(p []byte) (int, error) {
	written := 0
	for {
		s.next()
		n, err := s.Conn.Write(p[written:])
		written += n
		if err == nil {
			return written, nil
		}
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) || s.ended() {
			return written, s.fail()
		}
	}
}

// drain reads what a client that has nothing to say may send, until it leaves.
func (s *socket) drain() error {
	var scrap [smallBuffer]byte
	for left := 64 << 10; left > 0; {
		n, err := s.Read(scrap[:])
		if err != nil {
			return errLeft
		}
		left -= n
	}
	return nacre.Errorf(nacre.CodeTooLarge, "the client sends on a stream that only the server writes to")
}

// replySocket is an outlet that is a reply of net/http's: where the connection is not the follower's own, as
// with HTTP/2.
type replySocket struct {
	w       http.ResponseWriter
	control *http.ResponseController
	deadlines
}

func newReplySocket(w http.ResponseWriter, timeout time.Duration) *replySocket {
	control := http.NewResponseController(w)
	return &replySocket{w: w, control: control, deadlines: deadlines{set: control.SetWriteDeadline, timeout: timeout}}
}

func (s *replySocket) Write(p []byte) (int, error) {
	s.next()
	n, err := s.w.Write(p)
	if err == nil {
		err = s.control.Flush()
	}
	if err != nil {
		return n, s.fail()
	}
	s.rest()
	return n, nil
}

// takeOver makes the request's connection the follower's own, after a reply's head has been sent on it. What
// net/http keeps for a connection, buffers and a goroutine, goes when the handler returns. ahead is what the
// client has sent already. http.ErrNotSupported says that this cannot be done, and nothing has been sent.
func takeOver(w http.ResponseWriter, status int, header http.Header, timeout time.Duration) (s *socket, ahead []byte, err error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	// The times that net/http set for the request are no longer true.
	_ = conn.SetDeadline(time.Time{})
	if n := buffered.Reader.Buffered(); n > 0 {
		peeked, _ := buffered.Reader.Peek(n)
		ahead = bytes.Clone(peeked)
	}
	s = newSocket(conn, timeout)
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 " + itoa(status) + " " + http.StatusText(status) + "\r\n")
	if err = header.Write(&head); err == nil {
		head.WriteString("\r\n")
		_, err = s.Write(head.Bytes())
	}
	if err != nil {
		_ = conn.Close()
		return nil, nil, errLeft
	}
	return s, ahead, nil
}

// frameBuffers are for frames on their way; who idles has none.
var frameBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, framesAtOnce+4<<10)
	return &b
}}

// frames is a buffer that is there while something is in it.
type frames struct{ buf *[]byte }

func (f *frames) bytes() *[]byte {
	if f.buf == nil {
		f.buf = frameBuffers.Get().(*[]byte)
	}
	return f.buf
}

func (f *frames) len() int {
	if f.buf == nil {
		return 0
	}
	return len(*f.buf)
}

func (f *frames) free() {
	if f.buf == nil {
		return
	}
	if cap(*f.buf) <= keptBuffer {
		*f.buf = (*f.buf)[:0]
		frameBuffers.Put(f.buf)
	}
	f.buf = nil
}

// staged is what a library writes its frames to: they wait in memory until the follower sends them, so that
// the library never blocks, nor ends the connection because of a client that is slow.
type staged struct {
	*socket
	ahead []byte        // what the client sent before the connection was taken over
	put   chan struct{} // has one where something waits for the follower

	lock   sync.Mutex
	ready  frames
	direct bool // the follower is gone: what is written goes out at once
}

func newStaged(s *socket, ahead []byte) *staged {
	return &staged{socket: s, ahead: ahead, put: make(chan struct{}, 1)}
}

// Read implements net.Conn.
func (s *staged) Read(p []byte) (int, error) {
	if len(s.ahead) > 0 {
		n := copy(p, s.ahead)
		s.ahead = s.ahead[n:]
		return n, nil
	}
	return s.socket.Read(p)
}

// Write implements net.Conn. It does not block before straight.
func (s *staged) Write(p []byte) (int, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.direct {
		return s.socket.Write(p)
	}
	b := s.ready.bytes()
	*b = append(*b, p...)
	select {
	case s.put <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (s *staged) buffered() int {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.ready.len()
}

// flush sends what waits.
func (s *staged) flush() error {
	s.lock.Lock()
	out := s.ready
	s.ready = frames{}
	select {
	case <-s.put:
	default:
	}
	s.lock.Unlock()
	if out.len() == 0 {
		return nil
	}
	defer out.free()
	_, err := s.socket.Write(*out.bytes())
	return err
}

// straight sends what waits, and from then on everything at once.
func (s *staged) straight() error {
	s.lock.Lock()
	s.direct = true
	s.lock.Unlock()
	return s.flush()
}

// Close sends what waits, an answer to a closing client perhaps, and closes the connection.
func (s *staged) Close() error {
	s.interrupt()
	if !s.broken() {
		_ = s.straight() // who is gone needs no answer
	}
	return s.socket.Close()
}
