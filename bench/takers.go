package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre/delivery"
)

// taker is a kind whose receiver is a function.
type taker struct{ take func() }

const takerName = "taker"

func (*taker) Name() string                                             { return takerName }
func (*taker) Check(config, _ json.RawMessage) (json.RawMessage, error) { return config, nil }
func (*taker) Same(a, b json.RawMessage) bool                           { return string(a) == string(b) }
func (*taker) Public(config json.RawMessage) json.RawMessage            { return config }
func (k *taker) Open(json.RawMessage) (delivery.Sender, error)          { return k, nil }
func (*taker) Close() error                                             { return nil }

func (k *taker) Send(context.Context, *delivery.Batch) (delivery.Receipt, error) {
	k.take()
	return delivery.Receipt{}, nil
}

// receive serves a receiver of webhooks on the loopback, which answers at once.
func receive(ctx context.Context, take func()) (url string, end func() error, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nothing, err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			take()
		}
		w.WriteHeader(http.StatusNoContent)
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	return "http://" + l.Addr().String(), func() error {
		err := server.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

// tally counts up to a number.
type tally struct {
	want, got int64
	done      chan struct{}
}

func newTally(want int) *tally { return &tally{want: int64(want), done: make(chan struct{})} }

func (t *tally) add() {
	if atomic.AddInt64(&t.got, 1) == t.want {
		close(t.done)
	}
}

// wait waits until everything is there.
func (t *tally) wait(ctx context.Context) error {
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d of %d events were delivered: %w", atomic.LoadInt64(&t.got), t.want, context.Cause(ctx))
	}
}
