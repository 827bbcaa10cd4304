package delivery_test

import (
	"context"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
)

// hooks are called around a store's calls; nil ones do nothing.
type hooks struct {
	before func(b []nacre.Append) error // an append to the companion log, which is not done where it fails
	after  func(b []nacre.Append) error // one that was done
	read   func(system bool, o *nacre.ReadOptions)
}

// hooked is a driver that calls hooks.
type hooked struct {
	nacre.Driver
	nacre.BlobKeeper
	on     *hooks
	system bool
}

func hook(raw *nacre.Store, on *hooks) *nacre.Store {
	return nacre.NewStore(&hooked{Driver: raw.Driver(), BlobKeeper: raw.Driver().(nacre.BlobKeeper), on: on}, nil)
}

func (d *hooked) System() nacre.Driver {
	return &hooked{Driver: d.Driver.(nacre.Companion).System(), BlobKeeper: d.BlobKeeper, on: d.on, system: true}
}

func (d *hooked) Append(ctx context.Context, b []nacre.Append, c *nacre.Condition) ([]nacre.Appended, error) {
	if d.system && d.on.before != nil {
		if err := d.on.before(b); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out, err := d.Driver.Append(ctx, b, c)
	if err == nil && d.system && d.on.after != nil {
		if err := d.on.after(b); err != nil {
			return nil, err
		}
	}
	return out, err
}

// Read calls its hook when everything has been read, but has not been told.
func (d *hooked) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	if d.on.read == nil {
		return d.Driver.Read(ctx, f, o)
	}
	return func(yield func(nacre.Event, error) bool) {
		var all []nacre.Event
		for e, err := range d.Driver.Read(ctx, f, o) {
			if err != nil {
				yield(nacre.Event{}, err)
				return
			}
			all = append(all, e.Clone())
		}
		d.on.read(d.system, o)
		for i := range all {
			if !yield(all[i], nil) {
				return
			}
		}
	}
}

// ofLetters tells whether an append is about dead letters.
func ofLetters(b []nacre.Append) bool { return strings.HasPrefix(string(b[0].Stream), "letter-") }

// slowLetters has what is written of dead letters take five seconds.
func slowLetters(raw *nacre.Store) *nacre.Store {
	return hook(raw, &hooks{before: func(b []nacre.Append) error {
		if ofLetters(b) {
			time.Sleep(5 * time.Second)
		}
		return nil
	}})
}

// swap is a driver whose log becomes another one at some moment, as where it is restored.
type swap struct {
	nacre.BlobKeeper
	system nacre.Driver
	mu     sync.Mutex
	now    nacre.Driver
	gone   chan struct{}
}

func newSwap(first *nacre.Store) *swap {
	d := first.Driver()
	return &swap{BlobKeeper: d.(nacre.BlobKeeper), system: d.(nacre.Companion).System(), now: d, gone: make(chan struct{})}
}

func (s *swap) at() (nacre.Driver, chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.gone
}

func (s *swap) to(other *nacre.Store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.gone)
	s.now, s.gone = other.Driver(), make(chan struct{})
}

func (s *swap) System() nacre.Driver { return s.system }

func (*swap) Close() error { return nil }

func (s *swap) Append(ctx context.Context, b []nacre.Append, c *nacre.Condition) ([]nacre.Appended, error) {
	d, _ := s.at()
	return d.Append(ctx, b, c)
}

func (s *swap) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	d, _ := s.at()
	return d.Read(ctx, f, o)
}

func (s *swap) Head(ctx context.Context) (nacre.Head, error) {
	d, _ := s.at()
	return d.Head(ctx)
}

func (s *swap) Wait(ctx context.Context, after nacre.Position) error {
	d, gone := s.at()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := make(chan error, 1)
	go func() { err <- d.Wait(ctx, after) }()
	select {
	case e := <-err:
		return e
	case <-gone:
		return nil
	}
}

// beginWith is begin with a budget of memory.
func beginWith(t testing.TB, store *nacre.Store, d *desk, memory int64) *delivery.Hub {
	t.Helper()
	h, err := delivery.Open(t.Context(), store, &delivery.Options{
		Kinds: []delivery.Kind{d}, Memory: memory, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}
