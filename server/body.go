package server

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/nacredb/nacre"
)

// keptBody is the largest buffer that is kept for the next request.
const keptBody = 1 << 20

// firstRoom is how much of what is announced is believed.
const firstRoom = 64 << 10

// buffers are for bodies and replies.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, 8<<10)
	return &b
}}

func takeBuffer() *[]byte { return buffers.Get().(*[]byte) }

func giveBuffer(b *[]byte) {
	if cap(*b) > keptBody {
		return
	}
	*b = (*b)[:0]
	buffers.Put(b)
}

// body reads the request's body behind what the buffer has, whatever its type is called. Memory grows with
// what has arrived, not with what was announced.
func (x *exchange) body(into *[]byte, most int64) error {
	announced := x.r.ContentLength
	if announced > most {
		return tooLargeBody(announced, most)
	}
	if announced == 0 {
		return nil
	}
	dst := slices.Grow(*into, int(min(max(announced, 0), firstRoom)))
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		room := dst[len(dst):min(int64(cap(dst)), most+1)]
		n, err := x.r.Body.Read(room)
		dst = dst[:len(dst)+n]
		*into = dst
		switch {
		case int64(len(dst)) > most:
			return tooLargeBody(-1, most)
		case errors.Is(err, io.EOF), err == nil && announced > 0 && int64(len(dst)) == announced:
			// From here on the connection is watched without a deadline, which is how a client that leaves is seen.
			x.awaitBody(time.Time{})
			return nil
		case err != nil:
			return bodyError(err)
		}
		x.awaitBody(x.bodyDeadline(len(dst)))
	}
}

// decoded reads and decodes the body of a request that takes no parameters.
func decoded[T any](x *exchange, decode func([]byte) (T, error)) (T, error) {
	if err := x.noQuery(); err != nil {
		var none T
		return none, err
	}
	return decodedBody(x, decode)
}

// decodedBody reads and decodes a request's body. What decode gives shares no memory with it.
func decodedBody[T any](x *exchange, decode func([]byte) (T, error)) (T, error) {
	body := takeBuffer()
	defer giveBuffer(body)
	if err := x.body(body, x.s.o.MaxBodyBytes); err != nil {
		var none T
		return none, err
	}
	return decode(*body)
}

// leastPace is how many bytes of a body must arrive in a second, on the average, once ReadTimeout is over: who
// sends a byte now and then would hold his connection for as long as he likes.
const leastPace = 1 << 10

// bodyDeadline is when the next part of the body must be there, of which so much has arrived.
func (x *exchange) bodyDeadline(arrived int) time.Time {
	now := time.Now() //nolint:forbidigo // a connection's deadline is in the machine's time
	if x.bodyBegun.IsZero() {
		x.bodyBegun = now
	}
	next := now.Add(x.s.o.ReadTimeout)
	behind := x.bodyBegun.Add(x.s.o.ReadTimeout + time.Duration(arrived)*(time.Second/leastPace))
	if behind.Before(next) {
		return behind
	}
	return next
}

// awaitBody bounds how long the body may pause: while a handler reads it, and while net/http reads what a
// handler has left of it.
func (x *exchange) awaitBody(until time.Time) {
	// Where the connection has no deadlines, there is nothing to set.
	_ = x.control.SetReadDeadline(until)
}

func tooLargeBody(announced, most int64) error {
	e := nacre.Errorf(nacre.CodeTooLarge, "has more than %d bytes, the most that are taken: send it in parts", most)
	if announced >= 0 {
		e = nacre.Errorf(nacre.CodeTooLarge, "has %d bytes, at most %d are taken: send it in parts", announced, most)
	}
	e.Field = "body"
	return e
}

func bodyError(err error) error {
	var late interface{ Timeout() bool }
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &late) && late.Timeout():
		return nacre.Errorf(nacre.CodeDeadline, "the request's body did not arrive in time")
	case errors.As(err, &tooLarge):
		return tooLargeBody(-1, tooLarge.Limit)
	}
	return &nacre.Error{Code: nacre.CodeInvalid, Field: "body", Message: "broke off", Err: err}
}
