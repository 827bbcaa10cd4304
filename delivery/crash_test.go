package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/storage/memstore"
)

// mortal is a store as a process sees it that ends before one of its calls: from then on nothing is done.
type mortal struct {
	nacre.Driver
	nacre.BlobKeeper
	life   *life
	system bool
}

type life struct {
	mu    sync.Mutex
	calls int
	last  int // the process ends before the call behind this one; below 0 it lives on
	dead  chan struct{}
}

var errDead = errors.New("the process has ended")

func newMortal(d nacre.Driver, last int) (*nacre.Store, *life) {
	l := &life{last: last, dead: make(chan struct{})}
	return nacre.NewStore(&mortal{Driver: d, BlobKeeper: d.(nacre.BlobKeeper), life: l}, nil), l
}

func (l *life) call() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if l.last >= 0 && l.calls == l.last+1 && !l.over() {
		close(l.dead)
	}
	if l.over() {
		return errDead
	}
	return nil
}

func (l *life) over() bool {
	select {
	case <-l.dead:
		return true
	default:
		return false
	}
}

func (m *mortal) System() nacre.Driver {
	return &mortal{Driver: m.Driver.(nacre.Companion).System(), BlobKeeper: m.BlobKeeper, life: m.life, system: true}
}

func (m *mortal) Append(ctx context.Context, b []nacre.Append, c *nacre.Condition) ([]nacre.Appended, error) {
	if err := m.life.call(); err != nil {
		return nil, err
	}
	return m.Driver.Append(ctx, b, c)
}

func (m *mortal) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	if err := m.life.call(); err != nil {
		return func(yield func(nacre.Event, error) bool) { yield(nacre.Event{}, err) }
	}
	return m.Driver.Read(ctx, f, o)
}

func (m *mortal) Head(ctx context.Context) (nacre.Head, error) {
	if err := m.life.call(); err != nil {
		return nacre.Head{}, err
	}
	return m.Driver.Head(ctx)
}

func (m *mortal) PutBlob(ctx context.Context, key string, data []byte) error {
	if err := m.life.call(); err != nil {
		return err
	}
	return m.BlobKeeper.PutBlob(ctx, key, data)
}

// TestAProcessThatEndsAnywhereLosesNothing has a hub end before each of the calls that it makes, after which another one
// goes on: each event is delivered, or dead; a stream's in order; what comes again has the same id.
func TestAProcessThatEndsAnywhereLosesNothing(t *testing.T) {
	for last := 0; ; last++ {
		more := false
		ok := t.Run(fmt.Sprint(last), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				raw := memstore.Open(nil)
				defer func() { _ = raw.Close() }()
				d := newDesk()
				ids := map[nacre.Position]string{}
				highest := map[nacre.StreamID]int64{}
				d.set(func(b *delivery.Batch) error {
					e := &b.Events[0]
					d.mu.Lock()
					defer d.mu.Unlock()
					if before, again := ids[e.GlobalPosition]; again && before != b.ID {
						t.Errorf("position %d came as %s and as %s", e.GlobalPosition, before, b.ID)
					}
					ids[e.GlobalPosition] = b.ID
					if e.StreamPosition > highest[e.StreamID]+1 {
						t.Errorf("%s: %d behind %d", e.StreamID, e.StreamPosition, highest[e.StreamID])
					}
					highest[e.StreamID] = max(highest[e.StreamID], e.StreamPosition)
					if e.GlobalPosition == 3 {
						return errDown
					}
					return nil
				})
				add(t, raw, "a-1", "x", "x", "x", "x")
				store, l := newMortal(raw.Driver(), last)
				h, err := delivery.Open(t.Context(), store, &delivery.Options{Kinds: []delivery.Kind{d}, Logger: slog.New(slog.DiscardHandler)})
				spec := delivery.Spec{Name: "s", Kind: "desk", Start: delivery.Start{Earliest: true}, Policy: quick(2)}
				if err == nil {
					if _, _, err := h.Create(t.Context(), &spec); err == nil {
						for i := range 4 {
							add(t, raw, nacre.StreamID(fmt.Sprintf("b-%d", i%2)), "x")
							time.Sleep(700 * time.Millisecond)
						}
						time.Sleep(20 * time.Second)
					}
					more = l.over()
					l.mu.Lock()
					if !l.over() {
						close(l.dead)
					}
					l.mu.Unlock()
					over, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					_ = h.Close(over)
					cancel()
				} else {
					more = true
				}
				for i := raw.Driver(); ; { // what the dead one could not have had any more
					head, err := i.Head(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if head.Position >= 8 {
						break
					}
					add(t, raw, "b-0", "x")
				}
				h = begin(t, raw, d)
				if _, _, err := h.Create(t.Context(), &spec); err != nil {
					t.Fatal(err)
				}
				through(t, h, "s", 8)
				letters, n, err := h.DeadLetters(t.Context(), "s", 0, 0)
				if err != nil || n != 1 || letters[0].Position != 3 {
					t.Errorf("dead letters %+v, %v", letters, err)
				}
				came := map[nacre.Position]bool{3: true}
				for _, p := range d.received() {
					came[p] = true
				}
				if len(came) != 8 {
					t.Errorf("received %v", d.received())
				}
				end(t, h)
			})
		})
		if !ok || !more {
			if last < 20 {
				t.Errorf("only %d calls were made", last)
			}
			return
		}
	}
}

// damaging has blobs that come back damaged.
type damaging struct {
	nacre.Driver
	nacre.BlobKeeper
	keys string
}

func (d *damaging) System() nacre.Driver { return d.Driver.(nacre.Companion).System() }

func (d *damaging) GetBlob(ctx context.Context, key string) ([]byte, error) {
	data, err := d.BlobKeeper.GetBlob(ctx, key)
	if err != nil || !strings.Contains(d.keys, key) {
		return data, err
	}
	return data[:len(data)/2], nil
}

func TestDamagedCursorsRepeatAndLoseNothing(t *testing.T) {
	for keys, want := range map[string]int{"": 0, "delivery/cursors-0.json": 3, "delivery/cursors-1.json": 3, "delivery/cursors-0.json delivery/cursors-1.json": 6} {
		t.Run(keys, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				raw, d := newStore(t), newDesk()
				h := begin(t, raw, d)
				create(t, h, delivery.Spec{Name: "s", Kind: "desk"})
				for range 2 {
					p := add(t, raw, "a-1", "x", "x", "x")
					through(t, h, "s", p)
					time.Sleep(5 * time.Second) // it is kept
				}
				end(t, h)
				broken := nacre.NewStore(&damaging{raw.Driver(), raw.Driver().(nacre.BlobKeeper), keys}, nil)
				h = begin(t, broken, d)
				p := add(t, raw, "a-1", "x")
				through(t, h, "s", p)
				got := len(d.received()) - 7
				if got < 0 || got > want || want == 6 && got != 6 {
					t.Errorf("%d came again: %v", got, d.received())
				}
				end(t, h)
			})
		})
	}
}

func TestALogThatWasCutIsFollowedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long, d := newStore(t), newDesk()
		h := begin(t, long, d)
		create(t, h, delivery.Spec{Name: "s", Kind: "desk"})
		create(t, h, delivery.Spec{Name: "g", Kind: "group"})
		through(t, h, "s", add(t, long, "a-1", "x", "x", "x"))
		end(t, h)
		// The same subscriptions and cursors, on a log that is shorter.
		short := newStore(t)
		add(t, short, "a-1", "x")
		h = begin(t, nacre.NewStore(&grafted{short.Driver(), long.Driver().(nacre.BlobKeeper), long.Driver().(nacre.Companion).System()}, nil), d)
		if st := get(t, h, "s"); st.Position > 1 {
			t.Errorf("status %+v", st)
		}
		through(t, h, "s", add(t, short, "a-1", "y"))
		equal(t, "received", d.received(), []nacre.Position{1, 2, 3, 2})
		list, err := h.Poll(t.Context(), "g", consumer.Request{Consumer: "ann", Max: 10})
		if err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		end(t, h)
	})
}

// grafted is a log with the companion log and the blobs of another one.
type grafted struct {
	nacre.Driver
	nacre.BlobKeeper
	system nacre.Driver
}

func (g *grafted) System() nacre.Driver { return g.system }
