package server_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

// stranger is a connection that does not keep to what clients do.
type stranger struct {
	net.Conn
	mu    sync.Mutex
	heard strings.Builder
}

// dial connects, with bounded room for what is not read.
func dial(t *testing.T, address string) *stranger {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(256 << 10); err != nil {
		t.Fatal(err)
	}
	return &stranger{Conn: conn}
}

// say writes; that it fails shows in what is heard.
func (s *stranger) say(text string) bool {
	_, err := io.WriteString(s, text)
	return err == nil
}

// hear reads until a text has come.
func (s *stranger) hear(t *testing.T, text string) {
	t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(patience))
	var part [512]byte
	for !strings.Contains(s.told(), text) {
		n, err := s.Read(part[:])
		s.note(part[:n])
		if err != nil {
			t.Fatalf("%q did not come but %q: %v", text, s.told(), err)
		}
	}
}

func (s *stranger) note(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heard.Len() < 4<<10 {
		s.heard.Write(p)
	}
}

func (s *stranger) told() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard.String()
}

// gone reads what there is, and expects the server to have ended the connection, or to do so soon.
func (s *stranger) gone(t *testing.T) {
	t.Helper()
	if err := s.rest(time.Now().Add(patience)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection is still there; heard was %.300q", s.told())
	}
}

// rest reads to the end, which it returns, or to a deadline.
func (s *stranger) rest(deadline time.Time) error {
	_ = s.SetReadDeadline(deadline)
	part := make([]byte, 32<<10)
	for {
		n, err := s.Read(part)
		s.note(part[:n])
		if err != nil {
			return err
		}
	}
}

// count reads what there is to the end, and tells whether it ends as a whole answer does.
func (s *stranger) count() (n int, whole bool) {
	_ = s.SetReadDeadline(time.Now().Add(patience))
	part := make([]byte, 64<<10)
	last := ""
	for {
		k, err := s.Read(part)
		n += k
		last += string(part[max(0, k-5):k])
		last = last[max(0, len(last)-5):]
		if err != nil {
			return n, last == "0\r\n\r\n"
		}
	}
}

// fill appends events of 100 kB each until the log has so many bytes.
func fill(t *testing.T, s *nacre.Store, bytes int) {
	t.Helper()
	const each = 100_000
	for n := 0; n < bytes; n += 10 * each {
		events := make([]nacre.Event, 10)
		for i := range events {
			events[i] = nacre.NewEvent("large", strings.Repeat("x", each))
		}
		if _, err := s.Append(t.Context(), "fill-1", nacre.Any, events...); err != nil {
			t.Fatal(err)
		}
	}
}
