package wasm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/nacredb/nacre"
)

// Failure is a case that did not come out as it should.
type Failure struct {
	Case string
	// Way is how the case was run: "in one request", "event by event", "with kept states", or "after all other
	// cases".
	Way     string
	Message string
}

func (f Failure) String() string { return fmt.Sprintf("%s (%s): %s", f.Case, f.Way, f.Message) }

// The ways in which a case is run. They have to agree.
const (
	wayOneRequest = "in one request"
	wayByEvent    = "event by event"
	wayKept       = "with kept states"
	wayLate       = "after all other cases"
)

// outcome is what a case came to.
type outcome struct {
	events []Event
	state  []byte
	err    *guestError
}

// RunCases runs each case in the four ways that spec/wasm-abi.md names, and gives those that came to something else
// than they should. The error is about running: that ctx ended, say.
func (m *Module) RunCases(ctx context.Context, cases []Case) ([]Failure, error) {
	var failures []Failure
	first := make([]outcome, len(cases))
	for i := range cases {
		c := cases[i]
		if err := c.check(); err != nil {
			return nil, invalid("cases", "case %d, %q: %v", i+1, c.Name, err)
		}
		for _, way := range []string{wayOneRequest, wayByEvent, wayKept} {
			o, err := m.rehearse(ctx, &c, way)
			if err != nil {
				return failures, err
			}
			if way == wayOneRequest {
				first[i] = o
				if message := c.Then.compare(&o); message != "" {
					failures = append(failures, Failure{c.Name, way, message})
				}
			} else if message := first[i].agree(&o, way); message != "" {
				failures = append(failures, Failure{c.Name, way, message})
			}
		}
	}
	late, err := m.late(ctx, cases, first)
	return append(failures, late...), err
}

// rehearse runs a case in an instance of the pool.
func (m *Module) rehearse(ctx context.Context, c *Case, way string) (outcome, error) {
	in, err := m.pool.take(ctx, m.e.o.Clock(), nil)
	if err != nil {
		return outcome{}, err
	}
	defer m.pool.put(in)
	o := in.rehearse(ctx, c, way)
	return o, ctx.Err()
}

// late runs all cases in one instance, and then all of them again.
func (m *Module) late(ctx context.Context, cases []Case, first []outcome) ([]Failure, error) {
	in, err := m.pool.take(ctx, m.e.o.Clock(), nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		if in != nil {
			m.pool.put(in)
		}
	}()
	var failures []Failure
	for round := range 2 {
		for i := range cases {
			c := cases[i]
			if err := c.check(); err != nil {
				return nil, err
			}
			o := in.rehearse(ctx, &c, wayOneRequest)
			if err := ctx.Err(); err != nil {
				return failures, err
			}
			if in.broken { // by a trap, which the case may have asked for
				m.pool.put(in)
				if in, err = m.pool.take(ctx, m.e.o.Clock(), nil); err != nil {
					return failures, err
				}
			}
			if round == 1 {
				if message := first[i].agree(&o, wayLate); message != "" {
					failures = append(failures, Failure{c.Name, wayLate, message})
				}
			}
		}
	}
	return failures, nil
}

func (in *instance) rehearse(ctx context.Context, c *Case, way string) outcome {
	given := in.m.given(c)
	last := &question{id: c.ID, wants: true}
	if last.id == "" {
		last.id = "test"
	}
	if c.When != nil {
		dc, err := c.When.Context.read()
		if err != nil {
			return failed(err)
		}
		dc.ID = last.id
		last.decides, last.context = true, dc
		last.command = Command{Command: c.When.Command, Payload: c.When.Payload, checked: true}
	}
	var s standing
	for i, e := range given {
		s.total++
		s.tail = &node{event: Event{Type: e.Type, Data: e.Data, Tags: e.Tags, SchemaVersion: e.SchemaVersion}, before: s.tail}
		if way == wayOneRequest || i == len(given)-1 && way == wayKept {
			continue // the last one goes with the command
		}
		a, err := in.pose(ctx, &s, &question{id: last.id, wants: way == wayByEvent})
		switch {
		case err != nil:
			return failed(err)
		case a.err != nil:
			return outcome{err: a.err}
		case way == wayByEvent:
			s = standing{total: s.total, base: a.state, from: s.total}
		default:
			s.hold = hold{by: in.holder, number: in.kept, total: s.total}
		}
	}
	if way == wayByEvent {
		s.hold = hold{}
	}
	a, err := in.pose(ctx, &s, last)
	if err != nil {
		return failed(err)
	}
	return outcome{events: a.events, state: a.state, err: a.err}
}

// pose asks the instance one question, again with the whole state where it does not have it any more.
func (in *instance) pose(ctx context.Context, s *standing, q *question) (answer, error) {
	held := s.hold.by == in.holder && s.hold.by != nil
	for {
		in.begin(ctx, in.m.e.o.Clock(), q)
		a, err := in.exchange(q, s, held)
		if err == nil && a.missing {
			if !held {
				return a, in.bad("its reply says that the state is missing, which it was given")
			}
			held = false
			continue
		}
		return a, err
	}
}

// given are the events of a case but for those that the module passes over.
func (m *Module) given(c *Case) []CaseEvent {
	return slices.DeleteFunc(slices.Clone(c.Given), func(e CaseEvent) bool {
		return m.readings[e.Type] == nil && slices.ContainsFunc(m.description.Skip, func(pattern string) bool {
			return nacre.MatchType(pattern, e.Type)
		})
	})
}

// failed is the outcome of a call that went wrong; its code is the host's.
func failed(err error) outcome {
	return outcome{err: &guestError{code: string(nacre.CodeOf(err)), message: err.Error()}}
}

// compare tells in what an outcome is another one than it should; "" where in nothing.
func (then *CaseOutcome) compare(o *outcome) string {
	if then.Error != nil {
		if o.err == nil {
			return fmt.Sprintf("there should be the error %s, and there is none: the events are %s", then.Error.code(), show(o.events))
		}
		return then.Error.compare(o.err)
	}
	if o.err != nil {
		return "there is the error " + o.err.show()
	}
	if then.Events != nil {
		if message := compareEvents(then.Events, o.events); message != "" {
			return message
		}
	}
	if then.State != nil && !sameJSON(then.State, o.state) {
		return fmt.Sprintf("the state should be %s, and is %s", trim(string(then.State), maxMessage), trim(string(o.state), maxMessage))
	}
	return ""
}

func compareEvents(want []CaseEvent, got []Event) string {
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("there should be %d events, and there are %d: %s", len(want), len(got), show(got))
		case i >= len(want):
			return fmt.Sprintf("there should be %d events, and there are %d: %s", len(want), len(got), show(got))
		}
		w, g := &want[i], &got[i]
		if w.Type != g.Type || !sameJSON(w.Data, g.Data) || !slices.Equal(w.Tags, g.Tags) || max(1, w.SchemaVersion) != g.SchemaVersion {
			return fmt.Sprintf("event %d should be %s, and is %s", i+1, encode(w), encode(caseEvent(g)))
		}
	}
	return ""
}

func caseEvent(e *Event) *CaseEvent {
	return &CaseEvent{Type: e.Type, Data: e.Data, Tags: e.Tags, SchemaVersion: e.SchemaVersion}
}

func show(events []Event) string {
	out := make([]*CaseEvent, len(events))
	for i := range events {
		out[i] = caseEvent(&events[i])
	}
	return encode(out)
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return trim(string(text), maxMessage)
}

func (e *CaseError) code() string {
	if e.Code == "" {
		return guestDomain
	}
	return e.Code
}

func (e *CaseError) compare(got *guestError) string {
	for _, m := range []struct{ name, want, got string }{
		{"code", e.code(), got.code}, {"type", e.Type, got.kind}, {"message", e.Message, got.message},
	} {
		if m.want != "" && m.want != m.got {
			return fmt.Sprintf("the error's %s should be %q, and is %q: %s", m.name, m.want, trim(m.got, maxMessage), got.show())
		}
	}
	data := got.data
	if data == nil {
		data = []byte("null")
	}
	if e.Data != nil && !sameJSON(e.Data, data) {
		return fmt.Sprintf("the error's data should be %s, and is %s", trim(string(e.Data), maxMessage), trim(string(data), maxMessage))
	}
	return ""
}

func (e *guestError) show() string {
	return encode(&CaseError{Code: e.code, Type: e.kind, Message: e.message, Data: e.data})
}

// agree tells in what another way came to something else.
func (o *outcome) agree(other *outcome, way string) string {
	switch {
	case (o.err == nil) != (other.err == nil):
		return fmt.Sprintf("in one request it comes to %s, and %s to %s", o.show(), way, other.show())
	case o.err != nil:
		// What messages say of the module's own failures may depend on where it met them.
		if o.err.code != other.err.code || o.err.kind != other.err.kind || !bytes.Equal(o.err.data, other.err.data) {
			return fmt.Sprintf("in one request it fails with %s, and %s with %s", o.err.show(), way, other.err.show())
		}
		return ""
	case !sameJSON(o.state, other.state):
		return fmt.Sprintf("in one request the state is %s, and %s it is %s: is everything that the guest needs in the state?",
			trim(string(o.state), maxMessage), way, trim(string(other.state), maxMessage))
	case show(o.events) != show(other.events):
		return fmt.Sprintf("in one request the events are %s, and %s they are %s", show(o.events), way, show(other.events))
	}
	return ""
}

func (o *outcome) show() string {
	if o.err != nil {
		return "the error " + o.err.show()
	}
	return "the events " + show(o.events)
}
