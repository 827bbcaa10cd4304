package process

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/internal/runner"
)

// verdict is what became of an attempt to take an item.
type verdict int

const (
	taken  verdict = iota // it stands in the batch, or there was nothing to be done
	failed                // user code failed, and nothing of it is kept
	full                  // the instance has too many commands that are yet to be dispatched
)

// offer takes an item that waits in no line; where it cannot be taken now, it gets into one.
func (e *engine) offer(ctx context.Context, it *item, from origination) error {
	e.draft.begin(e.seen)
	e.draft.inputs = append(e.draft.inputs, drawn{it, from})
	switch {
	case it.fatal != nil: // it is given up
	case from == fromTasks && (it.kind == itemEvent || it.kind == itemTimer):
		return e.tryAgain(ctx, it)
	case it.kind == itemEvent && it.index < 0:
		if done, err := e.spread(ctx, it); done || err != nil {
			return err
		}
	}
	return e.offerOne(ctx, it)
}

// tryAgain puts a dead letter's event or timer at the end of its line, where it is taken once inputs are taken. What waits there
// already has its turn.
func (e *engine) tryAgain(ctx context.Context, it *item) error {
	if e.isHeld(it) {
		return nil
	}
	if err := e.route(ctx, it); err != nil {
		return err
	}
	if l := e.lineOf(it); l != nil {
		e.wait(l, it)
		return nil
	}
	l := e.newLine(it)
	e.wait(l, it)
	e.ripen(l)
	return nil
}

// route finds the instance in whose line an item waits.
func (e *engine) route(ctx context.Context, it *item) error {
	id := it.instance
	if it.kind == itemEvent {
		if it.index < 0 {
			return nil
		}
		parts, err := e.m.parts(it.event)
		if err != nil || it.index >= len(parts) {
			return nil //nolint:nilerr // it fails again when it is taken
		}
		it.parts = parts[it.index : it.index+1 : it.index+1]
		if id = it.parts[0].instance; id == "" || it.parts[0].err != nil {
			return nil
		}
	}
	_, err := e.find(ctx, id)
	if isDamage(err) {
		return nil // the same
	}
	return err
}

// isDamage tells whether an error of the store is about what one instance keeps, and no reason to stop for.
func isDamage(err error) bool { return nacre.CodeOf(err) == nacre.CodeDamaged }

// offerOne is offer for what is not to be spread.
func (e *engine) offerOne(ctx context.Context, it *item) error {
	if l := e.lineOf(it); l != nil && it.fatal == nil {
		e.wait(l, it)
		return nil
	}
	v, why, err := e.take(ctx, it)
	switch {
	case err != nil:
		return err
	case v == taken:
	case v == full:
		e.wait(e.newLine(it), it)
	case !e.giveUp(it, why):
		l := e.newLine(it)
		e.wait(l, it)
		e.postpone(l, it.attempts)
	}
	return nil
}

// spread offers each of the events that an event decodes to. It is false where the event does not decode.
func (e *engine) spread(ctx context.Context, it *item) (bool, error) {
	parts := it.parts
	if parts == nil {
		var err error
		if parts, err = e.m.parts(it.event); err != nil {
			return false, nil //nolint:nilerr // it is decoded once more when it is taken, and fails there
		}
	}
	for i := range parts {
		one := &item{kind: itemEvent, event: it.event, index: i, parts: parts[i : i+1 : i+1], again: it.again}
		if err := e.offerOne(ctx, one); err != nil {
			return false, err
		}
	}
	return true, nil
}

// giveUp counts a failed attempt; it is true where that was the last one, and the item is a dead letter now.
func (e *engine) giveUp(it *item, why error) bool {
	it.attempts++
	switch {
	case it.kind == itemRetry || it.kind == itemDiscard:
		it.answer = why
	case it.fatal == nil && it.attempts < e.b.attempts:
		return false
	}
	switch it.kind {
	case itemRetry, itemDiscard:
		e.log.Warn("an order about a dead letter cannot be carried out", "manager", e.m.name, "letter", it.letter, "error", why)
	case itemRefused:
		e.kill(it, e.book.get(it.instance), why)
	case itemTimer:
		if in := e.book.get(it.instance); in != nil && it.letter == "" {
			t := it.timer
			e.draft.alter(e, in, in.now().unset(&t))
			e.draft.ended = append(e.draft.ended, ended{Instance: in.id, Timer: &timerInput{t.Name, t.Due, t.Set}, How: endedDead})
		}
		e.bury(it, it.instance, why)
	default:
		instance := ""
		if len(it.parts) == 1 {
			instance = it.parts[0].instance
		}
		e.bury(it, instance, why)
	}
	return true
}

// kill ends a command that failed for good.
func (e *engine) kill(it *item, in *instance, why error) {
	e.draft.alter(e, in, in.now().drop(it.command))
	e.draft.ended = append(e.draft.ended, ended{Instance: in.id, Command: it.command.ID, How: endedDead})
	it.letter = it.command.Letter
	e.bury(it, in.id, why)
}

// bury makes a dead letter of an item.
func (e *engine) bury(it *item, instance string, why error) {
	l := e.letterOf(it, instance, why)
	e.draft.bury(e, l)
	if it.letter == "" {
		e.draft.figures.buried++
	}
	e.log.Warn("a process manager gives something up: it is a dead letter now", "manager", e.m.name, "what", l.What, "letter", l.ID,
		"instance", l.Instance, "position", uint64(l.Position), "attempts", l.Attempts, "error", why)
}

// take has an item taken: why is what user code failed with, err an error of the store.
func (e *engine) take(ctx context.Context, it *item) (v verdict, why, err error) {
	if it.discarded {
		return taken, nil, nil
	}
	if it.fatal != nil && it.kind != itemDead {
		return failed, it.fatal, nil
	}
	switch it.kind {
	case itemEvent:
		return e.takeEvent(ctx, it)
	case itemTimer:
		return e.takeTimer(ctx, it)
	case itemRefused:
		v, why = e.takeRefusal(it)
		return v, why, nil
	case itemDead:
		in := e.book.get(it.instance)
		if in == nil || in.now().command(it.command.ID) == nil {
			return taken, nil, nil
		}
		it.attempts = 0
		e.kill(it, in, it.cause)
		return taken, nil, nil
	case itemRetry:
		return e.takeRetry(ctx, it)
	default:
		return e.takeDiscard(it)
	}
}

// takeEvent has an instance take one of the events that an event decodes to.
func (e *engine) takeEvent(ctx context.Context, it *item) (verdict, error, error) {
	if it.parts == nil || it.parts[0].err != nil {
		parts, err := e.m.parts(it.event)
		if err != nil {
			return failed, err, nil
		}
		if it.index < 0 { // it decodes now
			for i := range parts {
				one := &item{kind: itemEvent, event: it.event, index: i, parts: parts[i : i+1 : i+1], again: it.again}
				if err := e.offerOne(ctx, one); err != nil {
					return taken, nil, err
				}
			}
			return e.reacted(it)
		}
		if it.index >= len(parts) {
			return failed, nacre.Errorf(nacre.CodeInvalid, "the event decodes to %d events now, and number %d is to be taken", len(parts), it.index), nil
		}
		it.parts = parts[it.index : it.index+1 : it.index+1]
		if it.parts[0].err != nil {
			return failed, it.parts[0].err, nil
		}
	}
	p := &it.parts[0]
	if p.instance == "" {
		return e.reacted(it)
	}
	in, err := e.find(ctx, p.instance)
	if err != nil {
		return e.unread(err)
	}
	cur, record := in.now(), eventRecordID(&it.event, it.index)
	if len(cur.waiting()) >= e.b.outbox {
		return full, nil, nil
	}
	if it.again {
		if it.letter == "" && it.event.GlobalPosition <= e.careful && it.event.GlobalPosition < cur.began {
			return e.reacted(it)
		}
		known, err := e.mem.knows(ctx, in.id, record)
		if err != nil {
			return e.unread(err)
		}
		if known {
			return e.reacted(it)
		}
	}
	switch {
	case cur.life == 0 || cur.done:
		if !p.begins {
			return e.reacted(it)
		}
		cur = &truth{version: cur.version, life: cur.life + 1, began: it.event.GlobalPosition, outbox: cur.outbox}
	case it.isOf(cur.life):
	default:
		return e.tooLate(it, cur)
	}
	r := reaction{
		in: in, from: cur, record: record, now: it.event.CreatedAt, origin: originOf(&it.event), position: it.event.GlobalPosition, name: "React",
		input: &input{Event: &eventInput{it.event.GlobalPosition, it.event.ID, it.event.StreamID, it.event.Type, it.index}},
		run: func(state json.RawMessage, do *Effects) (json.RawMessage, error) {
			return e.m.react(state, p.event, do)
		},
	}
	if why := e.react(&r); why != nil {
		return failed, why, nil
	}
	e.draft.figures.reacted++
	return e.reacted(it)
}

// unread is what becomes of an item whose instance cannot be read.
func (e *engine) unread(err error) (verdict, error, error) {
	if isDamage(err) {
		return failed, err, nil
	}
	return taken, nil, err
}

// isOf tells whether an item is for that life of its instance. One that is no dead letter is, and so is one that failed before it was
// known whose it is.
func (it *item) isOf(life int64) bool { return it.letter == "" || it.life == 0 || it.life == life }

// tooLate is what becomes of a dead letter that was an earlier life's.
func (e *engine) tooLate(it *item, cur *truth) (verdict, error, error) {
	it.fatal = nacre.Errorf(nacre.CodeInvalid,
		"it failed in life %d of the instance, which has been begun anew since, and is in life %d: discard it", it.life, cur.life)
	return failed, it.fatal, nil
}

// reacted settles the dead letter that an item was.
func (e *engine) reacted(it *item) (verdict, error, error) {
	if it.letter != "" {
		e.draft.settle(e, runner.Retried, it.letter)
	}
	return taken, nil, nil
}

// takeTimer has an instance take a timer that is due.
func (e *engine) takeTimer(ctx context.Context, it *item) (verdict, error, error) {
	in, err := e.find(ctx, it.instance)
	if err != nil {
		return e.unread(err)
	}
	t, cur, record := it.timer, in.now(), timerRecordID(&it.timer)
	if it.letter == "" {
		if set := cur.timer(t.Name); set == nil || !set.same(&t) {
			return taken, nil, nil // it was cancelled, or set again
		}
	} else if known, err := e.mem.knows(ctx, in.id, record); err != nil {
		return e.unread(err)
	} else if known {
		return e.reacted(it)
	}
	if it.letter != "" {
		switch {
		case cur.done:
			return e.reacted(it) // its timers were taken back
		case !it.isOf(cur.life):
			return e.tooLate(it, cur)
		}
	}
	if e.m.timeout == nil {
		return failed, nacre.Errorf(nacre.CodeInvalid, "the timer %q is due, and the manager has no Timeout any more", t.Name), nil
	}
	r := reaction{
		in: in, from: cur.unset(&t), record: record, now: t.Due, origin: t.origin, position: e.seen.Position, name: "Timeout",
		input: &input{Timer: &timerInput{t.Name, t.Due, t.Set}},
		run: func(state json.RawMessage, do *Effects) (json.RawMessage, error) {
			return e.m.timeout(state, t.Name, do)
		},
	}
	if why := e.react(&r); why != nil {
		return failed, why, nil
	}
	e.draft.figures.fired++
	return e.reacted(it)
}

// takeRefusal has an instance take what a domain error said about its command.
func (e *engine) takeRefusal(it *item) (verdict, error) {
	in := e.book.get(it.instance)
	if in == nil || in.now().command(it.command.ID) == nil {
		return taken, nil // it was discarded
	}
	cur, c := in.now(), it.command
	if c.Life != cur.life {
		// Whoever sent it is no more: nobody would hear of it.
		e.kill(it, in, fmt.Errorf("refused, when the instance had been begun anew: %w", it.cause))
		return taken, nil
	}
	sent, err := e.m.decode(&c.command)
	if err != nil {
		return failed, err
	}
	refused := &rejection{Command: c.ID, Message: e.failure(it.cause).Message, Details: details(it.cause)}
	r := reaction{
		in: in, from: cur.drop(c), record: rejectedRecordID(c.ID), now: micro(it.at), origin: c.origin, position: c.Position, name: "Rejected",
		input: &input{Rejected: refused},
		run: func(state json.RawMessage, do *Effects) (json.RawMessage, error) {
			return e.m.rejected(state, sent, it.cause, do)
		},
	}
	if e.m.rejected == nil {
		e.log.Warn("a command of a process manager was refused, and it has no Rejected", "manager", e.m.name, "instance", in.id,
			"command", c.Name, "to", c.To, "error", it.cause)
		r.run = func(state json.RawMessage, _ *Effects) (json.RawMessage, error) { return state, nil }
	}
	if why := e.react(&r); why != nil {
		return failed, why
	}
	e.draft.figures.rejected++
	if c.Letter != "" {
		e.draft.settle(e, runner.Retried, c.Letter)
	}
	return taken, nil
}

// takeRetry has an instance send a dead command again.
func (e *engine) takeRetry(ctx context.Context, it *item) (verdict, error, error) {
	in, err := e.find(ctx, it.instance)
	if err != nil {
		return e.unread(err)
	}
	cur := in.now()
	if cur.command(it.command.ID) != nil {
		return taken, nil, nil // it is on its way
	}
	next := *cur
	next.version++
	next.outbox = append(slices.Clip(cur.waiting()), it.command)
	if why := e.draft.write(e, in, &next, &input{Retried: it.letter}, nacre.NewID()); why != nil {
		return failed, why, nil
	}
	return taken, nil, nil
}

// takeDiscard gives a dead letter up, also where it is being tried again.
func (e *engine) takeDiscard(it *item) (verdict, error, error) {
	if in := e.book.get(it.instance); in != nil {
		if c := in.now().lettered(it.letter); c != nil {
			c.discarded = true
			e.draft.alter(e, in, in.now().drop(c))
			e.draft.ended = append(e.draft.ended, ended{Instance: in.id, Command: c.ID, How: endedDiscarded})
		}
	}
	if l, at := e.waiting(it.letter); l != nil {
		e.leave(l, at)
		if len(l.items) > 0 {
			e.ripen(l)
		}
	}
	e.draft.settle(e, runner.Discarded, it.letter)
	return taken, nil, nil
}

// waiting finds the line in which a dead letter's event or timer waits to be taken; nil where it does not.
func (e *engine) waiting(letter string) (*line, int) {
	key := ""
	for _, h := range e.draft.held {
		if h.Letter == letter {
			key = h.Key
		}
	}
	for _, h := range e.heldNow {
		if h.Letter == letter {
			key = h.Key
		}
	}
	if key == "" {
		return nil, 0
	}
	in := func(l *line) int {
		return slices.IndexFunc(l.items, func(it *item) bool { return it.letter == letter && it.held })
	}
	for _, l := range e.limbo {
		if i := in(l); i >= 0 {
			return l, i
		}
	}
	for _, i := range e.book.all {
		if i.line == nil {
			continue
		}
		if at := in(i.line); at >= 0 {
			return i.line, at
		}
	}
	return nil, 0
}

// reaction is a call of user code that is to change an instance.
type reaction struct {
	in       *instance
	from     *truth // what it changes
	record   string // the id of what is written
	input    *input
	now      time.Time
	origin   origin
	position nacre.Position
	name     string // of the function
	run      func(state json.RawMessage, do *Effects) (json.RawMessage, error)
}

// react calls user code, and puts what it made into the batch. Nothing is kept where it fails.
func (e *engine) react(r *reaction) error {
	next := *r.from
	next.version++
	do := &Effects{
		m: e.m, instance: r.in.id, record: r.record, version: next.version, now: r.now, origin: r.origin,
		life: next.life, position: r.position, timers: next.timers, done: next.done,
	}
	err := e.m.guard(r.name, r.in.id, func() error {
		var err error
		next.state, err = r.run(r.from.state, do)
		return err
	})
	if err == nil {
		err = do.err
	}
	if err != nil {
		return err
	}
	next.timers, next.done = do.timers, do.done
	next.outbox = slices.Clip(r.from.waiting())
	for i := range do.sent {
		next.outbox = append(next.outbox, &pending{command: do.sent[i]})
	}
	if err := e.draft.write(e, r.in, &next, r.input, r.record); err != nil {
		return err
	}
	e.draft.commands += len(do.sent)
	for i := range next.timers {
		if t := &next.timers[i]; t.Set == next.version {
			e.timers.add(alarm{at: t.Due, who: r.in.id, name: t.Name, set: t.Set})
		}
	}
	return nil
}

// decode gives a command as it is dispatched: what was written, and not what was sent, so that a restart makes no
// difference.
func (m *model) decode(c *command) (v any, err error) {
	err = m.guard("decoding a command", "", func() error {
		var e error
		v, e = m.naming.DecodeCommand(c.Name, c.Payload)
		return e
	})
	return v, err
}

// details is a domain error as JSON, where that says something.
func details(err error) json.RawMessage {
	raw, failed := marshalError(err)
	if failed != nil || len(raw) > maxMessage {
		return nil
	}
	switch string(raw) {
	case "{}", "null", `""`, "[]":
		return nil
	}
	return raw
}

// marshalError encodes an error of the user's, which may panic.
func marshalError(err error) (raw json.RawMessage, failed error) {
	defer func() {
		if v := recover(); v != nil {
			failed = fmt.Errorf("%v", v)
		}
	}()
	return codec.Marshal(err)
}
