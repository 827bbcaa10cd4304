package aggregatetest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
)

// laws watches a decider while it runs. Each way of going wrong is told once.
type laws[S, C, E any] struct {
	t           testing.TB
	d           *decider.Decider[S, C, E]
	events      *codec.Codec[E]
	commands    *codec.Codec[C]
	noSnapshots bool
	told        map[string]bool

	history []E      // what was evolved
	decoded []E      // the same, after its encoding
	states  []S      // after each
	kept    [][]byte // snapshots of them
}

func newLaws[S, C, E any](t testing.TB, d *decider.Decider[S, C, E], noSnapshots bool) (*laws[S, C, E], error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	events, err := codec.New(d.Events, nil)
	if err != nil {
		return nil, err
	}
	commands, err := codec.New(d.Commands, &codec.Options{Strict: true})
	if err != nil {
		return nil, err
	}
	return &laws[S, C, E]{t: t, d: d, events: events, commands: commands, noSnapshots: noSnapshots, told: map[string]bool{}}, nil
}

// tell fails the test, once for each law.
func (l *laws[S, C, E]) tell(law, format string, args ...any) {
	l.t.Helper()
	if l.told[law] {
		return
	}
	l.told[law] = true
	l.t.Errorf("%s: %s", law, fmt.Sprintf(format, args...))
}

// unchanged tells where something is not what it was before a call.
func (l *laws[S, C, E]) unchanged(law, what, before string, now any) {
	l.t.Helper()
	if after := dump(now); after != before {
		l.tell(law, "%s (-before +after):\n%s", what, cmp.Diff(strings.Split(before, "\n"), strings.Split(after, "\n")))
	}
}

// decide is Decide, watched.
func (l *laws[S, C, E]) decide(state S, command C, context decider.Context) ([]E, error) {
	l.t.Helper()
	stateBefore, commandBefore, contextBefore := dump(state), dump(command), dump(context)
	events, err := l.d.Decide(state, command, context)
	const changes = "Decide changes what it was given"
	what := fmt.Sprintf("when %T", command)
	l.unchanged(changes, what+", in the state", stateBefore, state)
	l.unchanged(changes, what+", in the command", commandBefore, command)
	l.unchanged(changes, what+", in the context", contextBefore, context)

	again, errAgain := l.d.Decide(state, command, context)
	const differs = "Decide gives something else when it is asked again"
	if d := diff(events, again); d != "" {
		l.tell(differs, "%s; does it read a clock, draw at random, or range over a map? (-first +second)\n%s", what, d)
	}
	if (err == nil) != (errAgain == nil) || err != nil && (reflect.TypeOf(err) != reflect.TypeOf(errAgain) || err.Error() != errAgain.Error()) {
		l.tell(differs, "%s: first the error %v, then %v", what, err, errAgain)
	}
	l.survives(command)
	return events, err
}

// survives looks whether a command survives its encoding, where it has a name.
func (l *laws[S, C, E]) survives(command C) {
	l.t.Helper()
	name, ok := l.commands.Name(command)
	if !ok {
		return
	}
	const law = "a command does not survive its encoding"
	e, err := l.commands.Encode(command)
	if err != nil {
		l.tell(law, "%T: %v", command, err)
		return
	}
	back, err := l.commands.DecodeValue(name, e.Data)
	if err != nil {
		l.tell(law, "%T: %v", command, err)
	} else if d := diff(command, back); d != "" {
		l.tell(law, "%T as %s (-before +after):\n%s", command, e.Data, d)
	}
}

// evolve is Evolve, watched.
func (l *laws[S, C, E]) evolve(state S, event E) S {
	l.t.Helper()
	back := l.encoded(event)
	stateBefore, eventBefore := dump(state), dump(event)
	next := l.d.Evolve(state, event)
	const changes = "Evolve changes what it was given"
	what := fmt.Sprintf("at event %d, %T", len(l.history), event)
	l.unchanged(changes, what+", in the state: copy a map or slice before it is changed", stateBefore, state)
	l.unchanged(changes, what+", in the event", eventBefore, event)
	if d := diff(next, l.d.Evolve(state, event)); d != "" {
		l.tell("Evolve gives something else when it is asked again", "%s (-first +second)\n%s", what, d)
	}
	l.snapshot(what, next)
	l.history, l.decoded, l.states = append(l.history, event), append(l.decoded, back), append(l.states, next)
	return next
}

// encoded gives an event as it comes back from the log.
func (l *laws[S, C, E]) encoded(event E) E {
	l.t.Helper()
	const law = "an event does not survive its encoding"
	e, err := l.events.Encode(event)
	if err != nil {
		l.tell(law, "%v", err)
		return event
	}
	back, err := l.events.Decode(e)
	if err != nil || len(back) != 1 {
		l.tell(law, "%T: %v", event, err)
		return event
	}
	if d := diff(event, back[0].Data); d != "" {
		l.tell(law, "%T as %s (-before +after):\n%s", event, e.Data, d)
	}
	return back[0].Data
}

const noSnapshot = "the state does not survive its encoding, so no snapshots can be kept of it"

// snapshot looks whether a state survives its encoding, and keeps that.
func (l *laws[S, C, E]) snapshot(what string, state S) {
	l.t.Helper()
	if l.noSnapshots {
		return
	}
	text, err := codec.Marshal(state)
	var back S
	if err == nil {
		err = codec.Unmarshal(text, &back)
	}
	if err != nil {
		l.tell(noSnapshot, "%s: %v", what, err)
	} else if d := diff(state, back); d != "" {
		l.tell(noSnapshot, "%s; export its fields, or set NoSnapshots (-before +after):\n%s", what, d)
	}
	l.kept = append(l.kept, text)
}

// finish looks whether the state can be reached by other ways.
func (l *laws[S, C, E]) finish() {
	l.t.Helper()
	if len(l.states) == 0 {
		return
	}
	want := l.states[len(l.states)-1]
	var none S
	const log = "the state from the log is another one"
	if state, panicked := l.fold(none, l.decoded); panicked != nil {
		l.tell(log, "Evolve panics: %v", panicked)
	} else if d := diff(want, state); d != "" {
		l.tell(log, "a value in memory is not what the log has of it (-from values +from the log):\n%s", d)
	}
	if l.noSnapshots || l.told[noSnapshot] {
		return
	}
	const rest = "the state from a snapshot and the rest is another one"
	for i, text := range l.kept {
		var state S
		if err := codec.Unmarshal(text, &state); err != nil {
			l.tell(noSnapshot, "behind event %d: %v", i, err)
			return
		}
		state, panicked := l.fold(state, l.decoded[i+1:])
		if panicked != nil {
			l.tell(rest, "with a snapshot behind event %d Evolve panics: %v", i, panicked)
		} else if d := diff(want, state); d != "" {
			l.tell(rest, "with a snapshot behind event %d (-from all events +from the snapshot):\n%s", i, d)
		}
	}
}

// fold evolves events, and gives what Evolve panicked with.
func (l *laws[S, C, E]) fold(state S, events []E) (after S, panicked any) {
	defer func() { panicked = recover() }()
	for _, e := range events {
		state = l.d.Evolve(state, e)
	}
	return state, nil
}
