package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

// peer is a server, and how requests are sent to it.
type peer struct {
	url       string // for people: it has no secret
	timeout   time.Duration
	retries   int
	firstWait time.Duration
	header    http.Header // of every request
	carrier   http.RoundTripper
	shared    bool          // the carrier is known to leave a request's header alone
	slots     chan struct{} // of appends on their way
}

// request is what is asked; it may be sent again and again.
type request struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
	again  func() (io.ReadCloser, error) // gives the body anew; nil is made
}

// reader is the body as net/http knows it: it sends one of this type with the header, in one write.
func reader(body []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }

// send makes one attempt. The context must live until the reply's body has been read.
func (p *peer) send(ctx context.Context, r *request) (*http.Response, error) {
	req := &http.Request{
		Method: r.method, URL: r.url, Host: r.url.Host, Header: r.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if !p.shared {
		req.Header = r.header.Clone()
	}
	if len(r.body) > 0 {
		req.Body, req.ContentLength, req.GetBody = reader(r.body), int64(len(r.body)), r.again
		if r.again == nil {
			req.GetBody = func() (io.ReadCloser, error) { return reader(r.body), nil }
		}
	}
	return p.carrier.RoundTrip(req.WithContext(ctx))
}

// errSlow is the cause of an attempt's end that took as long as one may.
var errSlow = errors.New("no answer in time")

// exchange makes one attempt, and gives the reply's whole body, in dst where it fits.
func (p *peer) exchange(ctx context.Context, r *request, dst []byte, timeout time.Duration) ([]byte, *failure) {
	limited, cancel := context.WithTimeoutCause(ctx, timeout, errSlow)
	defer cancel()
	resp, err := p.send(limited, r)
	if err != nil {
		return nil, p.broken(ctx, limited, err)
	}
	defer func() { _ = resp.Body.Close() }() // it has been read, or is of no use
	if resp.StatusCode/100 != 2 {
		return nil, p.refused(ctx, limited, resp)
	}
	body, err := readAll(dst, resp.Body, resp.ContentLength)
	if err != nil {
		return nil, p.broken(ctx, limited, err)
	}
	return body, nil
}

// maxPresized is the most that is made room for because a reply says that it will be as long.
const maxPresized = 16 << 20

// readAll reads up to the end, which net/http must have seen to use a connection again.
func readAll(dst []byte, r io.Reader, length int64) ([]byte, error) {
	dst = dst[:0]
	if length >= int64(cap(dst)) {
		dst = make([]byte, 0, min(length, maxPresized)+1)
	}
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return nil, err
		}
	}
}
