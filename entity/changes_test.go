package entity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/entity/sqlite"
)

// oracle tells of a log, in the plainest way, what visible events there are at each position.
type oracle struct {
	events []nacre.Event
	read   []*merge.Event // nil where it is no entity's
	effect []nacre.Position
}

// newOracle reads a log. An event has its effect at its own position where all was there once its transaction was.
func newOracle(t *testing.T, store *nacre.Store) *oracle {
	t.Helper()
	o := &oracle{}
	visible := map[merge.Name]bool{}
	for e, err := range store.Read(t.Context(), nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		var ev *merge.Event
		if e.Parents != nil {
			if ev, err = merge.Decode(&e); err != nil {
				t.Fatal(err)
			}
		}
		o.events, o.read, o.effect = append(o.events, e), append(o.read, ev), append(o.effect, 0)
		for again := true; again; {
			again = false
			for i := range o.read {
				if o.read[i] == nil || o.effect[i] > 0 {
					continue
				}
				group, last, whole := o.group(i)
				if !whole || !o.there(group, visible) {
					continue
				}
				for _, k := range group {
					o.effect[k] = e.GlobalPosition
					if last == e.GlobalPosition {
						o.effect[k] = o.events[k].GlobalPosition
					}
					visible[merge.Name{Stream: o.read[k].Stream, ID: o.read[k].ID}] = true
					for _, v := range o.read[k].Void { // it is present, and its transaction is whole no more
						visible[merge.Name{Stream: o.read[k].Stream, ID: v.ID}] = true
						for l, ev := range o.read {
							if ev != nil && ev.Stream == o.read[k].Stream && ev.ID == v.ID && o.effect[l] == 0 {
								o.effect[l] = e.GlobalPosition
							}
						}
					}
				}
				again = true
			}
		}
	}
	return o
}

// group are the events of the transaction of one.
func (o *oracle) group(i int) (group []int, last nacre.Position, whole bool) {
	for k := range o.read {
		if o.read[k] != nil && o.read[k].Transaction == o.read[i].Transaction && o.effect[k] == 0 {
			group = append(group, k)
			last = o.events[k].GlobalPosition
		}
	}
	return group, last, len(group) == o.read[i].Size
}

// there tells whether all is visible that a transaction names outside of it.
func (o *oracle) there(group []int, visible map[merge.Name]bool) bool {
	own := map[merge.Name]bool{}
	for _, k := range group {
		own[merge.Name{Stream: o.read[k].Stream, ID: o.read[k].ID}] = true
		for _, v := range o.read[k].Void {
			own[merge.Name{Stream: o.read[k].Stream, ID: v.ID}] = true
		}
	}
	for _, k := range group {
		for _, id := range slices.Concat(o.read[k].Parents, o.read[k].Names()) {
			if n := (merge.Name{Stream: o.read[k].Stream, ID: id}); !own[n] && !visible[n] {
				return false
			}
		}
	}
	return true
}

// rows are the rows of a collection at a position, by id.
func (o *oracle) rows(at nacre.Position, collection string, s *merge.Schema) map[string]string {
	events := map[string][]*merge.Event{}
	for i, ev := range o.read {
		if ev != nil && o.effect[i] > 0 && o.effect[i] <= at && ev.Stream.Category() == collection {
			events[ev.Stream.Rest()] = append(events[ev.Stream.Rest()], ev)
		}
	}
	out := map[string]string{}
	for id, list := range events {
		if e := merge.Fold(list); !e.Deleted() {
			out[id] = string(s.AppendValues(nil, e))
		}
	}
	return out
}

// strange appends what no DB writes: transactions that name what is not there yet, what they named, and voids.
type strange struct {
	*world
	random   *rand.Rand
	promised []merge.Name
	last     merge.ID
}

func (s *strange) ids(n int, over ...merge.ID) []merge.ID {
	s.t.Helper()
	greatest := s.last
	for _, id := range over {
		if id.Compare(greatest) > 0 {
			greatest = id
		}
	}
	ids, err := merge.NewIDs(time.Now(), greatest, s.random.Uint64(), n)
	if err != nil {
		s.t.Fatal(err)
	}
	s.last = ids[n-1]
	return ids
}

func (s *strange) stream() nacre.StreamID {
	return nacre.StreamID(fmt.Sprint("albums-e", s.random.IntN(6)))
}

func (s *strange) stored(stream nacre.StreamID) []*merge.Event {
	s.t.Helper()
	var out []*merge.Event
	for e, err := range s.store.ReadStream(s.t.Context(), stream, nil) {
		if err != nil {
			s.t.Fatal(err)
		}
		ev, err := merge.Decode(&e)
		if err != nil {
			s.t.Fatal(err)
		}
		out = append(out, ev)
	}
	return out
}

func (s *strange) something(ctx context.Context) {
	s.t.Helper()
	switch n := s.random.IntN(10); {
	case n < 5:
		s.world.something(ctx, s.random)
	case n < 6:
		stream := s.stream()
		s.promised = append(s.promised, merge.Name{Stream: stream, ID: s.ids(1)[0]})
	case n < 8 && len(s.promised) > 0:
		s.naming()
	case n < 9 && len(s.promised) > 0:
		i := s.random.IntN(len(s.promised))
		p := s.promised[i]
		s.promised = slices.Delete(s.promised, i, i+1)
		var parents []string
		for _, ev := range s.stored(p.Stream) {
			if ev.ID.Compare(p.ID) < 0 && s.random.IntN(3) == 0 {
				parents = append(parents, ev.ID.String())
			}
		}
		s.raw(string(p.Stream), p.ID.String(), "albums.changed", `{"name":{"set":"promised","over":[]}}`, parents...)
	default:
		s.void()
	}
}

// naming is a transaction over several entities of which one, or all, name what was promised.
func (s *strange) naming() {
	p := s.promised[s.random.IntN(len(s.promised))]
	streams := []nacre.StreamID{p.Stream}
	for range s.random.IntN(3) {
		if other := s.stream(); !slices.Contains(streams, other) {
			streams = append(streams, other)
		}
	}
	ids := s.ids(len(streams))
	var batch []nacre.Append
	for i, stream := range streams {
		e := nacre.Event{ID: ids[i].String(), Type: "albums.changed", Parents: []string{}, Data: json.RawMessage(`{"plays":{"add":7}}`)}
		if i == 0 {
			e.Data = json.RawMessage(fmt.Sprintf(`{"name":{"set":"late %d","over":["%s"]}}`, s.random.IntN(100), p.ID))
		}
		if all := s.stored(stream); len(all) > 0 {
			if parent := all[s.random.IntN(len(all))]; parent.ID.Compare(ids[i]) < 0 {
				e.Parents = []string{parent.ID.String()}
			}
		}
		batch = append(batch, nacre.Append{Stream: stream, Events: []nacre.Event{e}})
	}
	if _, err := s.store.Commit(s.t.Context(), nil, batch...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *strange) void() {
	s.t.Helper()
	stream := s.stream()
	all := s.stored(stream)
	if len(all) == 0 {
		return
	}
	denied := all[s.random.IntN(len(all))]
	if len(denied.Void) > 0 {
		return
	}
	data, err := merge.VoidData("no", denied)
	if err != nil {
		s.t.Fatal(err)
	}
	parents := []string{denied.ID.String()}
	// Where a void and what it voids become visible at once it counts which the gate looks at first: not here.
	if s.waits(stream, denied.ID) {
		if slices.ContainsFunc(denied.Parents, func(id merge.ID) bool { return s.waits(stream, id) }) {
			return
		}
	} else if last := all[len(all)-1]; last != denied {
		parents = append(parents, last.ID.String())
	}
	s.raw(string(stream), s.ids(1, all[len(all)-1].ID, denied.ID)[0].String(), merge.TypeVoid, string(data), parents...)
}

func (s *strange) waits(stream nacre.StreamID, id merge.ID) bool {
	s.t.Helper()
	in, err := s.Inspect(s.t.Context(), stream.Category(), stream.Rest())
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.ContainsFunc(in.Waiting, func(w entity.Waiting) bool { return w.EventID == id.String() })
}

func collect(t *testing.T, store *nacre.Store, f nacre.Filter, o *nacre.ReadOptions) []nacre.Event {
	t.Helper()
	var out []nacre.Event
	for e, err := range store.Read(t.Context(), f, o) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func lines(t *testing.T, events []nacre.Event) string {
	t.Helper()
	var b strings.Builder
	for i := range events {
		line, err := json.Marshal(events[i])
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

type change struct {
	Old   json.RawMessage `json:"old"`
	New   json.RawMessage `json:"new"`
	Cause entity.Cause    `json:"cause"`
}

func changeOf(t *testing.T, e *nacre.Event) change {
	t.Helper()
	var c change
	if err := json.Unmarshal(e.Data, &c); err != nil {
		t.Fatal(err)
	}
	if string(c.Old) == "null" {
		c.Old = nil
	}
	if string(c.New) == "null" {
		c.New = nil
	}
	return c
}

// The new rows of changes, taken in order, are the table at every position; and what is read from anywhere, forwards, backwards or by a
// filter, is the same.
func TestChangesAreTheTable(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	for range 8 {
		w := open(t)
		_ = w.Close()
		path := filepath.Join(t.TempDir(), "tables.db")
		s := &strange{world: w, random: random}
		for range 3 { // what is known of late events is found out again
			tables, err := sqlite.Open(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			w.reopen(tables)
			for range 25 {
				s.something(t.Context())
			}
			if random.IntN(2) == 0 {
				w.rows("albums") // the tables have it all
			}
			_ = w.Close()
		}
		tables, err := sqlite.Open(path, nil)
		if random.IntN(2) == 0 {
			_ = tables.Close()
			tables, err = sqlite.Open(path+"-anew", nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.reopen(tables)
		schema, err := w.Schema(t.Context(), "albums")
		if err != nil {
			t.Fatal(err)
		}
		all := collect(t, w.Changes(), nil, nil)
		o := newOracle(t, w.store)
		rows := map[string]string{}
		next := 0
		for _, e := range o.events {
			for ; next < len(all) && all[next].GlobalPosition == e.GlobalPosition; next++ {
				id, c := all[next].StreamID.Rest(), changeOf(t, &all[next])
				if string(c.Old) != rows[id] {
					t.Fatalf("at %d the old row of %s is %s, and it was %s", e.GlobalPosition, id, c.Old, rows[id])
				}
				if rows[id] = string(c.New); c.New == nil {
					delete(rows, id)
				}
			}
			if want := o.rows(e.GlobalPosition, "albums", schema); !maps.Equal(rows, want) {
				t.Logf("the log is\n%s", lines(t, o.events))
				t.Fatalf("at %d the changes come to\n%v\nand the events to\n%v", e.GlobalPosition, rows, want)
			}
		}
		if next != len(all) {
			t.Fatalf("%d changes stand where nothing does", len(all)-next)
		}
		table := map[string]string{}
		page, err := w.Query(t.Context(), "albums", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Entities {
			table[v.ID] = string(v.Values)
		}
		if !maps.Equal(rows, table) {
			t.Fatalf("the changes come to\n%v\nand the table has\n%v", rows, table)
		}
		s.readAnew(all, len(o.events))
	}
}

// readAnew reads parts of the changes in many ways.
func (s *strange) readAnew(all []nacre.Event, end int) {
	t := s.t
	for range 30 {
		after, before := nacre.Position(s.random.IntN(end+1)), nacre.Position(0)
		if s.random.IntN(2) == 0 {
			before = after + nacre.Position(s.random.IntN(end))
		}
		var f nacre.Filter
		switch s.random.IntN(5) {
		case 0:
			f = nacre.Filter{{Streams: []nacre.StreamID{s.stream()}}}
		case 1:
			f = nacre.Filter{{Types: []string{"*.created"}}, {Streams: []nacre.StreamID{s.stream()}, Types: []string{"albums.changed"}}}
		case 2:
			f = nacre.Filter{{Categories: []string{"artists"}}, {Categories: []string{"albums"}}}
		}
		o := &nacre.ReadOptions{After: after, Before: before, Backwards: s.random.IntN(3) == 0}
		if s.random.IntN(3) == 0 {
			o.Limit = 1 + s.random.IntN(10)
		}
		var want []nacre.Event
		for _, e := range all {
			if e.GlobalPosition > after && (before == 0 || e.GlobalPosition < before) && f.Matches(&e) {
				want = append(want, e)
			}
		}
		if o.Backwards {
			slices.Reverse(want)
		}
		if o.Limit > 0 {
			want = want[:min(len(want), o.Limit)]
		}
		if got := collect(t, s.Changes(), f, o); lines(t, got) != lines(t, want) {
			t.Fatalf("%+v of %+v gives\n%sand not\n%s", f, o, lines(t, got), lines(t, want))
		}
	}
	for _, e := range all {
		found, there, err := s.Changes().FindEvent(t.Context(), e.StreamID, e.ID)
		if err != nil || !there || lines(t, []nacre.Event{found}) != lines(t, []nacre.Event{e}) {
			t.Fatalf("%s in %s is found as %+v, %v, %v", e.ID, e.StreamID, found, there, err)
		}
	}
}

func TestChangesAsAStore(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := t.Context()
	changes := w.Changes()
	_, err := changes.Append(ctx, "albums-a", nacre.Any, nacre.NewEvent("x", 1))
	code(t, err, nacre.CodeReadOnly)
	o := &entity.TxOptions{Actor: "ann", Metadata: map[string]any{"why": "a test"}, Tags: []string{"t:1"}}
	edit := func(e entity.Edit) entity.Commit {
		t.Helper()
		e.Collection, e.ID = "albums", "a"
		done, err := w.Apply(ctx, o, e)
		if err != nil {
			t.Fatal(err)
		}
		return done.Commit
	}
	first := edit(entity.Edit{Do: "create", Values: json.RawMessage(`{"year":1}`)})
	edit(entity.Edit{Do: "patch", Patch: json.RawMessage(`{"set":{"year":2}}`)})
	edit(entity.Edit{Do: "delete"})
	edit(entity.Edit{Do: "restore"})
	w.raw("albums-a", id1, "albums.changed", `{"year":{"set":0,"over":[]}}`) // it is older than what is shown
	w.raw("songs-a", id1, "songs.created", `{}`)                             // without a schema
	w.raw("albums", id1, "albums.created", `{}`)                             // no entity
	var types []string
	all := collect(t, changes, nil, nil)
	for _, e := range all {
		types = append(types, e.Type)
	}
	if want := []string{"albums.created", "albums.changed", "albums.deleted", "albums.restored"}; !slices.Equal(types, want) {
		t.Errorf("there are %v, want %v", types, want)
	}
	e, cause := all[0], first.Events[0]
	c := changeOf(t, &e)
	if e.ID != cause.ID || e.GlobalPosition != cause.GlobalPosition || string(e.Metadata) != string(cause.Metadata) || !slices.Equal(e.Tags, cause.Tags) ||
		!e.CreatedAt.Equal(cause.CreatedAt) || c.Old != nil || string(c.New) != `{"year":1}` || c.Cause.Actor != "ann" || c.Cause.EventID != cause.ID {
		t.Errorf("the first change is %+v of %+v", e, cause)
	}
	if got := collect(t, changes, nacre.Filter{{Tags: []string{"t:1"}, Types: []string{"*.deleted"}}}, nil); len(got) != 1 {
		t.Errorf("the filter gives %+v", got)
	}
	if v, err := changes.Version(ctx, "albums-a"); v != 3 || err != nil {
		t.Errorf("the version is %d, %v", v, err)
	}
	head, err := changes.Head(ctx)
	if own, _ := w.store.Head(ctx); err != nil || head.Position != own.Position || head.Epoch != own.Epoch {
		t.Errorf("the head is %+v, %v", head, err)
	}
	if changes.System() == nil {
		t.Error("it has no companion log")
	}
}

// Who subscribes is told what comes, once, and hears when the DB closes.
func TestChangesAreFollowed(t *testing.T) {
	t.Parallel()
	w := open(t)
	changes := w.Changes()
	n := 0
	for e, err := range changes.Subscribe(t.Context(), nil, &nacre.SubscribeOptions{Progress: func(seen nacre.Position, caughtUp bool) {
		switch {
		case !caughtUp:
		case n < 50:
			w.create("albums", fmt.Sprint(n/2), `{"year":1}`)
			w.patch(fmt.Sprint(n/2), `{"set":{"year":2}}`)
		default:
			go func() { _ = w.Close() }()
		}
	}}) {
		if err != nil {
			if nacre.CodeOf(err) != nacre.CodeClosed {
				t.Error(err)
			}
			break
		}
		if want := []string{"albums.created", "albums.changed"}[n%2]; e.Type != want || e.StreamID.Rest() != fmt.Sprint(n/2) {
			t.Fatalf("change %d is %+v", n, e)
		}
		n++
	}
	if n != 50 {
		t.Errorf("there were %d", n)
	}
	for _, err := range changes.Read(t.Context(), nil, nil) {
		code(t, err, nacre.CodeClosed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := changes.Wait(ctx, 1<<40); nacre.CodeOf(err) != nacre.CodeClosed && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
