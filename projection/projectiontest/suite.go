package projectiontest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/projection"
)

// Moved is the event that is summed.
type Moved struct{ Cents int64 }

// Sums are what a model holds.
type Sums map[string]Sum

// Sum is one stream's.
type Sum struct{ Cents, Count int64 }

// Harness is a kind of read model.
type Harness[W any] struct {
	// Store opens an empty store, which the test closes.
	Store func(t testing.TB) *nacre.Store
	// Open opens the model, at the same place each time that it is called in a test; close closes it, as a
	// process does that ends.
	Open func(t testing.TB, store *nacre.Store) (m projection.ReadModel[W], close func())
	// Add adds a movement to what the model holds of a stream.
	Add func(ctx context.Context, to W, stream string, cents int64) error
	// Read reads what it holds.
	Read func(t testing.TB, m projection.ReadModel[W]) Sums
	// AtLeastOnce says that after a failure events may count more than once.
	AtLeastOnce bool
	// Volatile says that nothing of it outlives its process.
	Volatile bool
	// Resets and Rebuilds say that it can.
	Resets, Rebuilds bool
}

// Run runs the suite.
func Run[W any](t *testing.T, h Harness[W]) {
	for _, c := range []struct {
		name string
		skip bool
		run  func(*trial[W])
	}{
		{"it holds what the log says, after every restart", false, restarts[W]},
		{"a write that fails leaves nothing", h.AtLeastOnce, failedWrite[W]},
		{"a second writer is found out", false, secondWriter[W]},
		{"an empty commit moves the checkpoint", false, emptyCommit[W]},
		{"a crash at any point", false, crashes[W]},
		{"another version is made again", !h.Resets, versions[W]},
		{"a reset one fills again", !h.Resets, resets[W]},
		{"a rebuilt one is the same as the one that followed", !h.Rebuilds, rebuilds[W]},
		{"a rebuild that is broken off leaves the old one", !h.Rebuilds, brokenRebuild[W]},
		{"an event that is applied late counts once", false, lateEvents[W]},
		{"whatever is done to it", false, anything[W]},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.skip {
				t.Skip("this read model does not promise it")
			}
			seed := rand.Uint64()
			if text := os.Getenv("NACRE_SEED"); text != "" {
				var err error
				if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
					t.Fatal(err)
				}
			}
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("seed %d; again: NACRE_SEED=%d go test -run '%s'", seed, seed, t.Name())
				}
			})
			x := &trial[W]{TB: t, h: h, random: rand.New(rand.NewPCG(seed, 1)), store: h.Store(t)}
			x.open()
			defer func() { x.close() }()
			c.run(x)
		})
	}
}

// trial is a case at work.
type trial[W any] struct {
	testing.TB
	h      Harness[W]
	random *rand.Rand
	store  *nacre.Store
	model  projection.ReadModel[W]
	close  func()
}

func (x *trial[W]) open() { x.model, x.close = x.h.Open(x, x.store) }

func (x *trial[W]) reopen() {
	x.close()
	x.open()
}

// expectKept looks that a new process finds what the one before has written.
func (x *trial[W]) expectKept() {
	x.Helper()
	x.reopen()
	if !x.h.Volatile {
		x.expectTruth("after a restart")
	}
}

// move appends movements to scattered streams, with others between them.
func (x *trial[W]) move(n int) {
	x.Helper()
	for range n {
		stream := nacre.StreamID("account-" + strconv.Itoa(x.random.IntN(7)))
		events := []nacre.Event{nacre.NewEvent("account.moved", Moved{int64(x.random.IntN(100))})}
		if x.random.IntN(3) == 0 {
			events = append(events, nacre.NewEvent("account.seen", nil))
		}
		if _, err := x.store.Append(x.Context(), stream, nacre.Any, events...); err != nil {
			x.Fatal(err)
		}
	}
}

func (x *trial[W]) projection() projection.Projection[Moved, W] {
	return projection.Projection[Moved, W]{
		Name: "sums", Version: 1, Events: map[string]Moved{"account.moved": {}},
		Apply: func(ctx context.Context, to W, e codec.Event[Moved]) error {
			return x.h.Add(ctx, to, string(e.StreamID), e.Data.Cents)
		},
	}
}

func (x *trial[W]) options() *projection.Options {
	return &projection.Options{
		Batch: 1 + x.random.IntN(20), RetryAfter: time.Microsecond, Logger: slog.New(slog.DiscardHandler), Lease: time.Second,
	}
}

// catchUp runs a projection to the end of the log.
func (x *trial[W]) catchUp(p projection.Projection[Moved, W], m projection.ReadModel[W], o *projection.Options) error {
	_, err := projection.CatchUp(x.Context(), x.store, p, m, o)
	return err
}

// truth is what a plain fold of the log gives.
func (x *trial[W]) truth() Sums {
	sums, _, err := projection.Fold(x.Context(), x.store, projection.Source{Filter: nacre.Filter{{Types: []string{"account.moved"}}}},
		map[string]Moved{"account.moved": {}}, nil, Sums{}, func(s Sums, e codec.Event[Moved]) Sums {
			was := s[string(e.StreamID)]
			s[string(e.StreamID)] = Sum{was.Cents + e.Data.Cents, was.Count + 1}
			return s
		})
	if err != nil {
		x.Fatal(err)
	}
	return sums
}

// expectTruth compares what the model holds with the log.
func (x *trial[W]) expectTruth(when string) {
	x.Helper()
	got, want := x.h.Read(x, x.model), x.truth()
	if maps.Equal(got, want) {
		return
	}
	if x.h.AtLeastOnce {
		for stream, sum := range want {
			if got[stream].Count < sum.Count {
				x.Errorf("%s: %s has %d events of %d", when, stream, got[stream].Count, sum.Count)
			}
		}
		return
	}
	x.Errorf("%s: it holds\n%v, and the log says\n%v", when, got, want)
}

// checkpoint is the model's.
func (x *trial[W]) checkpoint() projection.Checkpoint {
	x.Helper()
	cp, err := x.model.Checkpoint(x.Context(), "sums")
	if err != nil {
		x.Fatal(err)
	}
	return cp
}

var errOfTest = errors.New("this fails as it should")

func (x *trial[W]) expectCode(what string, err error, want nacre.Code) {
	x.Helper()
	if nacre.CodeOf(err) != want {
		x.Errorf("%s: %v has the code %q, not %q", what, err, nacre.CodeOf(err), want)
	}
}

func label(format string, args ...any) string { return fmt.Sprintf(format, args...) }
