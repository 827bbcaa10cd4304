package reactor

import (
	"bytes"
	"maps"
	"math"
	"slices"

	"github.com/nacredb/nacre/query"
)

// Kind says what became of a row of a result.
type Kind string

// The kinds of changes.
const (
	// Initial: the row stands in the first result.
	Initial Kind = "initial"
	// Add: the row has come.
	Add Kind = "add"
	// Update: the row stands where it was, and is another one.
	Update Kind = "update"
	// Remove: the row has gone. Its content is not told.
	Remove Kind = "remove"
	// Move: what the row is ordered by is another value; it stands elsewhere, or among others where it stood.
	Move Kind = "move"
)

// Delta is a change of a result. A result is a list: of Remove, Index is where the row stands before; of the others, where it
// stands afterwards, and a row that moves is taken out first.
type Delta struct {
	Kind  Kind
	ID    string
	Row   *query.Object // nil for Remove
	Index int
}

// Window is the result of a standing query, kept current.
type Window struct {
	plan *query.Plan
	most int // rows that are shown
	keep int // rows that are held, at most

	held     rows
	complete bool   // there are no rows but those held
	bound    []byte // otherwise: up to this key there are none but those held

	told    rows                // as it was told last
	touched map[string]struct{} // since
	first   bool                // nothing was told yet
}

// NewWindow makes the window of a plan, empty and not filled.
func NewWindow(p *query.Plan) *Window {
	w := &Window{plan: p, most: math.MaxInt, keep: math.MaxInt, first: true}
	if limit, ok := p.Limit(); ok && limit < math.MaxInt32 {
		w.most = int(limit)
		w.keep = w.most + w.most/2 + 16
	}
	return w
}

// Keep is how many rows the window is to be filled with, at most: more than it shows, so that few changes ask for more.
// It is math.MaxInt where the plan has no limit.
func (w *Window) Keep() int { return w.keep }

// Fill gives the window what the query gives at present, with Keep as its limit. All that it had before counts no more, but what
// was told before is still what was told. The plan may be another one than before with the same limit, as when a schema changes.
// Where its order follows references, lookup finds what they lead to; else it may be nil.
func (w *Window) Fill(p *query.Plan, list []*query.Object, lookup query.Lookup) {
	w.plan = p
	w.held.from(nil, func(it *item) bool {
		w.touch(it.row.ID())
		return true
	})
	w.held = rows{}
	for _, row := range list {
		w.held.put(&item{p.AppendSortKey(nil, row, lookup), row})
		w.touch(row.ID())
	}
	w.complete = len(list) < w.keep
	w.bound = nil
	if last := w.held.last(); last != nil {
		w.bound = last.key
	}
}

// touch notes that something is to be told of a row, perhaps.
func (w *Window) touch(id string) {
	if w.touched == nil {
		w.touched = map[string]struct{}{}
	}
	w.touched[id] = struct{}{}
}

// Apply takes a change of a row: now is what it is, nil where there is none. It tells whether the window has to be filled
// again, since rows that it does not hold may have to be shown.
func (w *Window) Apply(id string, now *query.Object) (fill bool) {
	if it := w.held.get(id); it != nil {
		w.held.drop(it)
		w.touch(id)
	}
	if now != nil && w.plan.Match(now, nil) {
		it := &item{w.plan.AppendSortKey(nil, now, nil), now}
		if w.complete || bytes.Compare(it.key, w.bound) <= 0 {
			w.held.put(it)
			w.touch(id)
		}
	}
	for w.held.len() > w.keep {
		last := w.held.last()
		w.held.drop(last)
		w.touch(last.row.ID())
		w.complete = false
		w.bound = w.held.last().key
	}
	return !w.complete && w.held.len() < w.most
}

// shown is the item of an id, if it is shown.
func (w *Window) shown(id string) *item {
	it := w.held.get(id)
	if it == nil || w.held.len() > w.most && w.held.rank(it.key) >= w.most {
		return nil
	}
	return it
}

// Len is how many rows are shown.
func (w *Window) Len() int { return min(w.most, w.held.len()) }

// Deltas are what has changed since they were asked for last; the first time, all rows, as Initial.
func (w *Window) Deltas() []Delta {
	if w.first {
		return w.initial()
	}
	say := teller{Window: w}
	last := w.told.last() // before all that
	touched := slices.Sorted(maps.Keys(w.touched))
	w.touched = nil
	for _, id := range touched {
		if it := w.told.get(id); it != nil && w.shown(id) == nil {
			say.gone(it)
		}
	}
	for _, id := range touched {
		if now := w.shown(id); now != nil {
			say.there(now)
		}
	}
	say.pushedOut()
	say.pulledIn(last)
	return say.out
}

func (w *Window) initial() []Delta {
	w.first = false
	out := make([]Delta, 0, w.Len())
	w.held.from(nil, func(it *item) bool {
		if len(out) == w.most {
			return false
		}
		out = append(out, Delta{Initial, it.row.ID(), it.row, len(out)})
		w.told.put(it)
		return true
	})
	w.touched = nil
	return out
}

// teller makes what was told what is shown, and collects what that takes.
type teller struct {
	*Window
	out []Delta
}

func (t *teller) gone(it *item) {
	t.out = append(t.out, Delta{Kind: Remove, ID: it.row.ID(), Index: t.told.rank(it.key)})
	t.told.drop(it)
}

// there tells of a row that is shown, if it was not told as it is.
func (t *teller) there(now *item) {
	was, kind := t.told.get(now.row.ID()), Add
	if was != nil {
		kind = Move
		if bytes.Equal(was.key, now.key) {
			kind = Update
			if bytes.Equal(was.row.State(), now.row.State()) {
				return
			}
		}
		t.told.drop(was)
	}
	t.told.put(now)
	t.out = append(t.out, Delta{kind, now.row.ID(), now.row, t.told.rank(now.key)})
}

// pushedOut removes what others have pushed beyond the limit.
func (t *teller) pushedOut() {
	for {
		last := t.told.last()
		if last == nil || t.shown(last.row.ID()) != nil {
			return
		}
		t.gone(last)
	}
}

// pulledIn adds what stands within the limit since others have gone. It was not touched, so it stands behind all that had been
// told.
func (t *teller) pulledIn(last *item) {
	missing := t.Len() - t.told.len()
	if missing <= 0 {
		return
	}
	add := func(it *item) bool {
		if t.told.get(it.row.ID()) == nil {
			t.there(it)
			missing--
		}
		return missing > 0
	}
	t.held.from(last, add)
}
