package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/nacredb/nacre"
)

const (
	// streamEvents is how many events each stream of the large store has, scattered over all of the log.
	streamEvents = 10
	// largeBatch is how many streams one batch appends to, an event each.
	largeBatch = 1000
	// largeData is the size of the data of the large store's events, which keeps it near 10 GB.
	largeData = 128
	// largeEventBytes is about what an event takes there: its line, and what the index has of it.
	largeEventBytes = 620
	largeBuilders   = 4
)

var largeCategories = [...]string{"order", "invoice", "shipment", "account", "ticket"}

// large is a store of many events: streams of ten events each, two tags an event.
type large struct {
	root  string
	state largeState
	built bool // by this run, which removes it too
}

// largeState stands beside the store, and tells what is in it.
type largeState struct {
	Events    int   `json:"events"` // as built; more have been appended
	DataBytes int   `json:"dataBytes"`
	Cold      int64 `json:"cold"` // appends to cold streams so far
	// Unsure tells that a run began to append and has not come to its end.
	Unsure bool `json:"unsure"`
}

func (l *large) dir() string       { return filepath.Join(l.root, "store") }
func (l *large) statePath() string { return filepath.Join(l.root, "state.json") }
func (l *large) streams() int      { return l.state.Events / streamEvents }

// openLarge finds a large store that an earlier run kept, or builds it.
func openLarge(ctx context.Context, s *settings, r *report) (*large, error) {
	l := &large{root: s.largeDir, state: largeState{Events: s.largeEvents, DataBytes: largeData}}
	text, err := os.ReadFile(l.statePath())
	switch {
	case err == nil:
		var was largeState
		if err := json.Unmarshal(text, &was); err != nil {
			return nil, fmt.Errorf("%s: %w", l.statePath(), err)
		}
		if was.Unsure || was.Events != s.largeEvents || was.DataBytes != largeData {
			return nil, fmt.Errorf("%s holds another large store, or one that a run left in the middle: remove it, or give another folder with -large-dir", l.root)
		}
		l.state = was
		r.remark("the large store was there from an earlier run, and has been appended to since it was built")
		return l, nil
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	if entries, err := os.ReadDir(l.root); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("%s is not empty, and no large store that is whole: remove it, or give another folder with -large-dir", l.root)
	}
	if err := os.MkdirAll(l.root, 0o755); err != nil {
		return nil, err
	}
	l.built = true
	if err := s.room(r, "the large store", l.root, int64(s.largeEvents)*largeEventBytes*5/4); err != nil {
		return l, err
	}
	return l, l.build(ctx, r)
}

// save writes the state. It is saved as unsure before anything is appended.
func (l *large) save(unsure bool) error {
	l.state.Unsure = unsure
	text, err := json.Marshal(l.state)
	if err != nil {
		return err
	}
	return os.WriteFile(l.statePath(), append(text, '\n'), 0o644)
}

// build appends ten passes over all streams, each in an order of its own.
func (l *large) build(ctx context.Context, r *report) (err error) {
	if err := l.save(true); err != nil {
		return err
	}
	store, err := openNacre(l.dir())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	data := newPayloads(largeData)
	for pass := range streamEvents {
		if err := l.buildPass(ctx, store, pass, data); err != nil {
			return fmt.Errorf("building the large store: %w", err)
		}
		r.say("the large store has %s of %s events", count(float64((pass+1)*l.streams())), count(float64(l.state.Events)))
	}
	return l.save(false)
}

// buildPass appends one event to every stream.
func (l *large) buildPass(ctx context.Context, store *nacre.Store, pass int, data payloads) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range largeBuilders {
		wg.Go(func() {
			for ctx.Err() == nil {
				first := int(next.Add(largeBatch)) - largeBatch
				if first >= l.streams() {
					return
				}
				if _, err := store.Commit(ctx, nil, l.batch(first, pass, data)...); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// batch is one event for each of some streams.
func (l *large) batch(first, pass int, data payloads) []nacre.Append {
	out := make([]nacre.Append, largeBatch)
	events := make([]nacre.Event, largeBatch)
	tags := make([]string, 2*largeBatch)
	for i := range out {
		n := l.scatter(first+i, pass)
		pair := tags[2*i : 2*i+2 : 2*i+2]
		pair[0] = "customer:" + strconv.Itoa(n/streamEvents)
		pair[1] = "region:" + strconv.Itoa((n+pass)%50)
		events[i] = nacre.Event{Type: typeOf(int64(n + pass)), Data: data[(n+pass)%len(data)], Tags: pair}
		out[i] = nacre.Append{Stream: largeStream(n), Expected: nacre.Exactly(int64(pass) - 1), Events: events[i : i+1 : i+1]}
	}
	return out
}

// strides are primes larger than any number of streams here can have as a factor: stepping by one of them
// visits every stream once, far from its neighbours.
var strides = [...]int{15485863, 32452843, 49979687, 67867967, 86028121, 104395301, 122949823, 141650939, 160481183, 179424673, 198491317}

// scatter is the i-th stream of an order; there are eleven orders.
func (l *large) scatter(i, order int) int {
	return (i%l.streams()*strides[order] + order*7919) % l.streams()
}

// coldOrder is that of appends to cold streams.
const coldOrder = len(strides) - 1

// largeStream is the id of the n-th stream.
func largeStream(n int) nacre.StreamID {
	return nacre.StreamID(largeCategories[n%len(largeCategories)] + "-" + strconv.Itoa(10_000_000+n))
}

// cold gives the next stream that nothing was appended to for as long as possible, and its version.
func (l *large) cold() (nacre.StreamID, int64) {
	k := atomic.AddInt64(&l.state.Cold, 1) - 1
	n := int64(l.streams())
	return largeStream(l.scatter(int(k%n), coldOrder)), streamEvents - 1 + k/n
}
