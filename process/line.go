package process

import (
	"context"
	"slices"
	"time"
)

// line is what waits to be taken by an instance, in order: behind an input that failed and is tried again, or because the
// instance has too many commands that are yet to be dispatched. What fails without an instance, or without standing in
// anybody's way, has a line of its own.
type line struct {
	key   string
	in    *instance // nil for a line of its own
	items []*item
	at    time.Time // of the next attempt; zero where it waits for room
	ripe  bool
}

// limboMark begins the keys of lines that are no instance's: no instance's id has it.
const limboMark = "\x00"

// lineOf is the line that an item has to wait in; nil where there is none.
func (e *engine) lineOf(it *item) *line {
	if in := e.owner(it); in != nil {
		return in.line
	}
	if it.kind == itemEvent || it.kind == itemTimer {
		return e.limbo[limboKey(it)]
	}
	return nil
}

// limboKey is the key of a line of an item's own.
func limboKey(it *item) string {
	if it.command != nil {
		return limboMark + it.command.ID
	}
	return limboMark + it.key()
}

// owner is the instance in whose line an item waits; nil where that is a line of its own.
func (e *engine) owner(it *item) *instance {
	switch {
	case it.kind == itemTimer:
		return e.book.get(it.instance)
	case it.kind == itemEvent && it.index >= 0 && len(it.parts) == 1 && it.parts[0].err == nil:
		return e.book.get(it.parts[0].instance)
	}
	return nil
}

// newLine makes the line that an item begins; where there is one by now, it is that.
func (e *engine) newLine(it *item) *line {
	if l := e.lineOf(it); l != nil {
		return l
	}
	if in := e.owner(it); in != nil {
		l := &line{key: in.id, in: in}
		in.line = l
		e.lines++
		e.book.rest(in)
		return l
	}
	l := &line{key: limboKey(it)}
	e.limbo[l.key] = l
	return l
}

// isHeld tells whether a dead letter's event or timer is being tried again: it waits in a line.
func (e *engine) isHeld(it *item) bool {
	key := it.key()
	if h, is := e.heldNow[key]; is && h.Letter == it.letter {
		return true
	}
	return slices.ContainsFunc(e.draft.held, func(h held) bool { return h.Key == key })
}

// lineAt is the line of a key; nil where there is none.
func (e *engine) lineAt(key string) *line {
	if l := e.limbo[key]; l != nil {
		return l
	}
	if in := e.book.get(key); in != nil {
		return in.line
	}
	return nil
}

// wait puts an item at the end of a line.
func (e *engine) wait(l *line, it *item) {
	l.items = append(l.items, it)
	hold := !it.held && (it.kind == itemEvent || it.kind == itemTimer && it.letter != "")
	if hold {
		it.held = true
		e.draft.held = append(e.draft.held, it.entry())
		if it.kind == itemEvent && it.letter == "" {
			e.marks.add(it.event.GlobalPosition)
		}
	}
	e.draft.moves = append(e.draft.moves, move{l: l, it: it, in: true, hold: hold})
}

// postpone has a line's first item tried again later.
func (e *engine) postpone(l *line, attempts int) {
	l.at = e.now.Add(e.b.delay(attempts))
	e.waking.add(alarm{at: l.at, who: l.key})
	e.figures.retries++
}

// wakeLines finds the lines whose time has come.
func (e *engine) wakeLines(now time.Time) {
	for {
		at, ok := e.waking.next()
		if !ok || at.After(now) {
			return
		}
		a := e.waking.pop()
		if l := e.lineAt(a.who); l != nil && l.at.Equal(a.at) {
			e.ripen(l)
		}
	}
}

func (e *engine) ripen(l *line) {
	if !l.ripe && len(l.items) > 0 {
		l.ripe = true
		e.ripe = append(e.ripe, l)
	}
}

// takeLine takes the first item of the first line that is ripe.
func (e *engine) takeLine(ctx context.Context) error {
	l := e.ripe[0]
	if len(l.items) == 0 {
		e.unripen(l)
		return nil
	}
	if t := l.overdue(); t != nil {
		l.items = slices.Insert(l.items, 0, t)
	}
	it := l.items[0]
	e.draft.begin(e.seen)
	v, why, err := e.take(ctx, it)
	if err != nil {
		return err
	}
	if v == full {
		l.at = time.Time{}
		e.unripen(l)
		return nil
	}
	if v == failed && !e.giveUp(it, why) {
		e.unripen(l)
		e.postpone(l, it.attempts)
		return nil
	}
	e.draft.inputs = append(e.draft.inputs, drawn{it, fromLine})
	e.leave(l, 0)
	return nil
}

// leave takes an item out of its line.
func (e *engine) leave(l *line, at int) {
	it := l.items[at]
	l.items = slices.Delete(l.items, at, at+1)
	e.draft.moves = append(e.draft.moves, move{l: l, it: it, at: at})
	if it.held {
		e.draft.taken = append(e.draft.taken, it)
	}
	if len(l.items) == 0 {
		e.unripen(l)
		e.dissolve(l)
	}
}

// overdue is the instance's first timer that goes before what is at the head of its line: before an event that was created later,
// and a timer that is due later. It may have been set by what stood before that in the line. It is nil where there is none.
func (l *line) overdue() *item {
	it := l.items[0]
	if l.in == nil || it.kind == itemTimer && it.letter != "" {
		return nil
	}
	before := it.event.CreatedAt
	if it.kind == itemTimer {
		before = it.timer.Due
	}
	var first *timer
	for i := range l.in.now().timers {
		t := &l.in.now().timers[i]
		if t.Due.Before(before) && (first == nil || t.Due.Before(first.Due)) {
			first = t
		}
	}
	if first == nil {
		return nil
	}
	return &item{kind: itemTimer, instance: l.in.id, timer: *first}
}

func (e *engine) unripen(l *line) {
	l.ripe = false
	e.ripe = slices.DeleteFunc(e.ripe, func(o *line) bool { return o == l })
}

// dissolve ends an empty line.
func (e *engine) dissolve(l *line) {
	if l.in == nil {
		delete(e.limbo, l.key)
		return
	}
	l.in.line = nil
	e.lines--
	e.book.rest(l.in)
}

// restore brings back a line that was dissolved.
func (e *engine) restore(l *line) {
	if l.in == nil {
		e.limbo[l.key] = l
		return
	}
	if l.in.line == nil {
		e.lines++
	}
	l.in.line = l
	e.book.rest(l.in)
}

// relieve wakes an instance's line that waits for room, where there is some.
func (e *engine) relieve(in *instance) {
	if in.line != nil && in.line.at.IsZero() && len(in.now().waiting()) < e.b.outbox {
		e.ripen(in.line)
	}
}
