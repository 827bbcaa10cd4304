package server

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wire"
)

// memory is a backend of stores in memory. What a closed store had is gone.
type memory struct {
	mu     sync.Mutex
	names  map[string]bool
	opened map[string]int
	fail   map[string]error               // what opening a store comes to
	slow   chan struct{}                  // where set, opening waits for it
	make   func(name string) *nacre.Store // nil is memstore
}

func newMemory(names ...string) *memory {
	m := &memory{names: map[string]bool{}, opened: map[string]int{}, fail: map[string]error{}}
	for _, name := range names {
		m.names[name] = true
	}
	return m
}

func (m *memory) Names(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.names)), nil
}

func (m *memory) Open(_ context.Context, name string) (*nacre.Store, error) {
	if m.slow != nil {
		<-m.slow
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.names[name] {
		return nil, noStore(name)
	}
	m.opened[name]++
	if err := m.fail[name]; err != nil {
		return nil, err
	}
	return m.store(name), nil
}

func (m *memory) store(name string) *nacre.Store {
	if m.make != nil {
		return m.make(name)
	}
	return memstore.Open(nil)
}

func (m *memory) Create(_ context.Context, name string) (*nacre.Store, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names[name] {
		return nil, nacre.Errorf(wire.CodeStoreExists, "there is a store %q", name)
	}
	m.names[name] = true
	m.opened[name]++
	return m.store(name), nil
}

func (m *memory) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.names[name] {
		return noStore(name)
	}
	delete(m.names, name)
	return nil
}

// folders is a backend of stores in folders.
type folders struct{ dir string }

func (f folders) Names(context.Context) ([]string, error) {
	entries, err := os.ReadDir(f.dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (f folders) Open(_ context.Context, name string) (*nacre.Store, error) {
	if _, err := os.Stat(filepath.Join(f.dir, name)); err != nil {
		return nil, noStore(name)
	}
	return filestore.Open(filepath.Join(f.dir, name), nil)
}

func (f folders) Create(_ context.Context, name string) (*nacre.Store, error) {
	if _, err := os.Stat(filepath.Join(f.dir, name)); err == nil {
		return nil, nacre.Errorf(wire.CodeStoreExists, "there is a store %q", name)
	}
	return filestore.Open(filepath.Join(f.dir, name), nil)
}

func (f folders) Delete(_ context.Context, name string) error {
	if _, err := os.Stat(filepath.Join(f.dir, name)); err != nil {
		return noStore(name)
	}
	return os.RemoveAll(filepath.Join(f.dir, name))
}

// eachBackend runs a test against stores in memory and in folders.
func eachBackend(t *testing.T, test func(t *testing.T, b Backend)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, newMemory())
	})
	t.Run("folders", func(t *testing.T) {
		t.Parallel()
		test(t, folders{t.TempDir()})
	})
}
