package process

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/storage/memstore"
)

var (
	seedFlag    = flag.Uint64("process.seed", 0, "replays a random test")
	storiesFlag = flag.Int("process.stories", 60, "how many random stories are told")
)

// The model of the random test. An event of an instance adds commands, sets and cancels timers, ends it.
type (
	told struct {
		Who    string   `json:"who"`
		Begins bool     `json:"begins,omitempty"`
		Send   int      `json:"send,omitempty"`
		After  int      `json:"after,omitempty"` // seconds
		Timer  string   `json:"timer,omitempty"`
		Cancel string   `json:"cancel,omitempty"`
		Ends   bool     `json:"ends,omitempty"`
		Trips  int      `json:"trips,omitempty"` // so often a reaction panics
		Part   int      `json:"part,omitempty"`
		Split  []string `json:"split,omitempty"` // it decodes to one more event for each of them
	}
	deed struct {
		From string `json:"from"`
		N    int    `json:"n"`
		Why  string `json:"why"`
	}
	tally struct {
		Events, Timers, Refusals int
	}
)

// world is what a manager works in: the log, what commands did, and the faults that are drawn.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	store *nacre.Store
	l     *ledger
	m     *model
	now   time.Time
	trips map[string]int // reactions that are still to fail, by event
	tries map[string]int // dispatches that are still to fail, by command
	did   map[string]string
	order map[string][]string // command ids by instance, in the order of their effects
}

func (w *world) manager() Manager[tally] {
	send := func(do *Effects, n int, why string) {
		for i := range n {
			do.Send("to-"+do.Instance(), deed{From: do.Instance(), N: i, Why: why})
		}
	}
	trip := func(key string, n int) {
		if _, met := w.trips[key]; !met {
			w.trips[key] = n
		}
		if w.trips[key] > 0 {
			w.trips[key]--
			panic("tripped over " + key)
		}
	}
	split := func(e nacre.Event) ([]nacre.Event, error) {
		var d told
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return nil, err
		}
		first := d
		first.Split = nil
		out := []nacre.Event{nacre.NewEvent("told", first)}
		for i, who := range d.Split {
			out = append(out, nacre.NewEvent("told", told{Who: who, Send: 1, Begins: d.Begins, Part: i + 1}))
		}
		return out, nil
	}
	return Manager[tally]{
		Name:     "sim",
		Events:   map[string]any{"told": told{}},
		Codec:    &codec.Options{Upcast: map[string]codec.Upcaster{"tolds": split}},
		Commands: map[string]any{"deed": deed{}},
		Correlate: func(e codec.Event[any]) (string, bool) {
			d := e.Data.(told)
			return d.Who, d.Begins
		},
		React: func(s *tally, e codec.Event[any], do *Effects) {
			d := e.Data.(told)
			s.Events++
			send(do, d.Send, fmt.Sprint("event ", e.GlobalPosition, ".", d.Part))
			if d.Cancel != "" {
				do.Cancel(d.Cancel)
			}
			if d.After > 0 {
				do.After(time.Duration(d.After)*time.Second, d.Timer)
			}
			if d.Ends {
				do.Done()
			}
			trip(fmt.Sprint(e.GlobalPosition, ".", d.Part), d.Trips) // last, so that what was asked for must be forgotten
		},
		Timeout: func(s *tally, timer string, do *Effects) {
			s.Timers++
			send(do, 1, fmt.Sprint("timer ", timer, do.Now().Unix()))
			if strings.HasSuffix(timer, "2") {
				do.After(3*time.Second, "again")
			}
			trip(fmt.Sprint(do.Instance(), timer, do.Now()), len(timer)%2)
		},
		Rejected: func(s *tally, command any, why error, do *Effects) {
			s.Refusals++
			d := command.(deed)
			do.Send("undo-"+d.From, deed{From: d.From, N: d.N, Why: "undo " + d.Why + " " + why.Error()})
			trip(fmt.Sprint("undo", do.Instance(), d), d.N%2)
		},
	}
}

// refuses tells whether a command is one that a domain error refuses: it depends on nothing but the command. Those of
// instances that end are not refused, since who hears of that depends on the order.
func refuses(c *command) bool {
	return (c.To == "to-i0" || c.To == "to-i1" || c.To == "to-i2") && hash(string(c.Payload))[0] < 'i'
}

// dispatch gives what becomes of a command, and remembers what it did.
func (w *world) dispatch(j job, faults bool) error {
	c := &j.c.command
	if faults {
		if _, met := w.tries[c.ID]; !met {
			w.tries[c.ID] = w.rng.IntN(4)
		}
		if w.tries[c.ID] > 0 {
			w.tries[c.ID]--
			return nacre.Errorf(nacre.CodeInternal, "a fault")
		}
	}
	if refuses(c) {
		return errors.New("no")
	}
	if _, done := w.did[c.ID]; !done {
		w.did[c.ID] = c.To + " " + string(c.Payload)
		w.order[j.in.id] = append(w.order[j.in.id], c.ID)
	}
	return nil
}

func newWorld(t *testing.T, rng *rand.Rand, history []nacre.Append, at []time.Time) *world {
	w := &world{
		t: t, rng: rng, now: at[0],
		trips: map[string]int{}, tries: map[string]int{}, did: map[string]string{}, order: map[string][]string{},
	}
	w.store = memstore.Open(&memstore.Options{Now: func() time.Time { return w.now }})
	t.Cleanup(func() { _ = w.store.Close() })
	for i := range history {
		w.now = at[i]
		if _, err := w.store.Commit(t.Context(), nil, history[i]); err != nil {
			t.Fatal(err)
		}
	}
	log := slog.New(slog.DiscardHandler)
	var err error
	if w.l, err = newLedger(w.store, "sim", log); err != nil {
		t.Fatal(err)
	}
	if w.m, err = compile(w.manager(), nowhere{}, log); err != nil {
		t.Fatal(err)
	}
	return w
}

type nowhere struct{}

func (nowhere) Dispatch(context.Context, string, any) error { return nil }

// story draws a log.
func story(rng *rand.Rand) (history []nacre.Append, at []time.Time) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 1 + rng.IntN(120) {
		now = now.Add(time.Duration(rng.IntN(3000)) * time.Millisecond)
		who := func() string { return fmt.Sprint("i", rng.IntN(5)) }
		d := told{Who: who(), Begins: rng.IntN(3) > 0, Send: rng.IntN(4)}
		d.Ends = rng.IntN(3) == 0 && (d.Who == "i3" || d.Who == "i4")
		if rng.IntN(3) == 0 {
			d.After, d.Timer = 1+rng.IntN(8), fmt.Sprint("t", rng.IntN(3))
		}
		if rng.IntN(5) == 0 {
			d.Cancel = fmt.Sprint("t", rng.IntN(3))
		}
		if rng.IntN(6) == 0 {
			d.Trips = rng.IntN(4)
		}
		if rng.IntN(20) == 0 {
			d.Who = "" // nobody's
		}
		event := nacre.NewEvent("told", d)
		if rng.IntN(6) == 0 {
			d.Split = []string{who(), who()}
			event = nacre.NewEvent("tolds", d)
		}
		history = append(history, nacre.Append{Stream: nacre.StreamID("s-" + who()), Events: []nacre.Event{event.WithID(fmt.Sprintf("e%d", len(history)))}})
		at = append(at, now)
	}
	return history, at
}

// settled is what everything comes to: what took effect, and what every instance knows.
type settled struct {
	did    map[string]string
	states map[string]string
}

// work runs the manager over the log to its end, with the faults that are drawn, and tells what it came to.
func (w *world) work(faults bool) settled {
	t, ctx := w.t, w.t.Context()
	b := defaultBounds()
	b.attempts = 10
	if faults {
		b.inputs, b.bytes = 1+w.rng.IntN(6), 200+w.rng.IntN(4000)
		b.outbox, b.held, b.pending = 1+w.rng.IntN(5), 1+w.rng.IntN(5), 1+w.rng.IntN(8)
		b.idle, b.notes = 1+w.rng.IntN(3), 1+w.rng.IntN(3)
		b.delay = func(int) time.Duration { return time.Duration(w.rng.IntN(3)) * time.Millisecond }
	}
	e := w.open(b)
	flying := []job{}
	head, err := w.store.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	end := w.now.Add(time.Minute) // every timer is due by then
	chance := func(n int) bool { return faults && w.rng.IntN(n) == 0 }
	for round := 0; ; round++ {
		if round > 100_000 {
			t.Fatalf("it comes to no end: %d in the queue, %d marks, %d lines, %d held", len(e.queue), e.marks.total, e.lines, len(e.heldNow))
		}
		w.now = w.now.Add(time.Millisecond)
		if len(e.queue) == 0 && e.given < head.Position {
			e.give(w.readOn(e.given, head.Position))
		}
		horizon := time.Time{}
		if e.given == head.Position {
			horizon = end
		}
		if err := e.step(ctx, w.now, horizon, true); err != nil {
			t.Fatal(err)
		}
		sealed, err := e.seal(chance(3))
		if err != nil {
			t.Fatal(err)
		}
		if sealed != nil {
			if !w.commit(e, sealed, chance) { // a crash, before or after
				e, flying = w.open(b), nil
				continue
			}
			if chance(10) {
				w.keepBlob(e)
			}
		}
		e.rouse(w.now)
		for len(flying) < 3 {
			j, ok := e.next()
			if !ok {
				break
			}
			flying = append(flying, j)
		}
		for len(flying) > 0 && !chance(3) {
			i := 0
			if faults {
				i = w.rng.IntN(len(flying))
			}
			j := flying[i]
			flying = slices.Delete(flying, i, i+1)
			outcome := w.dispatch(j, faults)
			if chance(25) { // a crash, between dispatch and its note
				e, flying = w.open(b), nil
				break
			}
			e.finish(j, outcome, w.now)
		}
		if chance(60) {
			w.rebuilt(e)
			e, flying = w.open(b), nil
		}
		if _, timers := e.nextTimer(); e.given == head.Position && e.idle() && !timers && len(flying) == 0 {
			break
		}
	}
	if e.done() != head.Position || len(e.letters) != 0 {
		t.Errorf("done up to %d of %d, %d dead letters", e.done(), head.Position, len(e.letters))
	}
	// Ids of what timers lead to depend on when refusals came; what was done does not.
	did := map[string]string{}
	for id, deed := range w.did {
		if other, twice := did[deed]; twice {
			t.Errorf("%s was done twice, as %s and %s", deed, other, id)
		}
		did[deed] = id
	}
	for deed := range did {
		did[deed] = ""
	}
	return settled{did, w.states()}
}

// open makes an engine, as a process does that starts.
func (w *world) open(b bounds) *engine {
	e, err := w.l.open(w.t.Context(), w.m, b, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// readOn reads some events behind a position.
func (w *world) readOn(after, head nacre.Position) ([]nacre.Event, nacre.Position) {
	n := 1 + w.rng.IntN(10)
	var events []nacre.Event
	for e, err := range w.store.Read(w.t.Context(), nil, &nacre.ReadOptions{After: after, Limit: n}) {
		if err != nil {
			w.t.Fatal(err)
		}
		events = append(events, e)
		head = e.GlobalPosition
	}
	return events, head
}

// commit commits a batch, as often as is drawn, and tells whether the process outlived it.
func (w *world) commit(e *engine, b *batch, chance func(int) bool) bool {
	if chance(20) {
		return false
	}
	if len(e.draft.inputs) > 1 && chance(15) {
		if err := e.refuse(b, nacre.Errorf(nacre.CodeTooLarge, "as drawn")); err != nil {
			w.t.Fatal(err)
		}
		return true
	}
	var at nacre.Position
	for {
		out, err := w.l.system.Commit(w.t.Context(), nil, b.appends...)
		if err != nil {
			w.t.Fatalf("commit: %v", err)
		}
		at = out[len(out)-1].Position()
		if !chance(5) { // the answer was lost
			break
		}
	}
	if chance(20) {
		return false
	}
	e.committed(b, at)
	return true
}

func (w *world) keepBlob(e *engine) {
	if err := w.l.writeBlob(w.t.Context(), e); err != nil {
		w.t.Fatal(err)
	}
	if w.rng.IntN(4) == 0 {
		data, err := w.l.blobs.GetBlob(w.t.Context(), blobKey("sim"))
		if err != nil {
			w.t.Fatal(err)
		}
		data[w.rng.IntN(len(data))] ^= 1 << w.rng.IntN(8)
		if err := w.l.blobs.PutBlob(w.t.Context(), blobKey("sim"), data); err != nil {
			w.t.Fatal(err)
		}
	}
}

// rebuilt looks that what a start reads, with the blob and without, is what the engine knows.
func (w *world) rebuilt(e *engine) {
	want := knowledge(e)
	for _, how := range []string{"with the blob", "from the start"} {
		if how == "from the start" {
			if err := w.l.blobs.DeleteBlob(w.t.Context(), blobKey("sim")); err != nil {
				w.t.Fatal(err)
			}
		}
		if got := knowledge(w.open(defaultBounds())); got != want {
			w.t.Fatalf("%s, an engine knows\n%s\nand the one before it knew\n%s", how, got, want)
		}
	}
}

// knowledge is what an engine knows as of its last commit, as text.
func knowledge(e *engine) string {
	var out strings.Builder
	fmt.Fprintln(&out, e.version, e.position, e.last, sortedHeld(e.heldNow))
	for _, id := range slices.Sorted(maps.Keys(e.book.all)) {
		if in := e.book.all[id]; in.t.open() {
			text, _ := json.Marshal(in.t.record(nil))
			all := ""
			for _, c := range in.t.outbox {
				all += c.ID + " "
			}
			var r record
			_ = json.Unmarshal(text, &r)
			r.Outbox = nil
			text, _ = json.Marshal(&r)
			fmt.Fprintln(&out, id, in.t.version, string(text), all)
		}
	}
	return out.String()
}

// states are the last records of all instances.
func (w *world) states() map[string]string {
	out := map[string]string{}
	f := nacre.Filter{{Categories: []string{instanceCategory}}}
	for e, err := range w.l.system.Read(w.t.Context(), f, nil) {
		if err != nil {
			w.t.Fatal(err)
		}
		var r record
		if err := read(&e, &r); err != nil {
			w.t.Fatal(err)
		}
		out[string(e.StreamID)] = fmt.Sprint(r.Life, r.Began, string(r.State), r.Timers == nil, r.Done)
	}
	return out
}

// beside is what one has and the other does not.
func beside(a, b map[string]string) (out []string) {
	for _, id := range slices.Sorted(maps.Keys(a)) {
		if _, there := b[id]; !there {
			out = append(out, id)
		}
	}
	return out
}

// TestRandomStoriesComeToTheSame runs a manager over random logs, with random bounds, crashes at every kind of point, lost
// answers, refused batches, failing reactions and dispatches: what took effect, and what every instance knows in the end, is what a
// run without any fault comes to.
func TestRandomStoriesComeToTheSame(t *testing.T) {
	seeds := []uint64{*seedFlag}
	if *seedFlag == 0 {
		seeds = nil
		n := *storiesFlag
		if testing.Short() {
			n = min(n, 8)
		}
		for range n {
			seeds = append(seeds, rand.Uint64())
		}
	}
	for _, seed := range seeds {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			history, at := story(rng)
			plain := newWorld(t, rand.New(rand.NewPCG(seed, 2)), history, at)
			want := plain.work(false)
			faulty := newWorld(t, rand.New(rand.NewPCG(seed, 3)), history, at)
			got := faulty.work(true)
			if !maps.Equal(got.did, want.did) {
				t.Errorf("%d commands took effect, and %d without faults: only with them %q, only without %q",
					len(got.did), len(want.did), beside(got.did, want.did), beside(want.did, got.did))
			}
			if !maps.Equal(got.states, want.states) {
				t.Errorf("instances know\n%v\nand without faults\n%v", got.states, want.states)
			}
			if open, err := runner.Letters(t.Context(), faulty.store, runner.Process, "sim"); err != nil || len(open) > 0 {
				t.Errorf("dead letters %v, %v", open, err)
			}
		})
		if !ok {
			t.Fatalf("replay with: go test ./process -run TestRandomStoriesComeToTheSame -process.seed %d", seed)
		}
	}
}
