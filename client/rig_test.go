package client_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend keeps each store in a folder, or in memory where it has none. Every store is there, and empty at
// first: a server that makes a store notes that in the companion log.
type backend struct{ dir string }

func (b *backend) Names(context.Context) ([]string, error) { return []string{"default"}, nil }

func (b *backend) Open(_ context.Context, name string) (*nacre.Store, error) {
	if b.dir == "" {
		return memstore.Open(nil), nil
	}
	return filestore.Open(filepath.Join(b.dir, name), nil)
}

func (b *backend) Create(_ context.Context, name string) (*nacre.Store, error) {
	return nil, nacre.Errorf(wire.CodeStoreExists, "there is a store %q", name)
}

func (b *backend) Delete(_ context.Context, name string) error {
	return nacre.Errorf(wire.CodeStoreNotFound, "there is no store %q", name)
}

// rig is a server on a loopback port.
type rig struct {
	url         string
	stop        func()       // once
	connections atomic.Int64 // that were made
}

// serve starts a server of stores in a folder, or in memory.
func serve(t testing.TB, dir string) *rig {
	t.Helper()
	s, err := server.New(&server.Options{Backend: &backend{dir: dir}, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{}
	listening := httptest.NewUnstartedServer(s.Handler())
	listening.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			r.connections.Add(1)
		}
	}
	listening.Start()
	r.url = listening.URL
	r.stop = sync.OnceFunc(func() {
		listening.CloseClientConnections()
		listening.Close()
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("the server's Close: %v", err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// open opens the default store of a server, and closes it at the test's end.
func open(t testing.TB, url string, o *client.Options) *nacre.Store {
	t.Helper()
	s, err := client.Open(url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}
