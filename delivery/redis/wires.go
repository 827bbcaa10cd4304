package redis

import (
	"context"
	"errors"
	"net"
	"sync"
)

var errClosed = errors.New("the sender is closed")

// wires are the connections below a client, so that they can all be cut at once: the client has no way to end what waits
// for a server that does not answer.
type wires struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	//nolint:containedctx // it ends what outlives a Send: a connection that is being made
	life context.Context
	end  context.CancelFunc

	mutex sync.Mutex
	open  map[*wire]struct{}
}

func newWires(dial func(ctx context.Context, network, address string) (net.Conn, error)) *wires {
	w := &wires{dial: dial, open: map[*wire]struct{}{}}
	w.life, w.end = context.WithCancel(context.Background())
	return w
}

// connect makes a connection that cut ends.
func (w *wires) connect(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.life, cancel)() //nolint:contextcheck // Close ends it as well
	conn, err := w.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	made := &wire{Conn: conn, of: w}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.life.Err() != nil {
		return nil, errors.Join(errClosed, conn.Close())
	}
	w.open[made] = struct{}{}
	return made, nil
}

// cut ends all connections, and those that are being made.
func (w *wires) cut() {
	w.end()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for made := range w.open {
		_ = made.Conn.Close() // whoever uses it is told
	}
	clear(w.open)
}

// wire is a connection that is one of the open ones until it is closed.
type wire struct {
	net.Conn
	of *wires
}

// Close implements net.Conn.
func (w *wire) Close() error {
	w.of.mutex.Lock()
	delete(w.of.open, w)
	w.of.mutex.Unlock()
	return w.Conn.Close()
}
