package reactor

import (
	"bytes"
	"maps"
	"math"
	"slices"

	"github.com/nacredb/nacre/query"
	"github.com/tidwall/btree"
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
	// Move: the row stands elsewhere, and may be another one.
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

// item is a row in a window.
type item struct {
	key []byte
	row *query.Object
}

func itemLess(a, b *item) bool { return bytes.Compare(a.key, b.key) < 0 }

// rows are items in the order of their keys.
type rows struct {
	tree *btree.BTreeG[*item]
	byID map[string]*item
}

func newRows() rows {
	return rows{btree.NewBTreeGOptions(itemLess, btree.Options{NoLocks: true, Degree: 16}), map[string]*item{}}
}

func (r *rows) put(it *item) {
	r.byID[it.row.ID()] = it
	r.tree.Set(it)
}

func (r *rows) drop(it *item) {
	delete(r.byID, it.row.ID())
	r.tree.Delete(it)
}

// rank is how many rows stand before a key.
func (r *rows) rank(key []byte) int {
	low, high := 0, r.tree.Len()
	for low < high {
		mid := int(uint(low+high) >> 1)
		it, _ := r.tree.GetAt(mid)
		if bytes.Compare(it.key, key) < 0 {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
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
	w := &Window{plan: p, most: math.MaxInt, keep: math.MaxInt, held: newRows(), told: newRows(), touched: map[string]struct{}{}, first: true}
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
	for id := range w.held.byID {
		w.touched[id] = struct{}{}
	}
	w.held = newRows()
	for _, row := range list {
		w.held.put(&item{p.AppendSortKey(nil, row, lookup), row})
		w.touched[row.ID()] = struct{}{}
	}
	w.complete = len(list) < w.keep
	w.bound = nil
	if last, ok := w.held.tree.Max(); ok {
		w.bound = last.key
	}
}

// Apply takes a change of a row: now is what it is, nil where there is none. It tells whether the window has to be filled
// again, since rows that it does not hold may have to be shown.
func (w *Window) Apply(id string, now *query.Object) (fill bool) {
	if it := w.held.byID[id]; it != nil {
		w.held.drop(it)
		w.touched[id] = struct{}{}
	}
	if now != nil && w.plan.Match(now, nil) {
		it := &item{w.plan.AppendSortKey(nil, now, nil), now}
		if w.complete || bytes.Compare(it.key, w.bound) <= 0 {
			w.held.put(it)
			w.touched[id] = struct{}{}
		}
	}
	for w.held.tree.Len() > w.keep {
		last, _ := w.held.tree.Max()
		w.held.drop(last)
		w.touched[last.row.ID()] = struct{}{}
		w.complete = false
		last, _ = w.held.tree.Max()
		w.bound = last.key
	}
	return !w.complete && w.held.tree.Len() < w.most
}

// shown is the item of an id, if it is shown.
func (w *Window) shown(id string) *item {
	it := w.held.byID[id]
	if it == nil || w.held.tree.Len() > w.most && w.held.rank(it.key) >= w.most {
		return nil
	}
	return it
}

// Len is how many rows are shown.
func (w *Window) Len() int { return min(w.most, w.held.tree.Len()) }

// Deltas are what has changed since they were asked for last; the first time, all rows, as Initial.
func (w *Window) Deltas() []Delta {
	if w.first {
		return w.initial()
	}
	say := teller{Window: w}
	last, _ := w.told.tree.Max() // before all that
	touched := slices.Sorted(maps.Keys(w.touched))
	clear(w.touched)
	for _, id := range touched {
		if it := w.told.byID[id]; it != nil && w.shown(id) == nil {
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
	w.held.tree.Scan(func(it *item) bool {
		if len(out) == w.most {
			return false
		}
		out = append(out, Delta{Initial, it.row.ID(), it.row, len(out)})
		w.told.put(it)
		return true
	})
	clear(w.touched)
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
	was, kind := t.told.byID[now.row.ID()], Add
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
		last, ok := t.told.tree.Max()
		if !ok || t.shown(last.row.ID()) != nil {
			return
		}
		t.gone(last)
	}
}

// pulledIn adds what stands within the limit since others have gone. It was not touched, so it stands behind all that had been
// told.
func (t *teller) pulledIn(last *item) {
	missing := t.Len() - t.told.tree.Len()
	if missing <= 0 {
		return
	}
	add := func(it *item) bool {
		if t.told.byID[it.row.ID()] == nil {
			t.there(it)
			missing--
		}
		return missing > 0
	}
	if last == nil {
		t.held.tree.Scan(add)
		return
	}
	t.held.tree.Ascend(last, add)
}
