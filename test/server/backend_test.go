package server_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/wire"
)

// folder is a backend of the one store that a directory is.
type folder string

func (f folder) Names(context.Context) ([]string, error) { return []string{server.DefaultStore}, nil }

func (f folder) Open(_ context.Context, name string) (*nacre.Store, error) {
	if name != server.DefaultStore {
		return nil, nacre.Errorf(wire.CodeStoreNotFound, "there is no event store %q", name)
	}
	return filestore.Open(filepath.Join(string(f), name), nil)
}

func (f folder) Create(_ context.Context, name string) (*nacre.Store, error) {
	return nil, nacre.Errorf(wire.CodeStoreExists, "no event store %q can be made", name)
}

func (f folder) Delete(_ context.Context, name string) error {
	return os.RemoveAll(filepath.Join(string(f), name))
}

// closings are the clients whose connections the server has closed.
type closings struct{ clients sync.Map }

func (c *closings) has(client net.Addr) bool {
	_, there := c.clients.Load(client.String())
	return there
}

// watched is a listener that knows which of its connections were closed.
type watched struct {
	net.Listener
	closed *closings
}

func (w *watched) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &watchedConn{conn.(*net.TCPConn), w.closed}, nil
}

type watchedConn struct {
	*net.TCPConn
	closed *closings
}

func (c *watchedConn) NetConn() net.Conn { return c.TCPConn }

func (c *watchedConn) Close() error {
	c.closed.clients.Store(c.RemoteAddr().String(), true)
	return c.TCPConn.Close()
}

// serve runs a server in this process, and gives its address. It is stopped at the end, and is to stop well.
func serve(t *testing.T, o *server.Options) (address string, closed *closings) {
	t.Helper()
	if o.Backend == nil {
		o.Backend = folder(t.TempDir())
	}
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	closed = &closings{}
	go func() { done <- s.Serve(ctx, &watched{ln, closed}) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String(), closed
}
