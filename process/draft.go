package process

import (
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
)

// draft is the batch under way.
type draft struct {
	begun   bool
	before  place   // the last event taken before it
	inputs  []drawn // what was taken, for a rollback
	changes []*change
	held    []held // what is held from now on
	taken   []*item
	ended   []ended
	letters map[string]bool // which are open from now on, or no more
	said    []nacre.Event   // about dead letters
	moves   []move          // into and out of lines

	events   int // of the batch so far
	bytes    int
	commands int
	figures  figures
}

// origination is the queue that an item came out of.
type origination int

const (
	fromReplies origination = iota
	fromTasks
	fromTimers
	fromQueue
	fromLine
)

// drawn is an item that was taken out of a queue.
type drawn struct {
	it   *item
	from origination
}

// move is an item that got to the end of a line, held from then on where it was not before; or one that was taken out
// of it.
type move struct {
	l    *line
	it   *item
	in   bool
	hold bool
	at   int // where in the line it was
}

// change is what a batch makes of an instance.
type change struct {
	in     *instance
	next   *truth
	events []nacre.Event // none where only commands or timers ended
}

func (d *draft) begin(seen place) {
	if !d.begun {
		d.begun, d.before = true, seen
	}
}

// full tells whether no more inputs are to be taken into it.
func (d *draft) full(e *engine) bool {
	return e.single > 0 && len(d.inputs) > 0 || len(d.inputs) >= e.b.inputs || d.events >= e.b.inputs || d.bytes >= e.b.bytes
}

// empty tells whether there is nothing in it that has to be committed: what was passed over need not be.
func (d *draft) empty() bool {
	return len(d.changes)+len(d.held)+len(d.taken)+len(d.said) == 0
}

func (d *draft) changeOf(e *engine, in *instance) *change {
	if in.change == nil {
		in.change = &change{in: in, next: in.t}
		d.changes = append(d.changes, in.change)
		e.book.rest(in)
	}
	return in.change
}

// alter changes an instance without a record: the commit says what ended.
func (d *draft) alter(e *engine, in *instance, next *truth) {
	d.changeOf(e, in).next = next
}

// write changes an instance with a record.
func (d *draft) write(e *engine, in *instance, next *truth, why *input, id string) error {
	event, err := newEvent(e.m.name, typeReacted, id, next.record(why))
	if err != nil {
		return err
	}
	c := d.changeOf(e, in)
	c.next = next
	c.events = append(c.events, event)
	d.events++
	d.bytes += len(event.Data)
	return nil
}

func (d *draft) bury(e *engine, l runner.Letter) {
	d.mark(l.ID, true)
	d.say(runner.Bury(runner.ID{Kind: runner.Process, Name: e.m.name}, l))
}

// settle ends a dead letter. One that was ended already may be ended again.
func (d *draft) settle(e *engine, how, letter string) {
	d.mark(letter, false)
	d.say(runner.Settle(runner.ID{Kind: runner.Process, Name: e.m.name}, how, letter))
}

func (d *draft) mark(letter string, open bool) {
	if d.letters == nil {
		d.letters = map[string]bool{}
	}
	d.letters[letter] = open
}

// say takes what is to be written about a dead letter. The ids make it stand once where the batch is committed
// twice.
func (d *draft) say(a nacre.Append) {
	for i := range a.Events {
		d.said = append(d.said, a.Events[i].WithID(nacre.NewID()))
		d.events++
		d.bytes += len(a.Events[i].Data)
	}
}

// batch is a draft that is to be committed.
type batch struct {
	appends []nacre.Append
	body    committed
	id      string   // of its process.committed
	notes   []note   // of commands that were dispatched
	settled []string // dead letters that these were
	records int
}

// seal makes a batch of what was taken; nil where there is nothing to be committed. With lazily it is made also where
// only positions were passed over, or commands dispatched.
func (e *engine) seal(lazily bool) (*batch, error) {
	d := e.draft
	if d.empty() && (!lazily || len(e.notes) == 0 && e.passed() == e.position && e.version >= 0) {
		e.draft = &draft{}
		e.oneLess(d.inputs)
		return nil, nil //nolint:nilnil // nothing is to be done, and that is no error
	}
	b := &batch{id: nacre.NewID(), body: committed{Position: e.passed(), Epoch: e.epoch, Held: d.held, Ended: d.ended}}
	if e.seen.ID != "" {
		seen := e.seen
		b.body.Seen = &seen
	}
	if e.careful > b.body.Position {
		b.body.Known = e.careful
	}
	for _, it := range d.taken {
		b.body.Taken = append(b.body.Taken, it.key())
	}
	for _, c := range d.changes {
		if len(c.events) > 0 {
			b.appends = append(b.appends, nacre.Append{
				Stream: instanceStream(e.m.name, c.in.id), Expected: nacre.Exactly(c.in.t.version), Events: c.events,
			})
			b.records += len(c.events)
		}
	}
	said := e.takeNotes(b)
	if len(said) > 0 {
		a := runner.Settle(runner.ID{Kind: runner.Process, Name: e.m.name}, runner.Retried)
		a.Events = said
		b.appends = append(b.appends, a)
	}
	commit, err := newEvent(e.m.name, typeCommitted, b.id, &b.body)
	if err != nil {
		return nil, err
	}
	b.records++
	b.appends = append(b.appends, nacre.Append{Stream: commitStream(e.m.name), Expected: nacre.Exactly(e.version), Events: []nacre.Event{commit}})
	return b, nil
}

// takeNotes puts commands that were dispatched into the batch, and gives all that it says about dead letters. A
// command that its instance's record leaves out need not be named.
func (e *engine) takeNotes(b *batch) []nacre.Event {
	said := e.draft.said
	n := min(len(e.notes), e.b.notes)
	if e.single > 0 {
		n = 0
	}
	b.notes = e.notes[:n:n]
	e.notes = e.notes[n:]
	id := runner.ID{Kind: runner.Process, Name: e.m.name}
	for _, note := range b.notes {
		c := note.in.change
		if c == nil || len(c.events) == 0 || c.next.command(note.c.ID) != nil {
			b.body.Ended = append(b.body.Ended, ended{Instance: note.in.id, Command: note.c.ID, How: endedDispatched})
		}
		if note.c.Letter != "" && !note.c.discarded {
			b.settled = append(b.settled, note.c.Letter)
			a := runner.Settle(id, runner.Retried, note.c.Letter)
			said = append(slices.Clip(said), a.Events[0].WithID(nacre.NewID()))
		}
	}
	return said
}

// committed takes over what a batch says, once it is durable. at is where its process.committed stands.
func (e *engine) committed(b *batch, at nacre.Position) {
	d := e.draft
	e.draft = &draft{}
	for _, n := range b.notes {
		if n.in.change == nil {
			n.in.t = n.in.t.drop(n.c)
		} else {
			n.in.change.next = n.in.change.next.drop(n.c)
		}
	}
	for _, c := range d.changes {
		e.apply(c)
	}
	for _, n := range b.notes {
		e.book.rest(n.in)
	}
	for _, h := range d.held {
		e.heldNow[h.Key] = h
	}
	for _, it := range d.taken {
		delete(e.heldNow, it.key())
		if it.kind == itemEvent && it.letter == "" {
			e.marks.remove(it.event.GlobalPosition)
		}
	}
	e.position, e.version, e.last, e.lastSeen = b.body.Position, e.version+1, place{Position: at, ID: b.id}, b.body.Seen
	for _, letter := range b.settled {
		delete(e.letters, letter)
	}
	for letter, open := range d.letters {
		if open {
			e.letters[letter] = true
		} else {
			delete(e.letters, letter)
		}
	}
	e.records += b.records
	e.figures.add(&d.figures)
	e.oneLess(d.inputs)
}

// oneLess counts what is committed one by one, and tells whoever waits for inputs.
func (e *engine) oneLess(inputs []drawn) {
	if len(inputs) > 0 && e.single > 0 {
		e.single--
	}
	for _, i := range inputs {
		if i.it.fatal != nil && i.it.kind == itemTimer {
			delete(e.condemned, i.it.key())
		}
		if i.it.done != nil {
			i.it.done(i.it.answer)
			i.it.done = nil
		}
	}
}

// apply makes a change the truth.
func (e *engine) apply(c *change) {
	in, before := c.in, c.in.t
	in.t, in.change = c.next, nil
	for _, p := range in.t.outbox {
		if !p.over && before.command(p.ID) != p {
			e.marks.add(p.Position)
		}
	}
	for _, p := range before.outbox {
		if in.t.command(p.ID) == p {
			continue
		}
		if !p.over {
			e.marks.remove(p.Position)
		}
		if in.sending == p && !p.out {
			in.sending = nil // it was refused, or failed for good
		}
	}
	e.book.rest(in)
	e.readyUp(in)
	e.relieve(in)
}

// refuse gives back what a batch has that the store does not take, as too large or invalid. Its inputs are then
// committed one by one, and the one that is refused alone is given up. The error is for what cannot be given up.
func (e *engine) refuse(b *batch, why error) error {
	inputs := e.draft.inputs
	e.notes = slices.Concat(b.notes, e.notes)
	e.rollback()
	switch {
	case len(inputs) > 1:
		e.single = max(e.single, len(inputs))
		if nacre.CodeOf(why) == nacre.CodeTooLarge {
			e.b.inputs = max(1, len(inputs)/2)
		}
		return nil
	case len(inputs) == 1 && inputs[0].it.fatal == nil:
		inputs[0].it.fatal = why
		if inputs[0].from == fromTimers {
			e.condemned[inputs[0].it.key()] = why
		}
		e.single = max(e.single, 1)
		return nil
	case len(inputs) == 0 && len(b.notes) > 1:
		e.b.notes = len(b.notes) / 2
		return nil
	}
	return why
}

// rollback gives back what was taken.
func (e *engine) rollback() {
	d := e.draft
	e.draft = &draft{}
	for _, m := range slices.Backward(d.moves) {
		e.undo(&m)
	}
	for _, c := range d.changes {
		c.in.change = nil
		for i := range c.in.t.timers {
			t := &c.in.t.timers[i]
			e.timers.add(alarm{at: t.Due, who: c.in.id, name: t.Name, set: t.Set})
		}
		e.book.rest(c.in)
	}
	queues := map[origination]*[]*item{fromReplies: &e.replies, fromTasks: &e.tasks, fromQueue: &e.queue}
	for _, i := range slices.Backward(d.inputs) {
		if i.from == fromTimers {
			t := &i.it.timer
			e.timers.add(alarm{at: t.Due, who: i.it.instance, name: t.Name, set: t.Set})
		} else if q := queues[i.from]; q != nil {
			*q = slices.Insert(*q, 0, i.it)
		}
	}
	if d.begun {
		e.seen = d.before
	}
}

func (e *engine) undo(m *move) {
	if !m.in {
		m.l.items = slices.Insert(m.l.items, m.at, m.it)
		e.restore(m.l)
		e.ripen(m.l)
		return
	}
	m.l.items = m.l.items[:len(m.l.items)-1]
	if m.hold {
		m.it.held = false
		if m.it.kind == itemEvent && m.it.letter == "" {
			e.marks.remove(m.it.event.GlobalPosition)
		}
	}
	if len(m.l.items) == 0 {
		e.unripen(m.l)
		e.dissolve(m.l)
	}
}

func (f *figures) add(o *figures) {
	f.reacted += o.reacted
	f.fired += o.fired
	f.dispatched += o.dispatched
	f.rejected += o.rejected
	f.buried += o.buried
}
