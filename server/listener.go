package server

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// limitedListener bounds how many connections are open. One too many is taken and told so, since a client
// that is left waiting does not know why; where TLS is spoken it is closed.
type limitedListener struct {
	net.Listener
	most  int64
	plain bool

	open, refusing atomic.Int64
}

// mostRefused is how many connections are being refused with an answer; more are closed.
const mostRefused = 64

// Accept gives the next connection that is within the bound.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.most {
			return &countedConn{Conn: conn, l: l}, nil
		}
		l.open.Add(-1)
		if !l.plain || l.refusing.Add(1) > mostRefused {
			if l.plain {
				l.refusing.Add(-1)
			}
			_ = conn.Close()
			continue
		}
		go l.refuse(conn)
	}
}

// refuse answers a connection before its request has been read, and waits a little for the client to see it:
// closing a connection that has bytes unread would take the answer back.
func (l *limitedListener) refuse(conn net.Conn) {
	defer l.refusing.Add(-1)
	defer conn.Close()                                //nolint:errcheck // there is nobody to tell
	_ = conn.SetDeadline(time.Now().Add(refusalTime)) //nolint:forbidigo // a connection's deadline is in the machine's time
	if _, err := conn.Write(tooManyConnections()); err != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(conn, 64<<10))
}

// tooManyConnections is a whole reply.
var tooManyConnections = sync.OnceValue(func() []byte {
	status, body := wire.FromError(nacre.Errorf(wire.CodeTooManyConnections,
		"the server has as many connections as it takes: close some, or try again"))
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d Service Unavailable\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s: 1\r\nConnection: close\r\n\r\n",
		status, wire.TypeJSON, len(body), wire.HeaderRetryAfter)
	b.Write(body)
	return b.Bytes()
})

// countedConn counts itself out when it is closed.
type countedConn struct {
	net.Conn
	l    *limitedListener
	once sync.Once
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.once.Do(func() { c.l.open.Add(-1) })
	return c.Conn.Close()
}

// NetConn gives the connection as it was accepted.
func (c *countedConn) NetConn() net.Conn { return c.Conn }

// CloseWrite lets net/http close the sending half, so that a last reply is not taken back.
func (c *countedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
