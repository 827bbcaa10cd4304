package merge

import (
	"fmt"
	"maps"
	"slices"

	"github.com/nacredb/nacre"
)

// Graph holds the visible events of one stream, for all that looks back. The zero value is empty.
type Graph struct {
	events map[ID]*Event
	voided map[ID]*Voided // nil where it must be made anew
}

// Add takes visible events, each after its parents. What is there already is left alone.
func (g *Graph) Add(events ...*Event) {
	if g.events == nil {
		g.events = map[ID]*Event{}
	}
	for _, ev := range events {
		if g.events[ev.ID] == nil {
			g.events[ev.ID] = ev
			if len(ev.Void) > 0 {
				g.voided = nil
			}
		}
	}
}

// Replace puts the home's event in the place of another one of its id: see Outcome.Replaced.
func (g *Graph) Replace(ev *Event) {
	delete(g.events, ev.ID)
	g.voided = nil
	g.Add(ev)
}

// Event is the event of that id, nil where there is none or none of its content.
func (g *Graph) Event(id ID) *Event { return g.events[id] }

// Events are all events in the order of their ids, which is causal.
func (g *Graph) Events() []*Event {
	return slices.SortedFunc(maps.Values(g.events), func(a, b *Event) int { return a.ID.Compare(b.ID) })
}

// Voided says what took an event's effects away, nil where nothing did.
func (g *Graph) Voided(id ID) *Voided { return g.voids()[id] }

func (g *Graph) voids() map[ID]*Voided {
	if g.voided == nil {
		g.voided = voidedBy(g.Events())
	}
	return g.voided
}

// State is what all events come to.
func (g *Graph) State() *Entity { return Fold(slices.Collect(maps.Values(g.events))) }

// Past are the events with all their ancestors. It fails where one of them is not there.
func (g *Graph) Past(ids ...ID) (map[ID]bool, error) {
	past := make(map[ID]bool, len(g.events))
	for todo := slices.Clone(ids); len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if past[id] {
			continue
		}
		past[id] = true
		switch ev, v := g.events[id], g.voids()[id]; {
		case v != nil:
			todo = append(todo, v.Parents...)
		case ev != nil:
			todo = append(todo, ev.Parents...)
		default:
			return nil, &nacre.Error{Code: nacre.CodeNotFound, Field: "eventId", Message: fmt.Sprintf("the stream has no event %s", id)}
		}
	}
	return past, nil
}

// StateAt is the state in the causal past of events, they included. What is voided now has no effect in it.
func (g *Graph) StateAt(ids ...ID) (*Entity, error) { return g.stateAt(ids, nil) }

func (g *Graph) stateAt(ids, without []ID) (*Entity, error) {
	past, err := g.Past(ids...)
	if err != nil {
		return nil, err
	}
	for _, id := range without {
		delete(past, id)
	}
	events := make([]*Event, 0, len(past))
	for id := range past {
		if v := g.voids()[id]; v != nil {
			events = append(events, v.stub())
		} else if ev := g.events[id]; ev != nil {
			events = append(events, ev)
		}
	}
	slices.SortFunc(events, func(a, b *Event) int { return a.ID.Compare(b.ID) })
	e := New()
	for _, ev := range events {
		e.take(ev)
	}
	return e, nil
}

// Undo is the data of an event that takes back what events did, one or several of one author's, nil where nothing is
// left of it. now is the state of the whole graph. Who undoes further back gives all events since then, undos included.
func (g *Graph) Undo(now *Entity, ids ...ID) ([]byte, error) {
	before, err := g.stateAt(ids, ids)
	if err != nil {
		return nil, err
	}
	type place struct {
		property string
		kind     Kind
	}
	done := map[place][]Done{}
	sorted := slices.SortedFunc(slices.Values(ids), ID.Compare)
	for _, id := range slices.Compact(sorted) {
		ev := g.events[id]
		if ev == nil || g.voids()[id] != nil {
			continue // it has no effect
		}
		if len(ev.Void) > 0 {
			return nil, invalid("eventId", fmt.Sprintf("%s is a void, which is not undone", id))
		}
		for _, c := range ev.Changes {
			at := place{c.Property, c.Kind}
			done[at] = append(done[at], Done{id, c.Operation})
		}
	}
	data := map[string][]byte{}
	for at, list := range done {
		state, was := now.state(at.property, at.kind), before.state(at.property, at.kind)
		if state == nil {
			state = at.kind.New()
		}
		if was == nil {
			was = at.kind.New()
		}
		if op := state.Undo(list, was); op != nil {
			if data[at.property] != nil {
				return nil, invalid("eventId", fmt.Sprintf("several kinds of operations on %q are not undone together: undo them one by one", at.property))
			}
			data[at.property] = op
		}
	}
	if len(data) == 0 {
		return nil, nil
	}
	return appendObject(nil, data), nil
}

// Conflicts are those of the state of all events, with authors.
func (g *Graph) Conflicts(now *Entity) []Conflict {
	list := now.Conflicts()
	for i := range list {
		for k := range list[i].Survivors {
			if ev := g.events[list[i].Survivors[k].ID]; ev != nil {
				list[i].Survivors[k].Author = ev.Actor
			}
		}
	}
	return list
}
