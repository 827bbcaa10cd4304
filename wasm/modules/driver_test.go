package modules_test

import (
	"context"
	"iter"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/memstore"
)

// memory is a driver in memory of which a test may change what it does.
type memory struct {
	keeper
	companion *companion

	mu   sync.Mutex
	put  func(key string) // called before a blob is put; nil does nothing
	read func()           // called before events are read; nil does nothing
}

type keeper interface {
	companionLog
	nacre.BlobKeeper
}

type companionLog interface {
	nacre.Driver
	nacre.StreamLister
}

// system is the companion log of a store in memory.
func system(t *testing.T, d nacre.Driver) companionLog {
	t.Helper()
	c, ok := d.(nacre.Companion)
	if !ok {
		t.Fatal("the driver has no companion log")
	}
	return c.System().(companionLog)
}

func newMemory(t *testing.T) *memory {
	t.Helper()
	d := memstore.Open(nil).Driver()
	return &memory{keeper: d.(keeper), companion: &companion{companionLog: system(t, d), changed: make(chan struct{})}}
}

func (m *memory) System() nacre.Driver { return m.companion }

func (m *memory) PutBlob(ctx context.Context, key string, data []byte) error {
	m.mu.Lock()
	put := m.put
	m.mu.Unlock()
	if put != nil {
		put(key)
	}
	return m.keeper.PutBlob(ctx, key, data)
}

// onPut has f called before each blob is put.
func (m *memory) onPut(f func(key string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put = f
}

// onRead has f called before events are read.
func (m *memory) onRead(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.read = f
}

func (m *memory) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	m.mu.Lock()
	read := m.read
	m.mu.Unlock()
	if read != nil {
		read()
	}
	return m.keeper.Read(ctx, f, o)
}

// companion is a companion log that cannot be read while it is broken, and can become another one.
type companion struct {
	mu sync.Mutex
	companionLog
	broken  error
	changed chan struct{} // closed when it becomes another one
}

func (c *companion) breaks(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = err
}

// becomes puts another log in the place of this one, as a server does that is restored from a backup.
func (c *companion) becomes(other companionLog) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.companionLog = other
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *companion) present() (companionLog, chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.companionLog, c.changed, c.broken
}

func (c *companion) Append(ctx context.Context, batch []nacre.Append, condition *nacre.Condition) ([]nacre.Appended, error) {
	l, _, _ := c.present()
	return l.Append(ctx, batch, condition)
}

func (c *companion) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	l, _, err := c.present()
	if err != nil {
		return func(yield func(nacre.Event, error) bool) { yield(nacre.Event{}, err) }
	}
	return l.Read(ctx, f, o)
}

func (c *companion) Head(ctx context.Context) (nacre.Head, error) {
	l, _, _ := c.present()
	return l.Head(ctx)
}

func (c *companion) Wait(ctx context.Context, after nacre.Position) error {
	l, changed, _ := c.present()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	another := false
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-changed:
			another = true
			cancel()
		case <-ctx.Done():
		}
	})
	err := l.Wait(ctx, after)
	cancel()
	wg.Wait()
	if another {
		return nil
	}
	return err
}

func (c *companion) Streams(ctx context.Context, q nacre.StreamQuery) iter.Seq2[nacre.StreamInfo, error] {
	l, _, _ := c.present()
	return l.Streams(ctx, q)
}
