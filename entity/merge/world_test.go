package merge_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// world makes random graphs: authors with clocks of their own, who edit, pull from each other, undo, and a home that voids.
// In a hostile one there are also events that nobody honest makes.
type world struct {
	r       *rand.Rand
	hostile bool

	authors []*author
	pool    []nacre.Event // all that was made, visible to anybody or not
	damaged map[string][]string
	voided  map[string]bool // ids whose content not everybody gets
	groups  [][]nacre.Event // the pool by transaction
}

type author struct {
	*replica
	skew time.Duration
	own  map[nacre.StreamID][]merge.ID // events to undo
}

var worldStreams = []nacre.StreamID{"album-1", "album-2"}

// worldProperties have their kind; two kinds write to "mixed".
var worldProperties = []struct{ id, kind string }{
	{"name", "register"},
	{"year", "register"},
	{"plays", "counter"},
	{"price", "counter"},
	{"tags", "set"},
	{"notes", "map"},
	{"tracks", "list"},
	{"mixed", "register"},
	{"mixed", "counter"},
}

func newWorld(r *rand.Rand, hostile bool) *world {
	w := &world{r: r, hostile: hostile, damaged: map[string][]string{}, voided: map[string]bool{}}
	skews := []time.Duration{0, -time.Hour, time.Second, 20 * time.Minute}
	for i := range 2 + r.IntN(3) {
		w.authors = append(w.authors, &author{replica: newReplica(), skew: skews[i], own: map[nacre.StreamID][]merge.ID{}})
	}
	for i := range 4 + r.IntN(10) {
		a := w.authors[r.IntN(len(w.authors))]
		now := began.Add(time.Duration(i) * time.Millisecond).Add(a.skew)
		switch n := r.IntN(20); {
		case n < 7:
			w.pull(a, w.authors[r.IntN(len(w.authors))], now)
		case n == 7 && hostile:
			w.void(now)
		case n < 10 && hostile:
			w.attack(a, now)
		default:
			w.write(a, now)
		}
	}
	return w
}

func (w *world) pull(to, from *author, now time.Time) {
	if to == from {
		return
	}
	source := merge.FromPeer
	if from == w.authors[0] {
		source = merge.FromHome // the only one who voids
	}
	to.offer(now, source, from.log...)
}

// write makes a transaction of honest edits.
func (w *world) write(a *author, now time.Time) {
	n := 1
	if w.r.IntN(4) == 0 {
		n = 2 + w.r.IntN(2)
	}
	streams := make([]nacre.StreamID, n)
	for i := range streams {
		streams[i] = worldStreams[w.r.IntN(len(worldStreams))]
	}
	undo := w.hostile && n == 1 && w.r.IntN(5) == 0
	var greatest merge.ID
	for _, s := range streams {
		for _, head := range a.entity(s).Heads() {
			if head.Compare(greatest) > 0 {
				greatest = head
			}
		}
	}
	ids, err := merge.NewIDs(now, greatest, w.r.Uint64(), n)
	if err != nil {
		return // a hostile parent at the end of time
	}
	view := map[nacre.StreamID]*merge.Entity{}
	var events []nacre.Event
	for i, s := range streams {
		if view[s] == nil {
			view[s] = a.entity(s).Clone()
		}
		draft := merge.NewDraft(view[s])
		data := []byte(nil)
		if own := a.own[s]; undo && len(own) > 0 {
			data, _ = a.graph(s).Undo(view[s], own[len(own)-1])
		} else {
			w.edit(draft)
			data = draft.Data()
		}
		if data == nil {
			data = []byte("{}")
		}
		e := nacre.Event{StreamID: s, ID: ids[i].String(), Type: "album.changed", Data: data, Parents: texts(draft.Parents())}
		if n > 1 {
			e.TransactionID, e.TransactionSize = ids[0].String(), n
		}
		events = append(events, e)
		ev, err := merge.Decode(&e)
		if err != nil {
			panic(fmt.Sprintf("an honest event is refused: %v: %+v", err, e))
		}
		if len(ev.Damage) > 0 {
			panic(fmt.Sprintf("an honest event is damaged: %+v in %s", ev.Damage, e.Data))
		}
		must(view[s].Apply(ev))
		a.own[s] = append(a.own[s], ids[i])
	}
	w.add(a, now, events)
}

// add puts a transaction into the pool and shows it to its author.
func (w *world) add(a *author, now time.Time, events []nacre.Event) {
	w.pool = append(w.pool, events...)
	w.groups = append(w.groups, events)
	var list []*merge.Event
	for i := range events {
		if ev, err := merge.Decode(&events[i]); err == nil {
			list = append(list, ev)
		}
	}
	a.offer(now, merge.FromHere, list...)
}

func (w *world) value() []byte {
	return []byte([]string{`1`, `2`, `"a"`, `"b"`, `null`, `[1,"x"]`, `{"k":2}`, `-7`, `true`}[w.r.IntN(9)])
}

func (w *world) edit(d *merge.Draft) {
	for range 1 + w.r.IntN(3) {
		p := worldProperties[w.r.IntN(len(worldProperties))]
		c, err := d.Change(p.id, kind(p.kind))
		if err != nil {
			continue // of the other kind in this draft
		}
		switch p.kind {
		case "register":
			if w.r.IntN(6) == 0 {
				must(c.Remove([]byte("null")))
			} else {
				must(c.Set(w.value()))
			}
		case "counter":
			amount := []byte(fmt.Sprint(w.r.IntN(9) - 4))
			if p.id == "price" {
				amount = fmt.Appendf(nil, `"%d.%02d"`, w.r.IntN(20), w.r.IntN(100))
			}
			if w.r.IntN(4) == 0 {
				must(c.Set(amount))
			} else {
				must(c.Add(amount))
			}
		case "set":
			elements := []byte("[" + string(w.value()) + "]")
			switch w.r.IntN(5) {
			case 0:
				must(c.Set(elements))
			case 1, 2:
				must(c.Remove(elements))
			default:
				must(c.Add(elements))
			}
		case "map":
			key := string(rune('a' + w.r.IntN(3)))
			switch w.r.IntN(5) {
			case 0:
				must(c.Set([]byte(`{"` + key + `":1}`)))
			case 1:
				must(c.Remove([]byte(`["` + key + `"]`)))
			default:
				must(c.Add([]byte(`{"` + key + `":` + string(w.value()) + `}`)))
			}
		case "list":
			value, _ := c.AppendValue(nil)
			var now []json.RawMessage
			if len(value) > 0 {
				must(json.Unmarshal(value, &now))
			}
			switch n := w.r.IntN(6); {
			case n == 0 && len(now) > 0:
				must(c.Remove(fmt.Appendf(nil, `[%d]`, w.r.IntN(len(now)))))
			case n == 1 && len(now) > 0:
				must(c.Set(fmt.Appendf(nil, `{"at":%d,"value":%s}`, w.r.IntN(len(now)), w.value())))
			case n == 2:
				must(c.Set([]byte(`["x",` + string(w.value()) + `]`)))
			default:
				must(c.Add(fmt.Appendf(nil, `{"at":%d,"values":[%s,%s]}`, w.r.IntN(len(now)+1), w.value(), w.value())))
			}
		}
	}
	switch w.r.IntN(12) {
	case 0:
		d.Delete()
	case 1:
		d.Restore()
	}
}

// void lets the home deny a transaction. It knows all parents of what it denies. What it has not admitted before, nobody is
// given any more.
func (w *world) void(now time.Time) {
	home := w.authors[0]
	if len(w.groups) == 0 {
		return
	}
	denied := w.groups[w.r.IntN(len(w.groups))]
	byStream := map[nacre.StreamID][]map[string]any{}
	greatest := merge.ID{}
	seen := false
	for i := range denied {
		e := &denied[i]
		ev, err := merge.Decode(e)
		if err != nil || e.Type == merge.TypeVoid {
			return
		}
		for _, id := range append(ev.Parents, ev.Names()...) {
			if _, there := home.Lookup(e.StreamID, id); !there && !slices.ContainsFunc(denied, func(d nacre.Event) bool { return d.ID == id.String() }) {
				return // the home would wait for it
			}
		}
		if ev.ID.Compare(greatest) > 0 {
			greatest = ev.ID
		}
		_, there := home.Lookup(e.StreamID, ev.ID)
		seen = seen || there
		sorted := slices.Clone(e.Parents)
		slices.Sort(sorted)
		entry := map[string]any{"id": e.ID, "hash": ev.Hash.String(), "parents": sorted}
		if anchors := anchorsOf(e, w.damaged[e.ID]); len(anchors) > 0 {
			entry["anchors"] = anchors
		}
		byStream[e.StreamID] = append(byStream[e.StreamID], entry)
	}
	for s := range byStream {
		for _, head := range home.entity(s).Heads() {
			if head.Compare(greatest) > 0 {
				greatest = head
			}
		}
	}
	ids, err := merge.NewIDs(now, greatest, w.r.Uint64(), len(byStream))
	if err != nil {
		return
	}
	var events []nacre.Event
	for i, s := range slices.Sorted(keysOf(byStream)) {
		w.checkVoid(denied, s, byStream[s])
		e := nacre.Event{
			StreamID: s, ID: ids[i].String(), Type: merge.TypeVoid, Parents: texts(home.entity(s).Heads()),
			Data: []byte(jsonText(map[string]any{"void": byStream[s], "reason": "denied"})),
		}
		if len(ids) > 1 {
			e.TransactionID, e.TransactionSize = ids[0].String(), len(ids)
		}
		events = append(events, e)
	}
	for i := range denied {
		w.voided[denied[i].ID] = !seen
	}
	w.add(home, now, events)
}

// checkVoid compares the data of a void with what was made here, apart from the package.
func (w *world) checkVoid(denied []nacre.Event, stream nacre.StreamID, entries []map[string]any) {
	var list []*merge.Event
	for i := range denied {
		if denied[i].StreamID == stream {
			ev, err := merge.Decode(&denied[i])
			must(err)
			list = append(list, ev)
		}
	}
	got, err := merge.VoidData("denied", list...)
	must(err)
	want, err := merge.Canonical([]byte(jsonText(map[string]any{"void": entries, "reason": "denied"})))
	must(err)
	if string(got) != string(want) {
		panic(fmt.Sprintf("the void is %s, want %s", got, want))
	}
}

func keysOf[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func anchorsOf(e *nacre.Event, damaged []string) []map[string]any {
	var data map[string]struct {
		Insert []struct {
			Of     *string           `json:"of"`
			Side   string            `json:"side"`
			Values []json.RawMessage `json:"values"`
		} `json:"insert"`
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal(e.Data, &raw) != nil {
		return nil
	}
	for _, property := range damaged {
		delete(raw, property)
	}
	rest := jsonText(raw)
	if json.Unmarshal([]byte(rest), &data) != nil {
		return nil
	}
	var out []map[string]any
	for _, property := range slices.Sorted(keysOf(data)) {
		for _, r := range data[property].Insert {
			out = append(out, map[string]any{"property": property, "of": r.Of, "side": r.Side, "count": len(r.Values)})
		}
	}
	return out
}

// attack makes an event that nobody honest makes.
func (w *world) attack(a *author, now time.Time) {
	stream := worldStreams[w.r.IntN(len(worldStreams))]
	ids, err := merge.NewIDs(now.Add(time.Duration(w.r.IntN(3))*time.Minute), merge.ID{}, w.r.Uint64(), 1)
	must(err)
	own := ids[0]
	anyID := func() string {
		switch n := w.r.IntN(8); {
		case n == 0:
			return own.String() // itself
		case n == 1:
			return "7ZZZZZZZZZZZZZZZZZZZZZZZZZ" // later than all
		case n == 2 || len(w.pool) == 0:
			return "01ABSENT000000000000000000" // nowhere
		default:
			return w.pool[w.r.IntN(len(w.pool))].ID // of any stream and time
		}
	}
	e := nacre.Event{StreamID: stream, ID: own.String(), Type: "album.changed", Parents: []string{}}
	for range w.r.IntN(3) {
		if id := anyID(); !slices.Contains(e.Parents, id) {
			e.Parents = append(e.Parents, id)
		}
	}
	switch w.r.IntN(12) {
	case 0: // half of a transaction, whose other half never comes
		e.TransactionID, e.TransactionSize = own.String(), 2
	case 1: // one that it is no part of
		e.TransactionID, e.TransactionSize = anyID(), 3
	}
	x, y := anyID(), anyID()
	less := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(id string) bool { return strings.Compare(id, e.ID) >= 0 })
	}
	attacks := []struct {
		property, op string
		good         bool
	}{
		{"name", `{"drop":["` + x + `"]}`, less(x)},
		{"name", `{"set":1,"over":["` + x + `"]}`, less(x)},
		{"name", `{"set":1,"over":["` + x + `","` + x + `"]}`, false},
		{"name", `{"set":1}`, false},
		{"name", `{"set":1,"over":[],"more":1}`, false},
		{"name", `{"kind":"text","splice":[0]}`, false},
		{"tags", `{"add":{"\"a\"":["` + x + `"]},"remove":{"1":["` + y + `"]}}`, less(x, y)},
		{"tags", `{"add":{" 1":[]}}`, false},
		{"notes", `{"put":{"a":{"value":1,"over":["` + x + `"]}},"remove":{"b":["` + y + `"]}}`, less(x, y)},
		{"notes", `{"put":{"a":{"value":1,"over":[]}},"remove":{"a":["` + y + `"]}}`, false},
		{"plays", `{"add":1.5}`, false},
		{"plays", `{"add":"1e5"}`, false},
		{"plays", `{"add":"-0.5"}`, true},
		{"tracks", `{"insert":[{"of":"` + x + `#0","side":"left","values":["h"]},{"of":null,"side":"right","values":["i","j"]}],"remove":["` + y + `#1"]}`, less(x, y)},
		{"tracks", `{"insert":[{"of":null,"side":"left","values":["h"]}]}`, false},
		{"tracks", `{"insert":[],"set":{"` + x + `#0":{"value":5,"over":["` + y + `"]}}}`, less(x, y)},
		{"tracks", `{"insert":[{"of":"` + x + `#07","side":"left","values":["h"]}]}`, false},
		{"$life", `{"set":"gone","over":[]}`, false},
		{"$life", `{"set":"deleted","over":["` + x + `"]}`, less(x)},
		{"$other", `{"set":1,"over":[]}`, false},
		{"name", `[]`, false},
	}
	at := attacks[w.r.IntN(len(attacks))]
	e.Data = []byte(`{"` + at.property + `":` + at.op + `,"fine":{"set":1,"over":[]}}`)
	if !at.good {
		w.damaged[e.ID] = []string{at.property}
	}
	if w.r.IntN(12) == 0 {
		e.Data = []byte(`["not an object"]`)
		w.damaged[e.ID] = []string{}
	}
	w.add(a, now, []nacre.Event{e})
}
