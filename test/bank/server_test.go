package bank_test

import (
	"context"
	"maps"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/test/soak"
	"github.com/nacredb/nacre/wire"
)

// oneStore is a server's only store, in a folder.
type oneStore struct{ dir string }

func (b oneStore) Names(context.Context) ([]string, error) { return []string{server.DefaultStore}, nil }

func (b oneStore) Open(context.Context, string) (*nacre.Store, error) {
	return filestore.Open(filepath.Join(b.dir, server.DefaultStore), nil)
}

func (b oneStore) Create(_ context.Context, name string) (*nacre.Store, error) {
	return nil, nacre.Errorf(wire.CodeStoreExists, "there is a store %q", name)
}

func (b oneStore) Delete(_ context.Context, name string) error {
	return nacre.Errorf(wire.CodeStoreNotFound, "the store %q stays", name)
}

// serve serves a store on a loopback port, and gives its address.
func serve(t *testing.T) string {
	t.Helper()
	s, err := server.New(&server.Options{Backend: oneStore{t.TempDir()}, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		listening.CloseClientConnections()
		listening.Close()
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return listening.URL
}

// Two processes at a time move the money of one server: both decide on the same accounts, and of both managers and
// tables one is at work. One of the two is killed, and another one takes its place.
func TestMoneyOutlivesKilledTellersOfAServer(t *testing.T) {
	random := soak.Seeded(t, "./test/bank")
	where, tables := serve(t), filepath.Join(t.TempDir(), "balances.db")
	requested := map[string]bool{}
	tellers := []*teller{startTeller(t, where, tables, random.Uint64()), nil}
	for i := range soak.Rounds(t, 6) {
		tellers[(i+1)%2] = startTeller(t, where, tables, random.Uint64())
		time.Sleep(time.Duration(100+random.IntN(500)) * time.Millisecond)
		maps.Copy(requested, tellers[i%2].kill())
		tellers[i%2] = nil
	}
	for _, x := range tellers {
		if x != nil {
			maps.Copy(requested, x.kill())
		}
	}
	if !t.Failed() {
		audit(t, where, tables, requested)
	}
}
