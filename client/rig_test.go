package client_test

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
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

// backend keeps each store in a folder, or in memory where it has none.
type backend struct {
	dir string

	mu   sync.Mutex
	made map[string]bool // in memory
}

func (b *backend) Names(context.Context) ([]string, error) { return nil, nil }

func (b *backend) Open(_ context.Context, name string) (*nacre.Store, error) {
	if b.dir == "" {
		return nil, nacre.Errorf(wire.CodeStoreNotFound, "there is no store %q", name)
	}
	if _, err := os.Stat(filepath.Join(b.dir, name)); err != nil {
		return nil, nacre.Errorf(wire.CodeStoreNotFound, "there is no store %q", name)
	}
	return filestore.Open(filepath.Join(b.dir, name), nil)
}

func (b *backend) Create(_ context.Context, name string) (*nacre.Store, error) {
	if b.dir != "" {
		return filestore.Open(filepath.Join(b.dir, name), nil)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.made[name] {
		return nil, nacre.Errorf(wire.CodeStoreExists, "there is a store %q", name)
	}
	b.made[name] = true
	return memstore.Open(nil), nil
}

func (b *backend) Delete(_ context.Context, name string) error {
	if b.dir != "" {
		return os.RemoveAll(filepath.Join(b.dir, name))
	}
	return nil
}

// rig is a server on a loopback port.
type rig struct {
	url  string
	stop func() // once
}

// serve starts a server of stores in a folder, or in memory.
func serve(t testing.TB, dir string) *rig {
	t.Helper()
	s, err := server.New(&server.Options{Backend: &backend{dir: dir, made: map[string]bool{}}, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(s.Handler())
	r := &rig{url: listening.URL}
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
