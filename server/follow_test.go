package server

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/query"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wire"
)

// recorded is a sink that keeps what it was told. It is of its follower's goroutine, but for the lock.
type recorded struct {
	pause func() // called in each flush
	stop  context.CancelFunc
	until nacre.Position // a cursor at which it stops

	mu       sync.Mutex
	ready    int
	got      []nacre.Position
	lines    []string
	marks    []nacre.Position // caught-up
	soFar    []int            // how many events had been got at each mark
	comments []string
	flushes  int
}

func (r *recorded) event(c wire.Cursor, line []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, c.Position)
	r.lines = append(r.lines, string(line))
	r.ready += len(line)
	r.reached(c)
	return nil
}

func (r *recorded) caughtUp(c wire.Cursor) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marks = append(r.marks, c.Position)
	r.soFar = append(r.soFar, len(r.got))
	r.ready++
	r.reached(c)
	return nil
}

func (r *recorded) alive(c wire.Cursor, moved, atEnd bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.comments = append(r.comments, fmt.Sprintf("%d %t %t", c.Position, moved, atEnd))
	r.ready++
	r.reached(c)
	return nil
}

func (r *recorded) reached(c wire.Cursor) {
	if r.stop != nil && c.Position >= r.until {
		r.stop()
	}
}

func (r *recorded) buffered() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ready
}

func (r *recorded) flush() error {
	r.mu.Lock()
	r.ready = 0
	r.flushes++
	r.mu.Unlock()
	if r.pause != nil {
		r.pause()
	}
	return nil
}

func (r *recorded) urgent() <-chan struct{} { return nil }

// snapshot gives what was told so far.
func (r *recorded) snapshot() (got, marks []nacre.Position, comments []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got), slices.Clone(r.marks), slices.Clone(r.comments)
}

// newFollow is a follower of everything.
func newFollow(s *nacre.Store, d *feed, to sink) *follow {
	return &follow{store: s, feed: d, sink: to, heartbeat: 15 * time.Second, now: time.Now}
}

// lineless is a driver without lines.
type lineless struct{ nacre.Driver }

func newLineless() *nacre.Store {
	return nacre.NewStore(lineless{memstore.Open(nil).Driver()}, nil)
}

// plain appends n events to a stream.
func plain(t testing.TB, s *nacre.Store, id nacre.StreamID, n int) nacre.Position {
	t.Helper()
	events := make([]nacre.Event, n)
	for i := range events {
		events[i] = nacre.NewEvent("a.b", map[string]int{"i": i})
	}
	a, err := s.Append(context.Background(), id, nacre.Any, events...)
	if err != nil {
		t.Fatal(err)
	}
	return a.Position()
}

// TestFollowersMissNothing lets followers of all kinds of pace and filter follow stores into which others
// write, through a ring so small that they are now in it and now behind it.
func TestFollowersMissNothing(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("NACRE_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("replay: NACRE_SEED=%d go test -run '^TestFollowersMissNothing$' ./server", seed)
		}
	})
	for name, open := range map[string]func(t *testing.T) *nacre.Store{
		"memory":   func(*testing.T) *nacre.Store { return memstore.Open(nil) },
		"lineless": func(*testing.T) *nacre.Store { return newLineless() },
		"files": func(t *testing.T) *nacre.Store {
			s, err := filestore.Open(t.TempDir(), &filestore.Options{Durability: filestore.Never})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	} {
		for i := range uint64(4) {
			t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
				t.Parallel()
				s := open(t)
				defer s.Close()
				missNothing(t, s, rand.New(rand.NewPCG(seed, i)))
			})
		}
	}
}

func missNothing(t *testing.T, s *nacre.Store, rnd *rand.Rand) {
	const total = 3000
	d := newFeed(s)
	d.bytes = 1 + rnd.IntN(20_000)
	plain(t, s, "old-1", 1+rnd.IntN(800))
	first, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	type one struct {
		f      *follow
		sink   *recorded
		wanted func(*nacre.Event) bool // what its condition says
		err    error
	}
	var all []*one
	for i := range 12 {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		to := &recorded{stop: cancel, until: total}
		f := newFollow(s, d, to)
		f.heartbeat = time.Millisecond // who selects nothing hears of the end by it
		f.params.Options.After = nacre.Position(rnd.IntN(int(first.Position) + 1))
		if rnd.IntN(2) == 0 {
			f.params.Epoch = first.Epoch
		}
		switch rnd.IntN(5) {
		case 0:
			f.params.Filter = nacre.Filter{{Types: []string{"t." + strconv.Itoa(rnd.IntN(3))}}}
		case 1:
			f.params.Filter = nacre.Filter{{Tags: []string{"k:1"}}, {Categories: []string{"old"}}}
		case 2:
			f.within = &within{streams: func(id nacre.StreamID) bool { return strings.HasPrefix(string(id), "s-1") }}
		case 3:
			f.params.Filter = nacre.Filter{{Streams: []nacre.StreamID{nacre.StreamID("s-" + strconv.Itoa(rnd.IntN(20)))}}}
		}
		wanted := func(*nacre.Event) bool { return true }
		if rnd.IntN(3) == 0 {
			if f.within == nil {
				f.within = &within{}
			}
			var err error
			if f.within.where, err = query.Where("type IN ('t.0', 't.1') AND NOT tags CONTAINS 'k:0' AND data LIKE '%xx'"); err != nil {
				t.Fatal(err)
			}
			wanted = func(e *nacre.Event) bool {
				return (e.Type == "t.0" || e.Type == "t.1") && !slices.Contains(e.Tags, "k:0") && strings.HasSuffix(string(e.Data), `xx"`)
			}
		}
		pace := rnd.IntN(4)
		to.pause = func() {
			switch pace {
			case 1:
				runtime.Gosched()
			case 2:
				time.Sleep(time.Duration(i) * 50 * time.Microsecond)
			case 3:
				time.Sleep(time.Duration(i) * time.Millisecond)
			}
		}
		o := &one{f: f, sink: to, wanted: wanted}
		all = append(all, o)
		wg.Go(func() {
			if o.err = f.begin(ctx); o.err == nil {
				o.err = f.run(ctx)
			}
		})
	}
	for {
		h, err := s.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if h.Position >= total {
			break
		}
		events := make([]nacre.Event, 1+rnd.IntN(1+rnd.IntN(60)))
		for i := range events {
			events[i] = nacre.NewEvent("t."+strconv.Itoa(rnd.IntN(3)), strings.Repeat("x", rnd.IntN(300)))
			if rnd.IntN(3) == 0 {
				events[i].Tags = []string{"k:" + strconv.Itoa(rnd.IntN(3))}
			}
		}
		if _, err := s.Append(t.Context(), nacre.StreamID("s-"+strconv.Itoa(rnd.IntN(20))), nacre.Any, events...); err != nil {
			t.Fatal(err)
		}
		if rnd.IntN(10) == 0 {
			time.Sleep(time.Duration(rnd.IntN(3000)) * time.Microsecond)
		}
	}
	wg.Wait()
	d.wait()
	lines := map[nacre.Position]string{}
	for i, o := range all {
		if !errors.Is(o.err, context.Canceled) {
			t.Fatalf("follower %d ended with %v", i, o.err)
		}
		got, marks, _ := o.sink.snapshot()
		var want []nacre.Position
		for e, err := range s.Read(t.Context(), o.f.params.Filter, &nacre.ReadOptions{After: o.f.params.Options.After}) {
			if err != nil {
				t.Fatal(err)
			}
			if o.wanted(&e) && (o.f.within == nil || o.f.within.streams == nil || o.f.within.streams(e.StreamID)) {
				want = append(want, e.GlobalPosition)
			}
		}
		// It stops at a cursor at or behind the end that it waits for.
		if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
			t.Fatalf("follower %d, filter %v, after %d: it got %d events of %d, and not the right ones", i, o.f.params.Filter,
				o.f.params.Options.After, len(got), len(want))
		}
		if rest := want[len(got):]; len(rest) > 0 && rest[0] <= total {
			t.Fatalf("follower %d, filter %v: it got %d events, and not the one at %d", i, o.f.params.Filter, len(got), rest[0])
		}
		// What a mark says is true: everything up to it had been given.
		for j, mark := range marks {
			n, _ := slices.BinarySearch(want, mark+1)
			if o.sink.soFar[j] != n {
				t.Fatalf("follower %d was told that it had caught up at %d with %d events, there are %d", i, mark, o.sink.soFar[j], n)
			}
		}
		// All were given the same bytes.
		for j, p := range got {
			if have, ok := lines[p]; ok && have != o.sink.lines[j] {
				t.Fatalf("position %d is to one %s and to another %s", p, have, o.sink.lines[j])
			}
			lines[p] = o.sink.lines[j]
		}
	}
	if d.run != nil {
		t.Error("the feed goes on without followers")
	}
}

func TestLinesAreTheStored(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*nacre.Store{"lines": memstore.Open(nil), "events": newLineless()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer s.Close()
			plain(t, s, "a-1", 3)
			ctx, cancel := context.WithCancel(t.Context())
			to := &recorded{stop: cancel, until: 5}
			f := newFollow(s, newFeed(s), to)
			to.pause = func() {
				if len(to.got) == 3 { // at the end: the rest comes out of the ring
					plain(t, s, "a-1", 2)
				}
			}
			if err := errors.Join(f.begin(ctx), ignoreCanceled(f.run(ctx))); err != nil {
				t.Fatal(err)
			}
			var want []string
			err := entries(t.Context(), s, nil, 0, 5, func(e *entry) (bool, error) {
				want = append(want, string(e.line))
				event, err := e.asEvent()
				if err == nil && event.GlobalPosition != e.position {
					t.Errorf("the event of position %d is of %d", e.position, event.GlobalPosition)
				}
				return true, err
			})
			if err != nil {
				t.Fatal(err)
			}
			same(t, to.lines, want)
			if crc := strings.Contains(want[0], `"crc"`); crc != (name == "lines") {
				t.Errorf("the first line is %s", want[0])
			}
		})
	}
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// running starts a follower in a bubble of time.
func running(t *testing.T, f *follow) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	if err := f.begin(ctx); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- f.run(ctx) }()
	return func() error {
		cancel(errShuttingDown)
		return <-ended
	}
}

func TestCaughtUpIsToldOnceUntilTheRingIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memstore.Open(nil)
		defer s.Close()
		held := make(chan struct{})
		to := &recorded{}
		d := newFeed(s)
		d.bytes = 5 * lineOverhead
		other := newFollow(s, d, &recorded{}) // keeps the ring going
		stopOther := running(t, other)
		f := newFollow(s, d, to)
		stop := running(t, f)
		synctest.Wait()
		wantMarks := func(want ...nacre.Position) {
			t.Helper()
			synctest.Wait()
			if _, marks, _ := to.snapshot(); !slices.Equal(marks, want) {
				t.Fatalf("caught up was told at %v, want %v", marks, want)
			}
		}
		wantMarks(0)
		for range 3 {
			plain(t, s, "a-1", 2)
			wantMarks(0)
		}
		// The client does not read for a while.
		to.pause = func() { <-held }
		for range 20 {
			plain(t, s, "a-1", 1)
			synctest.Wait()
		}
		close(held)
		wantMarks(0, 26)
		plain(t, s, "a-1", 2)
		wantMarks(0, 26)
		got, _, _ := to.snapshot()
		if len(got) != 28 || got[27] != 28 {
			t.Errorf("it got %v", got)
		}
		for _, stop := range []func() error{stop, stopOther} {
			if err := stop(); nacre.CodeOf(err) != wire.CodeShuttingDown {
				t.Errorf("it ended with %v", err)
			}
		}
	})
}

func TestSignsOfLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memstore.Open(nil)
		defer s.Close()
		to := &recorded{}
		f := newFollow(s, newFeed(s), to)
		f.params.Filter = nacre.Filter{{Categories: []string{"a"}}}
		stop := running(t, f)
		want := func(want ...string) {
			t.Helper()
			synctest.Wait()
			if _, _, comments := to.snapshot(); !slices.Equal(comments, want) {
				t.Fatalf("signs of life: %q, want %q", comments, want)
			}
		}
		time.Sleep(14 * time.Second)
		want()
		time.Sleep(time.Second)
		want("0 false true")
		time.Sleep(15 * time.Second)
		want("0 false true", "0 false true")
		// What was sent counts, what was passed over does not, and its cursor is told.
		time.Sleep(10 * time.Second)
		plain(t, s, "b-1", 7)
		time.Sleep(5 * time.Second)
		want("0 false true", "0 false true", "7 true true")
		time.Sleep(10 * time.Second)
		plain(t, s, "a-1", 1)
		time.Sleep(14 * time.Second)
		want("0 false true", "0 false true", "7 true true")
		time.Sleep(time.Second)
		want("0 false true", "0 false true", "7 true true", "8 false true")
		if err := stop(); !errors.Is(err, errShuttingDown) {
			t.Error(err)
		}
	})
}

func TestWhoMayNoLongerFollowIsSentNothingMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memstore.Open(nil)
		defer s.Close()
		to := &recorded{}
		f := newFollow(s, newFeed(s), to)
		revoked := nacre.Errorf(wire.CodeUnauthorized, "revoked")
		var mu sync.Mutex
		var answer error
		f.mayGoOn = func() error {
			mu.Lock()
			defer mu.Unlock()
			return answer
		}
		if err := f.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- f.run(context.Background()) }()
		time.Sleep(20 * time.Second)
		plain(t, s, "a-1", 1)
		synctest.Wait()
		mu.Lock()
		answer = revoked
		mu.Unlock()
		time.Sleep(checkEvery)
		plain(t, s, "a-1", 1)
		if err := <-ended; err != revoked {
			t.Errorf("it ended with %v", err)
		}
		if to.flushes != 3 { // caught up, a sign of life, the first event
			t.Errorf("it was sent %d writes", to.flushes)
		}
		f.feed.wait()
	})
}

func TestFollowRefusesBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	s := memstore.Open(nil)
	defer s.Close()
	plain(t, s, "a-1", 3)
	for name, c := range map[string]struct {
		params wire.ReadParams
		want   nacre.Code
	}{
		"another epoch": {wire.ReadParams{Epoch: "x"}, nacre.CodeLogRewound},
		"ahead":         {wire.ReadParams{Options: nacre.ReadOptions{After: 4}}, nacre.CodeLogRewound},
		"filter":        {wire.ReadParams{Filter: nacre.Filter{{Types: []string{""}}}}, nacre.CodeInvalid},
	} {
		f := newFollow(s, newFeed(s), &recorded{})
		f.params = c.params
		if err := f.begin(t.Context()); nacre.CodeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// rewinding is a driver whose log is cut while it is open.
type rewinding struct {
	nacre.Driver
	mu    sync.Mutex
	epoch string
	cut   chan struct{}
}

func (r *rewinding) Head(ctx context.Context) (nacre.Head, error) {
	h, err := r.Driver.Head(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	h.Epoch = r.epoch
	return h, err
}

func (r *rewinding) Wait(ctx context.Context, after nacre.Position) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-r.cut:
			cancel()
		case <-stop:
		}
	}()
	err := r.Driver.Wait(ctx, after)
	select {
	case <-r.cut:
		return nil
	default:
		return err
	}
}

func TestLogThatIsCutEndsItsFollowers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rewinding{Driver: memstore.Open(nil).Driver(), epoch: "one", cut: make(chan struct{})}
		s := nacre.NewStore(r, nil)
		defer s.Close()
		plain(t, s, "a-1", 3)
		d := newFeed(s)
		ended := make(chan error, 3)
		for range 3 {
			f := newFollow(s, d, &recorded{})
			if err := f.begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			go func() { ended <- f.run(context.Background()) }()
		}
		synctest.Wait()
		r.mu.Lock()
		r.epoch = "two"
		r.mu.Unlock()
		close(r.cut)
		for range 3 {
			if err := <-ended; nacre.CodeOf(err) != nacre.CodeLogRewound {
				t.Errorf("it ended with %v", err)
			}
		}
		d.wait()
	})
}

func TestClosedStoreEndsItsFollowers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memstore.Open(nil)
		d := newFeed(s)
		f := newFollow(s, d, &recorded{})
		if err := f.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- f.run(context.Background()) }()
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; nacre.CodeOf(err) != nacre.CodeClosed {
			t.Errorf("it ended with %v", err)
		}
		d.wait()
	})
}

// countedReads is a driver that counts how often it is read.
type countedReads struct {
	nacre.Driver
	n *atomic.Int64
}

// ReadLines implements nacre.LineReader.
func (r countedReads) ReadLines(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Line, error] {
	r.n.Add(1)
	return r.Driver.(nacre.LineReader).ReadLines(ctx, f, o)
}

func TestAppendIsReadOnceForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := countedReads{memstore.Open(nil).Driver(), new(atomic.Int64)}
		s := nacre.NewStore(r, nil)
		defer s.Close()
		d := newFeed(s)
		var stops []func() error
		var sinks []*recorded
		for range 100 {
			to := &recorded{}
			sinks = append(sinks, to)
			stops = append(stops, running(t, newFollow(s, d, to)))
		}
		synctest.Wait()
		if n := r.n.Load(); n != 0 {
			t.Errorf("an empty log was read %d times", n)
		}
		for range 10 {
			plain(t, s, "a-1", 3)
			synctest.Wait()
		}
		if n := r.n.Load(); n != 10 {
			t.Errorf("10 appends were read %d times", n)
		}
		for _, to := range sinks {
			if got, _, _ := to.snapshot(); len(got) != 30 || to.flushes != 11 {
				t.Fatalf("a follower got %v in %d writes", got, to.flushes)
			}
		}
		for _, stop := range stops {
			if err := stop(); !errors.Is(err, errShuttingDown) {
				t.Fatal(err)
			}
		}
	})
}

// damaged is a driver whose lines are bad from a position on.
type damaged struct {
	nacre.Driver
	from nacre.Position
}

// ReadLines implements nacre.LineReader.
func (d damaged) ReadLines(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Line, error] {
	return func(yield func(nacre.Line, error) bool) {
		for l, err := range d.Driver.(nacre.LineReader).ReadLines(ctx, f, o) {
			if l.Position >= d.from {
				yield(nacre.Line{}, &nacre.DamageError{File: "x", Position: l.Position, Reason: "bad"})
				return
			}
			if !yield(l, err) {
				return
			}
		}
	}
}

// TestDamageEndsFollowersBehindWhatIsGood meets damage in the history, and at the end of the log.
func TestDamageEndsFollowersBehindWhatIsGood(t *testing.T) {
	t.Parallel()
	for _, old := range []int{0, 5} {
		s := nacre.NewStore(damaged{memstore.Open(nil).Driver(), 4}, nil)
		defer s.Close()
		if old > 0 {
			plain(t, s, "a-1", old)
		}
		to := &recorded{}
		f := newFollow(s, newFeed(s), to)
		if err := f.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if old == 0 {
			to.pause = sync.OnceFunc(func() { plain(t, s, "a-1", 5) })
		}
		err := f.run(t.Context())
		if damage, ok := errors.AsType[*nacre.DamageError](err); !ok || damage.Position != 4 {
			t.Errorf("it ended with %v", err)
		}
		same(t, to.got, []nacre.Position{1, 2, 3})
		if to.buffered() != 0 {
			t.Error("what is good was not sent")
		}
		f.feed.wait()
	}
}
