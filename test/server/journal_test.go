package server_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
)

// fact is the data of every event: which batch it belongs to, and where it stands in it.
type fact struct {
	Batch string `json:"batch"`
	Index int    `json:"index"`
	Size  int    `json:"size"`
	Pad   string `json:"pad"`
}

// batch is what a writer appends at once. No two have one name.
type batch struct {
	name      string
	condition *nacre.Condition
	parts     []nacre.Append
}

// newBatch is a batch of so many events to each of the streams.
func newBatch(rng *rand.Rand, name string, counts []int, streams ...nacre.StreamID) *batch {
	b := &batch{name: name, parts: make([]nacre.Append, len(streams))}
	size := 0
	for _, n := range counts {
		size += n
	}
	index := 0
	for i, stream := range streams {
		b.parts[i].Stream = stream
		for range counts[i] {
			e := nacre.NewEvent(fmt.Sprintf("kind-%d", rng.IntN(4)),
				fact{Batch: name, Index: index, Size: size, Pad: strings.Repeat("p", rng.IntN(400))})
			b.parts[i].Events = append(b.parts[i].Events, e.WithTags(fmt.Sprintf("n:%d", rng.IntN(10))))
			index++
		}
	}
	return b
}

// giveIDs gives every event an id of the writer's own.
func (b *batch) giveIDs() {
	n := 0
	for i := range b.parts {
		for k := range b.parts[i].Events {
			b.parts[i].Events[k].ID = fmt.Sprintf("%s.%d", b.name, n)
			n++
		}
	}
}

// place is where an event stands.
type place struct {
	Position       nacre.Position
	Stream         nacre.StreamID
	StreamPosition int64
	ID             string
}

func placeOf(e *nacre.Event) place {
	return place{e.GlobalPosition, e.StreamID, e.StreamPosition, e.ID}
}

func placesOf(out []nacre.Appended) []place {
	var places []place
	for i := range out {
		for k := range out[i].Events {
			places = append(places, placeOf(&out[i].Events[k]))
		}
	}
	return places
}

// fate is what is known of a batch.
type fate int

const (
	written fate = iota // it was acknowledged
	refused             // it was told that nothing was written
	unknown             // the writer gave up before it knew
)

// entry is what a writer notes of a batch.
type entry struct {
	batch  *batch
	fate   fate
	places []place // where it is written
	why    nacre.Code
}

// journal is what writers note, each in its own order.
type journal struct {
	mu      sync.Mutex
	entries map[string][]entry // by writer
}

func newJournal() *journal { return &journal{entries: make(map[string][]entry)} }

func (j *journal) note(writer string, e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries[writer] = append(j.entries[writer], e)
}

// summary counts what there is.
func (j *journal) summary() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var fates [3]int
	why := make(map[nacre.Code]int)
	for _, list := range j.entries {
		for i := range list {
			fates[list[i].fate]++
			if list[i].fate == refused {
				why[list[i].why]++
			}
		}
	}
	return fmt.Sprintf("%d batches acknowledged, %d refused %v, %d unknown", fates[written], fates[refused], why, fates[unknown])
}

// readLog reads a store that no process has open.
func readLog(t *testing.T, dir string) ([]nacre.Event, nacre.Head) {
	t.Helper()
	s, err := filestore.Open(dir, &filestore.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var log []nacre.Event
	for e, err := range s.Read(t.Context(), nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, e)
	}
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return log, head
}

// check looks at what is in the log against what the writers noted.
func (j *journal) check(t *testing.T, log []nacre.Event) {
	t.Helper()
	starts := wholeBatches(t, log)
	j.mu.Lock()
	defer j.mu.Unlock()
	known := make(map[string]bool)
	for writer, list := range j.entries {
		last := nacre.Position(0)
		for i := range list {
			e := &list[i]
			known[e.batch.name] = true
			at, there := starts[e.batch.name]
			switch e.fate {
			case refused:
				if there {
					t.Fatalf("batch %s was refused with %s, and stands at %d", e.batch.name, e.why, at)
				}
			case written:
				if !there {
					t.Fatalf("batch %s was acknowledged at %v, and is not there", e.batch.name, e.places)
				}
				checkPlaces(t, e.batch, e.places)
				for k, want := range e.places {
					if got := placeOf(&log[int(at)-1+k]); got != want {
						t.Fatalf("acknowledged was %+v, there is %+v", want, got)
					}
				}
				if at <= last {
					t.Fatalf("%s appended %s, at %d, behind another, at %d", writer, e.batch.name, at, last)
				}
				last = at
			case unknown:
			}
		}
	}
	for name, at := range starts {
		if !known[name] {
			t.Fatalf("nobody appended the batch %s, which stands at %d", name, at)
		}
	}
}

// wholeBatches checks that positions and versions are gapless, and that batches are whole and there once. It
// returns where each one begins.
func wholeBatches(t *testing.T, log []nacre.Event) map[string]nacre.Position {
	t.Helper()
	starts := make(map[string]nacre.Position)
	versions := make(map[nacre.StreamID]int64)
	claims := make(map[nacre.StreamID]nacre.Position)
	var open fact // the event before
	for i := range log {
		e := &log[i]
		if e.GlobalPosition != nacre.Position(i+1) {
			t.Fatalf("position %d where %d is due", e.GlobalPosition, i+1)
		}
		if e.StreamPosition != versions[e.StreamID] {
			t.Fatalf("at %d, %s has position %d where %d is due", i+1, e.StreamID, e.StreamPosition, versions[e.StreamID])
		}
		versions[e.StreamID]++
		var f fact
		if err := json.Unmarshal(e.Data, &f); err != nil || f.Batch == "" {
			t.Fatalf("at %d: %s, %v", i+1, e.Data, err)
		}
		switch {
		case f.Batch == open.Batch && f.Index == open.Index+1:
		case f.Index == 0 && (open.Batch == "" || open.Index == open.Size-1):
			if at, twice := starts[f.Batch]; twice {
				t.Fatalf("batch %s stands at %d and at %d", f.Batch, at, i+1)
			}
			starts[f.Batch] = e.GlobalPosition
		default:
			t.Fatalf("at %d, event %d of %d of %s stands behind %d of %d of %s",
				i+1, f.Index, f.Size, f.Batch, open.Index, open.Size, open.Batch)
		}
		open = f
		if e.StreamID.Category() == "claim" {
			if at, twice := claims[e.StreamID]; twice {
				t.Fatalf("%s was claimed at %d and at %d", e.StreamID, at, i+1)
			}
			claims[e.StreamID] = e.GlobalPosition
		}
	}
	if open.Batch != "" && open.Index != open.Size-1 {
		t.Fatalf("the last batch, %s, is there up to event %d of %d", open.Batch, open.Index, open.Size)
	}
	return starts
}
