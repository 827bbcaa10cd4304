package process_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/process"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/storage/memstore"
)

var crashSeed = flag.Uint64("process.crashes", 0, "replays the random crashes")

// The shop: three aggregates, and a manager that leads an order through them.
type (
	wallet   struct{ Cents int64 }
	funded   struct{ Cents int64 }
	debited  struct{ Order string }
	fund     struct{ Cents int64 }
	debit    struct{ Order string }
	dispatch struct{ Order string }
	left     struct{ Order string }
	giveUp   struct{ Why string }
	givenUp  struct{ Why string }
	wanted   struct{ Wallet string }
)

var wallets = decider.Decider[wallet, any, any]{
	Category: "wallet",
	Decide: func(s wallet, c any, _ decider.Context) ([]any, error) {
		switch c := c.(type) {
		case fund:
			return []any{funded(c)}, nil
		case debit:
			if s.Cents < 1 {
				return nil, &broke{Short: 1 - s.Cents}
			}
			return []any{debited(c)}, nil
		}
		return nil, errors.New("unknown")
	},
	Evolve: func(s wallet, e any) wallet {
		switch e := e.(type) {
		case funded:
			s.Cents += e.Cents
		case debited:
			s.Cents--
		}
		return s
	},
	Commands: map[string]any{"fund": fund{}, "debit": debit{}},
	Events:   map[string]any{"wallet.funded": funded{}, "wallet.debited": debited{}},
}

func plain[C, E any](category, command, event string, decide func(C) E) decider.Decider[int, any, any] {
	return decider.Decider[int, any, any]{
		Category: category,
		Decide:   func(_ int, c any, _ decider.Context) ([]any, error) { return []any{decide(c.(C))}, nil },
		Evolve:   func(n int, _ any) int { return n + 1 },
		Commands: map[string]any{command: *new(C)},
		Events:   map[string]any{event: *new(E), "order.wanted": wanted{}},
	}
}

func shopping() process.Manager[order] {
	return process.Manager[order]{
		Name:   "orders",
		Events: map[string]any{"order.wanted": wanted{}, "wallet.debited": debited{}, "depot.left": left{}},
		Correlate: func(e codec.Event[any]) (string, bool) {
			switch d := e.Data.(type) {
			case debited:
				return d.Order, false
			case left:
				return d.Order, false
			}
			return e.StreamID.Rest(), true
		},
		React: func(_ *order, e codec.Event[any], do *process.Effects) {
			switch d := e.Data.(type) {
			case wanted:
				do.Send(d.Wallet, debit{Order: do.Instance()})
				do.After(time.Nanosecond, "stamp")
			case debited:
				do.Send("main", dispatch(d))
			case left:
				do.Done()
			}
		},
		Timeout: func(o *order, timer string, _ *process.Effects) { o.Steps = append(o.Steps, timer) },
		Rejected: func(_ *order, _ any, why error, do *process.Effects) {
			do.Send(do.Instance(), giveUp{Why: why.Error()})
			do.Done()
		},
	}
}

// shop is all of it at work on a store, which may fail.
func shop(store *nacre.Store) *aggregate.Bus {
	return aggregate.NewBus(
		aggregate.New(store, wallets, nil),
		aggregate.New(store, plain("depot", "dispatch", "depot.left", func(c dispatch) left { return left(c) }), nil),
		aggregate.New(store, plain("order", "giveUp", "order.givenUp", func(c giveUp) givenUp { return givenUp(c) }), nil),
	)
}

// stock fills a store with what is wanted: every wallet pays for two orders of three.
func stock(t testing.TB, store *nacre.Store, orders int) {
	t.Helper()
	for i := range (orders + 2) / 3 {
		appendTo(t, store, fmt.Sprint("wallet-w", i), nacre.NewEvent("wallet.funded", funded{Cents: 2}))
	}
	for i := range orders {
		appendTo(t, store, fmt.Sprint("order-", i), nacre.NewEvent("order.wanted", wanted{Wallet: fmt.Sprint("w", i/3)}))
	}
}

// audit looks that every order was debited and sent once, or given up once, and that nothing else happened.
func audit(t testing.TB, store *nacre.Store, orders int) {
	t.Helper()
	what := map[string][]string{}
	ids := map[string]bool{}
	for e, err := range store.Read(t.Context(), nacre.Filter{{Types: []string{"wallet.debited", "depot.left", "order.givenUp"}}}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		about := e.StreamID.Rest()
		if e.Type != "order.givenUp" {
			_, about, _ = strings.Cut(strings.Trim(string(e.Data), `{}"`), `":"`)
		}
		what[about] = append(what[about], e.Type)
		var m struct {
			CommandID string `json:"commandId"`
		}
		if err := codec.Unmarshal(e.Metadata, &m); err != nil || ids[m.CommandID] {
			t.Errorf("command %q took effect twice (%v)", m.CommandID, err)
		}
		ids[m.CommandID] = true
	}
	refused := 0
	for i := range orders {
		switch got := what[fmt.Sprint(i)]; {
		case slices.Equal(got, []string{"order.givenUp"}):
			refused++
		case !slices.Equal(got, []string{"wallet.debited", "depot.left"}):
			t.Errorf("order %d: %q", i, got)
		}
	}
	if want := orders / 3; refused != want {
		t.Errorf("%d orders were given up, not %d", refused, want)
	}
	if open := mustLettersOf(t, store); open != 0 {
		t.Errorf("%d dead letters", open)
	}
}

func mustLettersOf(t testing.TB, store *nacre.Store) int {
	n := 0
	for e, err := range store.System().Read(t.Context(), nacre.Filter{{Types: []string{"letter.buried"}}}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s", e.Data)
		n++
	}
	return n
}

// fault is what goes wrong with one call of a driver: all of a store's drivers count together.
type fault struct {
	mu    sync.Mutex
	at    int  // the call that it hits, from 1; 0 is none
	after bool // the call takes effect, and its answer is lost
	last  bool // every later call fails, as with a process that is gone; else it is one only
	calls int
	dead  bool
}

var errFault = nacre.Errorf(nacre.CodeInternal, "a fault")

// call runs one call of a driver.
func (f *fault) call(do func() error) error {
	f.mu.Lock()
	f.calls++
	hit, dead := f.calls == f.at, f.dead
	if hit && f.last {
		f.dead = true
	}
	f.mu.Unlock()
	gone := nacre.Errorf(nacre.CodeClosed, "the process is gone")
	switch {
	case dead:
		return gone
	case hit && f.after:
		if err := do(); err != nil {
			return err
		}
	case !hit:
		return do()
	}
	if f.last {
		return gone
	}
	return errFault
}

// kept is everything that a driver of these tests can do.
type kept interface {
	nacre.Driver
	nacre.StreamLister
	nacre.BlobKeeper
	nacre.EventFinder
}

type faulty struct {
	kept
	f      *fault
	system nacre.Driver
}

// over puts the fault over a store. The store underneath stays as it is.
func (f *fault) over(store *nacre.Store) *nacre.Store {
	return nacre.NewStore(&faulty{store.Driver().(kept), f, &faulty{kept: store.System().Driver().(kept), f: f}}, nil)
}

func (d *faulty) System() nacre.Driver { return d.system }
func (d *faulty) Close() error         { return nil }

func (d *faulty) Append(ctx context.Context, batch []nacre.Append, c *nacre.Condition) (out []nacre.Appended, err error) {
	err = d.f.call(func() (e error) { out, e = d.kept.Append(ctx, batch, c); return e })
	return out, err
}

func (d *faulty) Head(ctx context.Context) (h nacre.Head, err error) {
	err = d.f.call(func() (e error) { h, e = d.kept.Head(ctx); return e })
	return h, err
}

func (d *faulty) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	return func(yield func(nacre.Event, error) bool) {
		if err := d.f.call(func() error { return nil }); err != nil {
			yield(nacre.Event{}, err)
			return
		}
		d.kept.Read(ctx, f, o)(yield)
	}
}

func (d *faulty) FindEvent(ctx context.Context, s nacre.StreamID, id string) (e nacre.Event, ok bool, err error) {
	err = d.f.call(func() (err error) { e, ok, err = d.kept.FindEvent(ctx, s, id); return err })
	return e, ok, err
}

func (d *faulty) PutBlob(ctx context.Context, key string, data []byte) error {
	return d.f.call(func() error { return d.kept.PutBlob(ctx, key, data) })
}

func (d *faulty) GetBlob(ctx context.Context, key string) (data []byte, err error) {
	err = d.f.call(func() (e error) { data, e = d.kept.GetBlob(ctx, key); return e })
	return data, err
}

// hurried is quick, with a blob after every record.
func hurried() *process.Options {
	o := silent()
	o.SnapshotEvery, o.Attempts = 1, 1000
	return o
}

// attempt catches up over a fault, and tells whether that went to its end.
func attempt(t testing.TB, store *nacre.Store, f *fault) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	over := f.over(store)
	_, err := process.CatchUp(ctx, over, shopping(), shop(over), hurried())
	if ctx.Err() != nil {
		t.Fatalf("call %d: it came to no end: %v", f.at, err)
	}
	return err == nil
}

// TestACrashAtEveryCallLosesNothingAndDoublesNothing ends a process at each call that it makes of the store, before and behind
// what the call does; another process goes on.
func TestACrashAtEveryCallLosesNothingAndDoublesNothing(t *testing.T) {
	for _, after := range []bool{false, true} {
		reached := 0
		for at := 1; ; at++ {
			store := memstore.Open(nil)
			stock(t, store, 4)
			f := &fault{at: at, after: after, last: true}
			done := attempt(t, store, f)
			if !attempt(t, store, &fault{}) {
				t.Fatalf("crash at call %d: the next process did not come to an end", at)
			}
			audit(t, store, 4)
			_ = store.Close()
			if t.Failed() {
				t.Fatalf("crash at call %d, after its effect: %t", at, after)
			}
			if reached = at; done && f.calls < at {
				break
			}
		}
		if reached < 30 {
			t.Errorf("only %d calls were met", reached)
		}
	}
}

// TestAFaultAtEveryCallIsOvercome fails each call of the store once; the same process goes on.
func TestAFaultAtEveryCallIsOvercome(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			store := memstore.Open(nil)
			stock(t, store, 4)
			f := &fault{at: at, after: after}
			if !attempt(t, store, f) && !attempt(t, store, &fault{}) { // a lease that could not be taken is told
				t.Fatalf("fault at call %d: it did not come to an end", at)
			}
			audit(t, store, 4)
			_ = store.Close()
			if t.Failed() {
				t.Fatalf("fault at call %d, after its effect: %t", at, after)
			}
			if f.calls < at {
				break
			}
		}
	}
}

// TestRandomCrashesOnFiles does so again and again, on a store in files that is opened anew each time, while orders come in.
func TestRandomCrashesOnFiles(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	defer func() {
		if t.Failed() {
			t.Logf("replay with: go test ./process -run TestRandomCrashesOnFiles -process.crashes %d", seed)
		}
	}()
	rng := rand.New(rand.NewPCG(seed, 7))
	dir := t.TempDir()
	const orders = 60
	for lives := 0; ; lives++ {
		store, err := filestore.Open(dir, &filestore.Options{Durability: filestore.Never})
		if err != nil {
			t.Fatal(err)
		}
		if lives == 0 {
			stock(t, store, orders)
		}
		f := &fault{after: rng.IntN(2) == 0, last: true}
		if lives < 40 {
			f.at = 1 + rng.IntN(80)
		}
		done := attempt(t, store, f)
		if done {
			audit(t, store, orders)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		if done && f.at == 0 {
			break
		}
	}
}

// TestAStartReadsNoHistory counts what a start reads of the companion log.
func TestAStartReadsNoHistory(t *testing.T) {
	store := open(t)
	stock(t, store, 300)
	if !attempt(t, store, &fault{}) {
		t.Fatal("it did not catch up")
	}
	head, err := store.System().Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var read counter
	over := read.over(store)
	o := hurried()
	o.SnapshotEvery = 1 << 30
	if _, err := process.CatchUp(t.Context(), over, shopping(), shop(over), o); err != nil {
		t.Fatal(err)
	}
	if n := read.companion; n > 50 {
		t.Errorf("a start read %d events of the companion log's %d", n, head.Position)
	}
	if read.log > 0 {
		t.Errorf("a start read %d events of the log again", read.log)
	}
}

// counter counts the events that are read.
type counter struct {
	mu             sync.Mutex
	log, companion int
}

type counted struct {
	kept
	n      *counter
	to     *int
	system nacre.Driver
}

func (c *counter) over(store *nacre.Store) *nacre.Store {
	return nacre.NewStore(&counted{store.Driver().(kept), c, &c.log, &counted{kept: store.System().Driver().(kept), n: c, to: &c.companion}}, nil)
}

func (d *counted) System() nacre.Driver { return d.system }
func (d *counted) Close() error         { return nil }

func (d *counted) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	return func(yield func(nacre.Event, error) bool) {
		for e, err := range d.kept.Read(ctx, f, o) {
			d.n.mu.Lock()
			*d.to++
			d.n.mu.Unlock()
			if !yield(e, err) {
				return
			}
		}
	}
}

func TestADamagedBlobIsMadeAgain(t *testing.T) {
	store := open(t)
	blobs, err := store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	stock(t, store, 10)
	if !attempt(t, store, &fault{}) {
		t.Fatal("it did not catch up")
	}
	whole, err := blobs.GetBlob(t.Context(), "processes/orders.json")
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(whole), `"format":1`, `"format":2`, 1)
	for name, blob := range map[string]string{
		"empty": "", "half": string(whole[:len(whole)/2]), "a checksum that is wrong": other, "no object": "[]",
		"another shape": `{"crc32c":"00000000"}`,
	} {
		if err := blobs.PutBlob(t.Context(), "processes/orders.json", []byte(blob)); err != nil {
			t.Fatal(err)
		}
		if s := catchUp(t, store, shopping(), shop(store), silent()); s != (process.Summary{}) {
			t.Errorf("%s: %+v", name, s)
		}
		if again, err := blobs.GetBlob(t.Context(), "processes/orders.json"); err != nil || len(again) < len(whole)-20 {
			t.Errorf("%s: the blob is %s, %v", name, again, err)
		}
	}
	audit(t, store, 10)
}

func TestTwoRunnersOfOneNameCannotBothCommit(t *testing.T) {
	// The second one has taken the lease while the first one sleeps between its look at the lease and its commit.
	store := open(t)
	stock(t, store, 30)
	var pause sync.WaitGroup
	pause.Add(1)
	slow := &sleepy{kept: store.System().Driver().(kept), wake: &pause, asleep: make(chan struct{})}
	over := nacre.NewStore(&halved{kept: store.Driver().(kept), system: slow}, nil)
	first := make(chan error, 1)
	go func() {
		_, err := process.CatchUp(t.Context(), over, shopping(), shop(over), silent())
		first <- err
	}()
	<-slow.asleep
	takeOver(t, store)
	ids := map[string]bool{}
	for e, err := range store.System().Read(t.Context(), nacre.Filter{{Tags: []string{"process:orders"}}}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		ids[e.ID] = true
	}
	pause.Done()
	o := silent()
	o.Lease = 100 * time.Millisecond
	if _, err := process.CatchUp(t.Context(), store, shopping(), shop(store), o); err != nil && nacre.CodeOf(err) != process.CodeAlreadyRunning && nacre.CodeOf(err) != process.CodeHeld {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	audit(t, store, 30)
	seen := map[string]bool{}
	for e, err := range store.System().Read(t.Context(), nacre.Filter{{Tags: []string{"process:orders"}}}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(e.StreamID)+e.ID] {
			t.Errorf("%s has %s twice", e.StreamID, e.ID)
		}
		seen[string(e.StreamID)+e.ID] = true
	}
	if len(maps.Collect(maps.All(seen))) <= len(ids) {
		t.Error("nothing was committed since")
	}
}

// takeOver commits for another runner what the sleeping one is about to.
func takeOver(t *testing.T, store *nacre.Store) {
	t.Helper()
	other := nacre.Event{Type: "process.committed", Data: []byte(`{"position":0,"epoch":"` + epoch(t, store) + `"}`), Tags: []string{"process:orders"}}
	if _, err := store.System().Append(t.Context(), "process-orders", nacre.NoStream, other); err != nil {
		t.Fatal(err)
	}
}

func epoch(t *testing.T, store *nacre.Store) string {
	t.Helper()
	head, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head.Epoch
}

// sleepy sleeps at the first commit of a manager.
type sleepy struct {
	kept
	wake   *sync.WaitGroup
	asleep chan struct{}
	once   sync.Once
}

func (d *sleepy) Append(ctx context.Context, batch []nacre.Append, c *nacre.Condition) ([]nacre.Appended, error) {
	if batch[len(batch)-1].Stream == "process-orders" {
		d.once.Do(func() {
			close(d.asleep)
			d.wake.Wait()
		})
	}
	return d.kept.Append(ctx, batch, c)
}

// halved is a log with another companion.
type halved struct {
	kept
	system nacre.Driver
}

func (d *halved) System() nacre.Driver { return d.system }
func (d *halved) Close() error         { return nil }
