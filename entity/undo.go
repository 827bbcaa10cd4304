package entity

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// Transaction is the transaction that an event at a position of the log is of: all of its events, in the log's order. There is
// none where the log ends before (CodeNotFound), and none at an event that is not an entity's (CodeInvalid). It reads the
// transaction's events and no more than two beside them.
func (db *DB) Transaction(ctx context.Context, at nacre.Position) (Commit, error) {
	var event *nacre.Event
	if at > 0 {
		for e, err := range db.store.Read(ctx, nil, &nacre.ReadOptions{After: at - 1, Before: at + 1}) {
			if err != nil {
				return Commit{}, err
			}
			event = &e
		}
	}
	if event == nil {
		return Commit{}, nacre.Errorf(nacre.CodeNotFound, "the log has no event at position %d", at)
	}
	if event.Parents == nil {
		return Commit{}, invalid("position", "is %d, where an event of %s stands, which is no entity's", at, event.StreamID)
	}
	events := []nacre.Event{*event}
	size := max(event.TransactionSize, 1)
	// A transaction is in one batch, side by side, unless it was imported with others.
	for _, o := range []nacre.ReadOptions{{Before: at, Backwards: true}, {After: at}} {
		if len(events) == size {
			break
		}
		for e, err := range db.store.Read(ctx, nil, &o) {
			if err != nil {
				return Commit{}, err
			}
			if e.TransactionID == event.TransactionID && e.Parents != nil {
				events = append(events, e)
			}
			far := max(e.GlobalPosition, at)-min(e.GlobalPosition, at) >= maxBatch
			if len(events) == size || far || size <= merge.MaxTransaction && e.TransactionID == "" && e.TransactionSize == 0 && e.Parents == nil {
				break
			}
		}
	}
	slices.SortFunc(events, func(a, b nacre.Event) int { return cmp.Compare(a.GlobalPosition, b.GlobalPosition) })
	out := Commit{TransactionID: cmp.Or(event.TransactionID, event.ID), Events: events}
	out.First, out.Last = events[0].GlobalPosition, events[len(events)-1].GlobalPosition
	return out, nil
}

// maxBatch is how far apart the events of a transaction are looked for.
const maxBatch = 10_000

// Undo takes back, in one transaction, what transactions did that an actor made, and replaces nobody else's writes: see
// spec/merge.md, "Edits and undo". Who undoes further back than the last transaction gives all of the actor's since then,
// undos included; where some are left out, the error has the positions of those that change the same properties. Undoing an undo does it again. An entity whose creation is undone is deleted, and keeps its values for a
// restoration.
//
// The actor of the options must be that of all events, "" being nobody's, or it fails with CodeInvalid. Where nothing is left to undo
// nothing is written, and the zero Commit is returned. A commit that has no Events, as one has that was decoded from JSON, is looked for
// at its First. Each entity's stream is read once, one after the other: it costs by their histories.
func (db *DB) Undo(ctx context.Context, o *TxOptions, commits ...Commit) (Commit, error) {
	tx := db.Begin(o)
	ids, order, err := db.undone(ctx, commits)
	if err != nil || len(order) == 0 {
		return Commit{}, err
	}
	unlock, err := db.locks.lock(ctx, order)
	if err != nil {
		return Commit{}, err
	}
	defer unlock()
	m, err := db.moment(ctx)
	if err != nil {
		return Commit{}, err
	}
	tx.since = m.at
	metadata, err := tx.metadata()
	if err != nil {
		return Commit{}, err
	}
	var batch []nacre.Append
	var parents [][]merge.ID
	var since []nacre.Position
	for _, n := range order {
		tx.order = append(tx.order, &held{name: n})
		if err := tx.sees(ctx, n); err != nil {
			return Commit{}, err
		}
		undo, err := db.undo(ctx, n, m, tx.o.Actor, ids[n])
		if err != nil {
			return Commit{}, err
		}
		if undo == nil {
			continue
		}
		since = append(since, undo.since...)
		e := nacre.Event{Type: n.collection + "." + undo.verb, Data: undo.data, Metadata: metadata, Tags: tx.o.Tags}
		batch = append(batch, nacre.Append{Stream: n.stream(), Expected: nacre.Any, Events: []nacre.Event{e}})
		parents = append(parents, undo.parents)
	}
	if len(since) > 0 {
		return Commit{}, leftOut(tx.o.Actor, since)
	}
	return tx.write(ctx, batch, parents)
}

// leftOut is the error of an undo without what stands at positions.
func leftOut(actor string, since []nacre.Position) error {
	slices.Sort(since)
	since = slices.Compact(since)
	const most = 100
	var b strings.Builder
	for i, at := range since[:min(len(since), most)] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, at)
	}
	if len(since) > most {
		fmt.Fprintf(&b, " and %d more", len(since)-most)
	}
	return invalid("commits", "leave out what %s did since to the same properties, at %s: undo that too, together", whose(actor), &b)
}

// undone are the events of commits by entity, and the entities in the order in which the commits have them.
func (db *DB) undone(ctx context.Context, commits []Commit) (map[name][]merge.ID, []name, error) {
	ids := map[name][]merge.ID{}
	var order []name
	for i := range commits {
		c := &commits[i]
		if len(c.Events) == 0 && c.First > 0 {
			found, err := db.Transaction(ctx, c.First)
			if err != nil {
				return nil, nil, err
			}
			if c.TransactionID != "" && found.TransactionID != c.TransactionID {
				return nil, nil, nacre.Errorf(nacre.CodeNotFound, "at position %d stands the transaction %s, and not %s", c.First, found.TransactionID, c.TransactionID)
			}
			c = &found
		}
		for k := range c.Events {
			e := &c.Events[k]
			id, err := merge.ParseID(e.ID)
			if err != nil || e.Parents == nil {
				return nil, nil, invalid(fmt.Sprintf("commits[%d]", i), "has the event %.40q of %.80q, which is no entity's", e.ID, e.StreamID)
			}
			n := nameOf(e.StreamID)
			if ids[n] == nil {
				order = append(order, n)
			}
			if !slices.Contains(ids[n], id) { // a transaction may be given twice
				ids[n] = append(ids[n], id)
			}
		}
	}
	return ids, order, nil
}

// undo is an event that takes others back.
type undo struct {
	verb    string
	data    []byte
	parents []merge.ID
	since   []nacre.Position // what its author did since to the same properties
}

// undo makes the event that takes back what events did to an entity; nil where nothing is left of it.
func (db *DB) undo(ctx context.Context, n name, m moment, actor string, ids []merge.ID) (*undo, error) {
	p, err := db.past(ctx, n, m)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		ev := p.Event(id)
		if ev == nil {
			return nil, nacre.Errorf(nacre.CodeNotFound, "%s has no event %s, or it has no effect yet", n.stream(), id)
		}
		if ev.Actor != actor {
			return nil, invalid("actor", "is %.80q, and event %s of %s is of the actor %.80q: one undoes one's own", actor, id, n.stream(), ev.Actor)
		}
	}
	now := p.State()
	draft := merge.NewDraft(now)
	out := &undo{verb: "changed", parents: draft.Parents()}
	if p.created(ids) {
		if !now.Deleted() {
			draft.Delete()
		}
		out.data = draft.Data()
	} else if out.data, err = p.Undo(now, ids...); err != nil {
		return nil, err
	}
	if out.data == nil {
		return nil, nil
	}
	if !p.created(ids) {
		if out.since = p.later(actor, ids); out.since != nil {
			return out, nil
		}
	}
	was := now.Deleted()
	is, err := p.after(n, now, out)
	switch {
	case err != nil:
		return nil, err
	case is && !was:
		out.verb = "deleted"
	case was && !is:
		out.verb = "restored"
	}
	return out, nil
}

func whose(actor string) string {
	if actor == "" {
		return "nobody by name"
	}
	return fmt.Sprintf("%.80q", actor)
}

// later is where an actor, behind events, changed the properties that they change, beside them, and what goes with that; nil where
// there is nothing. What is undone without it would be undone twice, or over it.
func (p *past) later(actor string, ids []merge.ID) []nacre.Position {
	touched, undone := map[string]bool{}, map[merge.ID]bool{}
	take := func(id merge.ID) {
		undone[id] = true
		for _, c := range p.Event(id).Changes {
			touched[c.Property] = true
		}
	}
	for _, id := range ids {
		take(id)
	}
	first := slices.MinFunc(ids, merge.ID.Compare)
	var since []nacre.Position
	for more := true; more; {
		more = false
		for i, id := range p.ids {
			ev := p.Event(id)
			if ev == nil || id.Compare(first) <= 0 || ev.Actor != actor || undone[id] || p.Voided(id) != nil {
				continue
			}
			if slices.ContainsFunc(ev.Changes, func(c merge.PropertyChange) bool { return touched[c.Property] }) {
				take(id)
				since, more = append(since, p.positions[i]), true
			}
		}
	}
	return since
}

// created tells whether events are all those that an entity began with, as far as they have an effect.
func (p *past) created(ids []merge.ID) bool {
	any := false
	for _, id := range p.ids {
		if len(p.Event(id).Parents) > 0 || p.Voided(id) != nil {
			continue
		}
		if !slices.Contains(ids, id) {
			return false
		}
		any = true
	}
	return any
}

// after tells whether the entity is deleted after an undo.
func (p *past) after(n name, now *merge.Entity, u *undo) (deleted bool, err error) {
	var last merge.ID
	for _, id := range u.parents {
		last = id // the greatest
	}
	ids, err := merge.NewIDs(last.Time(), last, 0, 1)
	if err != nil {
		return false, err
	}
	ev, err := merge.Decode(&nacre.Event{StreamID: n.stream(), ID: ids[0].String(), Type: n.collection + ".changed", Data: u.data, Parents: idTexts(u.parents)})
	if err != nil {
		return false, err
	}
	if len(ev.Damage) > 0 {
		return false, invalid("commits", "are too many to be undone together: undo them in parts, the last ones first: %s", ev.Damage[0].Problem)
	}
	now = now.Clone()
	if err := now.Apply(ev); err != nil {
		return false, err
	}
	return now.Deleted(), nil
}
