package process

import (
	"context"
	"strconv"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/internal/runner"
)

// itemKind is what an input is.
type itemKind int

const (
	itemEvent   itemKind = iota // an event of the user's log
	itemTimer                   // a timer that is due
	itemRefused                 // a command that a domain error refused
	itemDead                    // a command that failed for good
	itemRetry                   // a dead letter whose command is dispatched again
	itemDiscard                 // a dead letter that is given up
)

// item is an input that is to be taken.
type item struct {
	kind itemKind

	// Of an event: index is -1 for all that it decodes to, then parts are.
	event nacre.Event
	index int
	parts []part
	// again says that the instance may have taken it already.
	again bool

	// Of a timer, and of a part of an event.
	instance string
	timer    timer

	// Of a command: what the dispatcher said.
	command *pending
	cause   error
	at      time.Time

	// letter is the dead letter that is tried again or given up; "" where there is none.
	letter string
	life   int64 // of the instance that it failed in; 0 where that is not known

	discarded bool // it is not to be taken any more

	held     bool        // it stands among those that a commit named as held
	attempts int         // that failed
	done     func(error) // called with answer once it is committed; may be nil
	answer   error       // why an order about a dead letter cannot be carried out
	fatal    error       // it can never be taken: a commit of it alone was refused
}

// part is one of the events that an event decodes to.
type part struct {
	event    codec.Event[any]
	instance string // "" is passed over
	begins   bool
	err      error // of Correlate
}

// key names an item among those that are held.
func (it *item) key() string {
	if it.kind == itemTimer {
		return timerLetterID(it.instance, &it.timer)
	}
	return strconv.FormatUint(uint64(it.event.GlobalPosition), 10) + "." + strconv.Itoa(it.index)
}

// entry is what a commit says of an item that is held.
func (it *item) entry() held {
	h := held{Key: it.key(), Letter: it.letter, Life: it.life}
	if it.kind == itemTimer {
		h.Instance, h.Timer = it.instance, &it.timer
		return h
	}
	h.Position, h.ID, h.Index = it.event.GlobalPosition, it.event.ID, it.index
	return h
}

// position is where what it belongs to stands in the user's log; 0 for a timer.
func (it *item) position() nacre.Position {
	if it.command != nil {
		return it.command.Position
	}
	return it.event.GlobalPosition
}

// parts decodes an event and finds out whose it is. What Correlate fails with stands in the parts.
func (m *model) parts(e nacre.Event) (parts []part, err error) {
	var events []codec.Event[any]
	err = m.guard("decoding an event", "", func() error {
		var e2 error
		events, e2 = m.events.Decode(e)
		return e2
	})
	for _, d := range events {
		p := part{event: d}
		p.instance, p.begins, p.err = m.route(d)
		parts = append(parts, p)
	}
	return parts, err
}

// letterOf is the dead letter that an item becomes.
func (e *engine) letterOf(it *item, instance string, err error) runner.Letter {
	l := runner.Letter{Instance: instance, Position: it.position(), Attempts: it.attempts, Error: *e.failure(err), At: e.now}
	l.Error.Position, l.Error.EventID = 0, ""
	switch it.kind {
	case itemTimer:
		l.ID, l.What, l.Timer = timerLetterID(it.instance, &it.timer), runner.LetterTimer, it.timer.Name
		l.Context = e.encode(letterContext{Timer: &it.timer, Life: e.lifeOf(it, instance)})
	case itemEvent:
		l.ID, l.What = eventLetterID(&it.event, it.index), runner.LetterEvent
		l.EventID, l.Stream, l.Type = it.event.ID, it.event.StreamID, it.event.Type
		l.Context = e.encode(letterContext{Index: it.index, Life: e.lifeOf(it, instance)})
	default:
		c := it.command
		l.ID, l.What = commandLetterID(c.ID), runner.LetterCommand
		l.Command, l.To, l.CommandID, l.Payload, l.Attempts = c.Name, c.To, c.ID, c.Payload, max(1, c.attempts+it.attempts)
		l.Context = e.encode(letterContext{Life: c.Life, Origin: &c.origin})
		if it.fatal != nil { // the letter is too large to be kept as it is
			l.Payload = nil
		}
	}
	if it.letter != "" {
		l.ID = it.letter
	}
	return l
}

// lifeOf is the life of an instance that an event or timer is for, also where it would have begun it; 0 where that is not known.
func (e *engine) lifeOf(it *item, instance string) int64 {
	in := e.book.get(instance)
	switch {
	case it.life > 0:
		return it.life // it was a dead letter before
	case in == nil:
		return 0
	case in.now().life == 0 || in.now().done:
		return in.now().life + 1
	}
	return in.now().life
}

// letterContext is what trying a dead letter again needs beside what the letter shows.
type letterContext struct {
	Index  int     `json:"index,omitempty"`
	Timer  *timer  `json:"timer,omitempty"`
	Life   int64   `json:"life,omitempty"`
	Origin *origin `json:"origin,omitempty"`
}

// itemOf is how a dead letter is tried again. find gives the event at a position of the user's log.
func itemOf(ctx context.Context, l *runner.Letter, find func(context.Context, nacre.Position, string) (nacre.Event, error)) (*item, error) {
	var c letterContext
	if len(l.Context) > 0 {
		if err := codec.Unmarshal(l.Context, &c); err != nil {
			return nil, &nacre.Error{Code: nacre.CodeInternal, Message: "the dead letter " + l.ID + " does not read", Err: err}
		}
	}
	it := &item{kind: itemRetry, letter: l.ID, instance: l.Instance, life: c.Life}
	switch {
	case l.What == runner.LetterEvent:
		event, err := find(ctx, l.Position, l.EventID)
		it.kind, it.event, it.index, it.again = itemEvent, event, c.Index, true
		return it, err
	case l.What == runner.LetterTimer && c.Timer != nil:
		it.kind, it.timer = itemTimer, *c.Timer
		return it, nil
	case l.What == runner.LetterCommand && c.Origin != nil && l.CommandID != "" && len(l.Payload) > 0:
		it.command = &pending{command: command{
			ID: l.CommandID, To: l.To, Name: l.Command, Payload: l.Payload, Life: c.Life, Position: l.Position,
			Letter: l.ID, origin: *c.Origin,
		}}
		return it, nil
	}
	return nil, nacre.Errorf(nacre.CodeInvalid, "the dead letter %q has not all that trying it again needs: discard it", l.ID)
}
