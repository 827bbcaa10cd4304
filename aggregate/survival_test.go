package aggregate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math/big"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
)

// States that JSON would lose a part of are never kept, and that is told.
func TestAStateThatDoesNotSurviveIsNotKept(t *testing.T) {
	type hidden struct {
		Shown int
		kept  int //nolint:unused // it is what is tested
	}
	type left struct {
		Out int `json:"-"`
	}
	type inner struct{ Map map[string][]*hidden }
	type embedded struct{ hidden }
	type number int //nolint:unused // it is what is tested
	type alias struct {
		number //nolint:unused // it is what is tested
	}
	type recursive struct {
		Next *recursive
		At   time.Time
	}
	type text struct{ Any any }
	for name, test := range map[string]struct {
		keep func(t *testing.T, o *aggregate.Options) (kept bool)
		want bool
	}{
		"plain":             {keeps[account], true},
		"recursive":         {keeps[recursive], true},
		"a time":            {keeps[time.Time], true},
		"raw JSON":          {keeps[json.RawMessage], true},
		"own encoding":      {keeps[own], true},
		"unexported":        {keeps[hidden], false},
		"left out":          {keeps[left], false},
		"deep":              {keeps[inner], false},
		"embedded":          {keeps[embedded], false},
		"embedded number":   {keeps[alias], false},
		"any":               {keeps[text], false},
		"a mutex":           {keeps[sync.Mutex], false},
		"a function":        {keeps[func()], false},
		"comes back wrong":  {keeps[forgetful], false},
		"does not come out": {keeps[silent], false},
	} {
		t.Run(name, func(t *testing.T) {
			var told strings.Builder
			o := &aggregate.Options{SnapshotEvery: 1, Logger: slog.New(slog.NewTextHandler(&told, nil))}
			if kept := test.keep(t, o); kept != test.want {
				t.Errorf("kept: %t", kept)
			}
			warned := strings.Count(told.String(), "level=WARN")
			if test.want && warned != 0 || !test.want && warned != 1 {
				t.Errorf("warned %d times: %s", warned, told.String())
			}
		})
	}
}

// keeps tells whether snapshots of a state that stays as it was at first are kept.
func keeps[S any](t *testing.T, o *aggregate.Options) bool {
	var first S
	return keepsOf(t, becomes(first), o)
}

func keepsOf[S any](t *testing.T, d decider.Decider[S, int, int], o *aggregate.Options) bool {
	store := newStore(t)
	r := aggregate.New(store, d, o)
	for i := range 3 {
		if _, err := r.Get("a").Execute(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	blobs, err := store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range blobs.ListBlobs(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		return true
	}
	return false
}

type own struct{ secret int }

func (o own) MarshalJSON() ([]byte, error)     { return json.Marshal(o.secret) }
func (o *own) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &o.secret) }

type forgetful struct{ N int }

func (forgetful) MarshalJSON() ([]byte, error)  { return []byte(`{"N":1}`), nil }
func (f *forgetful) UnmarshalJSON([]byte) error { return errors.New("what was it?") }
func (silent) MarshalJSON() ([]byte, error)     { return nil, errors.New("not a word") }
func (s *silent) UnmarshalJSON(_ []byte) error  { return nil }

type silent struct{}

// The states of the following tests.
type (
	shadowing struct { // JSON has the outer Count only
		base
		Count int
	}
	base   struct{ Count int }
	opened struct { // the time's own encoding is the whole one's
		time.Time
		Cents int
	}
	addressed struct { // and so is the address's text
		netip.Addr
		Names map[string]int
	}
	known struct { // by its ID, which says nothing of the rest
		shadowing
		ID int
	}
	reading struct { // does not write all down
		value, cache int
	}
	careful struct { // does neither, and says that it does not matter
		value, cache int
	}
	ring struct { // leads back to itself
		next *ring
		n    int
	}
	anything struct{ in any }
	window   struct{ from, until time.Time }
)

func (k known) Equal(other known) bool { return k.ID == other.ID }

func (r reading) MarshalJSON() ([]byte, error)     { return json.Marshal(r.value) }
func (r *reading) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &r.value) }

func (c careful) MarshalText() ([]byte, error)     { return json.Marshal(c.value) }
func (c *careful) UnmarshalText(text []byte) error { return json.Unmarshal(text, &c.value) }
func (c careful) Equal(other careful) bool         { return c.value == other.value }

func (r *ring) MarshalJSON() ([]byte, error) { return json.Marshal(r.n) }
func (r *ring) UnmarshalJSON(text []byte) error {
	r.next = r
	return json.Unmarshal(text, &r.n)
}

func (a anything) MarshalJSON() ([]byte, error)     { return json.Marshal(a.in) }
func (a *anything) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &a.in) }

func (w window) MarshalJSON() ([]byte, error) { return json.Marshal([]time.Time{w.from, w.until}) }
func (w *window) UnmarshalJSON(text []byte) error {
	both := []*time.Time{&w.from, &w.until}
	return json.Unmarshal(text, &both)
}

// becomes gives a decider with a given state after every event.
func becomes[S any](state S) decider.Decider[S, int, int] {
	return decider.Decider[S, int, int]{
		Category: "thing",
		Decide:   func(_ S, c int, _ decider.Context) ([]int, error) { return []int{c}, nil },
		Evolve:   func(S, int) S { return state },
		Events:   map[string]int{"thing.done": 0},
	}
}

// written tells whether a snapshot of a state is written.
func written[S any](state S) func(t *testing.T, o *aggregate.Options) bool {
	return func(t *testing.T, o *aggregate.Options) bool { return keepsOf(t, becomes(state), o) }
}

// A state is kept where it comes back whole from its JSON, which its text alone does not tell.
func TestWhatComesBackFromJSONIsTheWholeState(t *testing.T) {
	type omitting struct {
		Map   map[string]int `json:",omitempty"`
		Slice []int          `json:",omitempty"`
		Raw   json.RawMessage
		Array [2]float64
		When  map[int]*time.Time
	}
	type within struct{ Deep map[string][]*reading }
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.FixedZone("there", 3600))
	address := netip.MustParseAddr("192.0.2.1")
	loop := &ring{n: 1}
	loop.next = loop
	for name, test := range map[string]struct {
		keep  func(t *testing.T, o *aggregate.Options) (kept bool)
		wrong string // "" where it is kept
	}{
		"empty or none":            {written(omitting{Map: map[string]int{}, Slice: []int{}, Raw: json.RawMessage(`{ "a": 1 }`), When: map[int]*time.Time{1: &noon}}), ""},
		"the clock's time":         {written(time.Now()), ""},
		"times within":             {written(window{noon, noon.UTC()}), ""},
		"a great number":           {written(new(big.Int).Lsh(big.NewInt(3), 500)), ""},
		"a cache that is not kept": {written([]careful{{1, 2}}), ""},
		"a ring":                   {written(loop), ""},
		"nothing at all":           {written[*account](nil), ""},
		"text in anything":         {written(anything{"text"}), ""},

		"a shadowed field":              {written(shadowing{base{3}, 4}), "aggregate_test.shadowing.base.Count is another"},
		"beside an embedded time":       {written(opened{noon, 7}), "aggregate_test.opened.Cents is another"},
		"beside an embedded text":       {written(addressed{address, map[string]int{"x": 1}}), "aggregate_test.addressed.Names is another"},
		"equal in another sense":        {written(known{shadowing{base{3}, 4}, 1}), "aggregate_test.known.shadowing.base.Count is another"},
		"what is not written":           {written(reading{1, 2}), "aggregate_test.reading.cache is another"},
		"what is not written, far down": {written(within{map[string][]*reading{"k": {{1, 0}, {1, 2}}}}), ".Deep[k][1].cache is another"},
		"a number in anything":          {written(anything{5}), "aggregate_test.anything.in is another"},
		"a map of numbers in anything":  {written(anything{map[string]any{"n": 1.5, "m": int64(2)}}), ".in[m] is another"},
	} {
		t.Run(name, func(t *testing.T) {
			var told strings.Builder
			kept := test.keep(t, &aggregate.Options{SnapshotEvery: 1, Logger: slog.New(slog.NewTextHandler(&told, nil))})
			if kept != (test.wrong == "") {
				t.Errorf("kept: %t", kept)
			}
			if test.wrong == "" && told.Len() > 0 || !strings.Contains(told.String(), test.wrong) {
				t.Errorf("it is not told that %q: %s", test.wrong, told.String())
			}
		})
	}
}

// A state that JSON loses a part of is the same after a restart as before it.
func TestAStateThatDoesNotSurviveIsThatOfAllEvents(t *testing.T) {
	d := decider.Decider[shadowing, int, int]{
		Category: "thing",
		Decide:   func(_ shadowing, c int, _ decider.Context) ([]int, error) { return []int{c}, nil },
		Evolve: func(s shadowing, e int) shadowing {
			s.Count++
			s.base.Count += e
			return s
		},
		Events: map[string]int{"thing.done": 0},
	}
	store := newStore(t)
	o := &aggregate.Options{SnapshotEvery: 5, Logger: slog.New(slog.DiscardHandler)}
	r := aggregate.New(store, d, o)
	for range 23 {
		if _, err := r.Get("a").Execute(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := shadowing{base{230}, 23}
	if s, err := repositoryOf(t, store, d, o).Get("a").State(t.Context()); err != nil || s != want {
		t.Errorf("%+v, %v, and not %+v", s, err, want)
	}
}

// touchy is a state that loses its temper over its JSON.
type touchy struct {
	N       int
	writing string // what it does instead of being written
}

func (s touchy) MarshalJSON() ([]byte, error) {
	switch s.writing {
	case "panics":
		panic("not me")
	case "ends":
		runtime.Goexit()
	}
	return json.Marshal(s.N)
}

func (s *touchy) UnmarshalJSON(text []byte) error {
	if string(text) == "13" {
		panic("unlucky")
	}
	return json.Unmarshal(text, &s.N)
}

// touchies have a state that behaves, when it is written, as the repository's decider says.
func touchies(writing string) decider.Decider[touchy, int, int] {
	return decider.Decider[touchy, int, int]{
		Category: "touchy",
		Decide:   func(_ touchy, c int, _ decider.Context) ([]int, error) { return []int{c}, nil },
		Evolve:   func(s touchy, e int) touchy { return touchy{s.N + e, writing} },
		Events:   map[string]int{"touchy.touched": 0},
	}
}

// Commands go on where a state cannot be encoded, whichever way it fails; Close does not wait for its snapshot.
func TestAStateThatFailsWhileItIsEncodedIsNotKept(t *testing.T) {
	for writing, want := range map[string]string{"panics": "not me", "ends": "ended its goroutine"} {
		t.Run(writing, func(t *testing.T) {
			store, g := newRig(t)
			g.onPut = func(key string, data []byte) error {
				t.Errorf("%s was kept: %s", key, data)
				return nil
			}
			var told strings.Builder
			r := aggregate.New(store, touchies(writing), &aggregate.Options{SnapshotEvery: 1, Logger: slog.New(slog.NewTextHandler(&told, nil))})
			for i := range 20 {
				if got, err := r.Get(fmt.Sprint(i%3)).Execute(t.Context(), 1); err != nil || got.State.N != 1+i/3 {
					t.Errorf("%+v, %v", got, err)
				}
			}
			if err := r.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if strings.Count(told.String(), "level=WARN") != 1 || !strings.Contains(told.String(), want) {
				t.Errorf("told: %s", told.String())
			}
		})
	}
}

func TestASnapshotWhoseStatePanicsWhenItIsDecodedIsPassedOver(t *testing.T) {
	store := newStore(t)
	r := aggregate.New(store, touchies(""), &aggregate.Options{SnapshotEvery: 2})
	for _, n := range []int{5, 7} {
		if _, err := r.Get("a").Execute(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	blobs, err := store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for key, err := range blobs.ListBlobs(t.Context(), "snapshots/") {
		if err != nil {
			t.Fatal(err)
		}
		text, err := blobs.GetBlob(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		sum := func(state string) string {
			return fmt.Sprintf("%08x", crc32.Checksum([]byte(state), crc32.MakeTable(crc32.Castagnoli)))
		}
		spoilt := strings.NewReplacer(`"state":12`, `"state":13`, sum("12"), sum("13")).Replace(string(text))
		if err := blobs.PutBlob(t.Context(), key, []byte(spoilt)); err != nil {
			t.Fatal(err)
		}
		found++
	}
	var told strings.Builder
	again := repositoryOf(t, store, touchies(""), &aggregate.Options{SnapshotEvery: 2, Logger: slog.New(slog.NewTextHandler(&told, nil))})
	if s, err := again.Get("a").State(t.Context()); err != nil || s.N != 12 || found != 1 {
		t.Errorf("%+v, %v, with %d snapshots", s, err, found)
	}
	if !strings.Contains(told.String(), "unlucky") {
		t.Errorf("the panic is not in the log: %s", told.String())
	}
}
