package process

import (
	"container/list"
	"encoding/json"
	"slices"
	"time"

	"github.com/nacredb/nacre"
)

// pending is a command that has not been noted as ended.
type pending struct {
	command
	over      bool // dispatched; it is left out of what is written from now on
	out       bool // it is being dispatched
	discarded bool // with the dead letter that it was
	attempts  int  // that failed
}

// truth is an instance as of one of its records. It is never changed, but for what its commands come to.
type truth struct {
	version int64 // of its stream; -1 where there is none
	life    int64
	began   nacre.Position
	state   json.RawMessage
	outbox  []*pending
	timers  []timer
	done    bool
}

// nobody is an instance that never was.
var nobody = &truth{version: -1}

// truthOf is what a record says.
func truthOf(version int64, r *record) *truth {
	t := &truth{version: version, life: r.Life, began: r.Began, state: r.State, timers: r.Timers, done: r.Done}
	for i := range r.Outbox {
		t.outbox = append(t.outbox, &pending{command: r.Outbox[i]})
	}
	return t
}

// record is what is written of a truth.
func (t *truth) record(in *input) *record {
	r := &record{Input: in, Life: t.life, Began: t.began, State: t.state, Timers: t.timers, Done: t.done}
	for _, c := range t.outbox {
		if !c.over {
			r.Outbox = append(r.Outbox, c.command)
		}
	}
	return r
}

// waiting are the commands that are yet to end.
func (t *truth) waiting() []*pending {
	if !slices.ContainsFunc(t.outbox, func(c *pending) bool { return c.over }) {
		return t.outbox
	}
	return slices.DeleteFunc(slices.Clone(t.outbox), func(c *pending) bool { return c.over })
}

// head is the command to be dispatched next; nil where there is none.
func (t *truth) head() *pending {
	for _, c := range t.outbox {
		if !c.over {
			return c
		}
	}
	return nil
}

func (t *truth) command(id string) *pending {
	for _, c := range t.outbox {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// lettered is the command that tries a dead letter again.
func (t *truth) lettered(letter string) *pending {
	for _, c := range t.outbox {
		if c.Letter == letter && letter != "" {
			return c
		}
	}
	return nil
}

func (t *truth) timer(name string) *timer {
	i := slices.IndexFunc(t.timers, func(t timer) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &t.timers[i]
}

// drop gives the truth without a command.
func (t *truth) drop(c *pending) *truth {
	next := *t
	next.outbox = slices.DeleteFunc(slices.Clone(t.outbox), func(o *pending) bool { return o.ID == c.ID })
	return &next
}

// unset gives the truth without a timer.
func (t *truth) unset(gone *timer) *truth {
	next := *t
	next.timers = slices.DeleteFunc(slices.Clone(t.timers), func(o timer) bool { return o.same(gone) })
	return &next
}

// open tells whether there is something to be done for it: what a restart has to know.
func (t *truth) open() bool { return len(t.outbox) > 0 || len(t.timers) > 0 }

// instance is an instance in memory.
type instance struct {
	id     string
	t      *truth  // as committed
	change *change // what the batch under way makes of it; nil where nothing
	line   *line   // what waits to be taken; nil where nothing does

	sending *pending  // being dispatched, or refused or dead and not yet recorded so
	retryAt time.Time // its next command waits until then
	ready   bool      // it stands among those with a command to be dispatched

	slot *list.Element // among those that may be forgotten
}

// now is the truth that the next input finds.
func (in *instance) now() *truth {
	if in.change != nil {
		return in.change.next
	}
	return in.t
}

// busy tells whether it must stay in memory.
func (in *instance) busy() bool {
	return in.change != nil || in.line != nil || in.sending != nil || in.t.open()
}

// book has the instances in memory: those that are busy, and of the others those that were asked for last.
type book struct {
	all  map[string]*instance
	idle list.List // of *instance, the one asked for last in front
	room int       // how many may be idle
}

func newBook(room int) *book { return &book{all: map[string]*instance{}, room: room} }

// get is nil where the instance is not in memory.
func (b *book) get(id string) *instance {
	in := b.all[id]
	if in != nil && in.slot != nil {
		b.idle.MoveToFront(in.slot)
	}
	return in
}

// put takes an instance that was loaded.
func (b *book) put(id string, t *truth) *instance {
	in := &instance{id: id, t: t}
	b.all[id] = in
	b.rest(in)
	return in
}

// rest is to be called when something has changed about whether an instance is busy. One that was forgotten meanwhile, and
// of which only a note is left, stays so.
func (b *book) rest(in *instance) {
	if b.all[in.id] != in {
		return
	}
	switch busy := in.busy(); {
	case busy && in.slot != nil:
		b.idle.Remove(in.slot)
		in.slot = nil
	case !busy && in.slot == nil:
		in.slot = b.idle.PushFront(in)
		for b.idle.Len() > b.room {
			oldest := b.idle.Remove(b.idle.Back()).(*instance)
			oldest.slot = nil
			delete(b.all, oldest.id)
		}
	}
}
