package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// bareRelay writes what it is given to every WebSocket that it has, and does nothing else: no log, no cursor, nothing
// for a client that is slow. It is the limit of what a server can do that writes the same frames with the same library.
type bareRelay struct {
	mu    sync.Mutex
	conns []*websocket.Conn
}

func (b *bareRelay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		frame, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, c := range b.conns {
			if err := c.Write(r.Context(), websocket.MessageText, frame); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		return
	}
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return
	}
	b.mu.Lock()
	b.conns = append(b.conns, c)
	b.mu.Unlock()
	for {
		if _, _, err := c.Read(context.Background()); err != nil {
			return
		}
	}
}

// relay is what a child does that is a bare relay, until its input ends.
func (*task) relay(t *told) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	t.URL = "http://" + listener.Addr().String()
	if err := json.NewEncoder(os.Stdout).Encode(t); err != nil {
		return err
	}
	s := &http.Server{Handler: &bareRelay{}, ReadHeaderTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = s.Close()
	}()
	if err := s.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}
