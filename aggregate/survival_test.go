package aggregate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
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

// keeps tells whether snapshots of a state are kept.
func keeps[S any](t *testing.T, o *aggregate.Options) bool {
	store := newStore(t)
	d := decider.Decider[S, int, int]{
		Category: "thing",
		Decide:   func(_ S, c int, _ decider.Context) ([]int, error) { return []int{c}, nil },
		Evolve:   func(s S, _ int) S { return s },
		Events:   map[string]int{"thing.done": 0},
	}
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
