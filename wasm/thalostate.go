package wasm

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
)

// decideThalo is Decide for a component made for Thalo: the instance that has the state handles the command, and applies
// the events that it gave, so that none is stored that it cannot apply. It has the state after them from then on;
// where they are not stored in the end, the state before them has to be read anew.
func (m *Module) decideThalo(ctx context.Context, s *State, now *standing, c *Command, dc *decider.Context) ([]Event, error) {
	begun := m.e.o.Clock()
	in, err := m.inhabited(ctx, begun, now, dc.ID)
	if err != nil {
		return nil, err
	}
	defer m.pool.put(in)
	s.inside(in.holds(now.total))
	events, said, err := in.handleCommand(ctx, begun, dc.ID, c)
	if now.total == 0 && len(events) == 0 {
		in.broken = true // no state leads to it
	}
	switch {
	case err != nil:
		return nil, err
	case said != nil && said.name == faultIgnore:
		return nil, nil
	case said != nil:
		return nil, in.fault(said, c)
	case len(events) == 0:
		return nil, nil
	}
	refs := make([]*Event, len(events))
	for i := range events {
		refs[i] = &events[i]
	}
	if err := in.applyAll(ctx, dc.ID, refs); err != nil {
		return nil, err
	}
	in.kept++
	decided(s, events, in.holds(now.total+int64(len(events)))).inside = true
	return events, nil
}

// inhabited gives an instance that has a state: the one that has it, with the events since, or a new one, with all.
func (m *Module) inhabited(ctx context.Context, begun time.Time, s *standing, id string) (*instance, error) {
	in := m.pool.takeHeld(s.hold)
	after := s.hold.total
	if in == nil {
		if s.from > 0 {
			return nil, aggregate.ErrStateLost
		}
		var err error
		if in, err = m.pool.takeNew(ctx, begun); err != nil {
			return nil, err
		}
		if err := in.construct(ctx, begun, id); err != nil {
			m.pool.put(in)
			return nil, err
		}
		after = 0
	}
	if after < s.total {
		if err := in.applyAll(ctx, id, in.since(s, after)); err != nil {
			m.pool.put(in)
			return nil, err
		}
		in.events = nil // many, perhaps, and the instance stays for long
		in.kept++
	}
	return in, nil
}

// Replay has an instance of the guest come to the state, as a command would: what the guest cannot read is an error, also
// where the state cannot be had as JSON. The id is that of the aggregate instance.
func (s *State) Replay(ctx context.Context, id string) error {
	if s == nil || s.m == nil {
		return nil
	}
	if s.m.thalo == nil {
		_, err := s.m.settle(ctx, s)
		return err
	}
	now := s.now()
	in, err := s.m.inhabited(ctx, s.m.e.o.Clock(), &now, id)
	if err != nil {
		return err
	}
	defer s.m.pool.put(in)
	s.inside(in.holds(now.total))
	return nil
}

// holds is what a state knows of the instance that has it.
func (in *instance) holds(total int64) hold {
	return hold{by: in.holder, number: in.kept, total: total}
}

// inside notes that an instance has the state, so that the events that it came from are not needed any more.
func (s *State) inside(h hold) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold, s.from, s.tail = h, s.total, nil
}

// fault is the error of a call that the guest answered with one; c is nil where it applied events.
func (in *instance) fault(said *thaloSaid, c *Command) error {
	message := ""
	if len(said.texts) > 0 {
		message = said.texts[len(said.texts)-1]
	}
	switch {
	case c != nil && said.name == faultCommand && in.entity.shape.jsonFaults:
		return domainErrorOf(message)
	case c != nil && said.name == faultCommand:
		return &DomainError{Message: message}
	case c != nil && said.name == faultDecode && strings.HasPrefix(message, fmt.Sprintf("unknown variant `%s`", c.Command)):
		return nacre.Errorf(aggregate.CodeUnknownCommand, "%q has no command %q%s", in.m.name(), c.Command, because(message))
	case c != nil && said.name == faultDecode:
		return invalid("payload", "is not what the command %q of %q takes%s", c.Command, in.m.name(), because(message))
	}
	code := "INTERNAL"
	if said.name == faultDecodeEvent {
		code = "DECODE_EVENT"
		if len(said.texts) == 2 {
			message = fmt.Sprintf("%q: %s", trim(said.texts[0], 100), message)
		}
	}
	err := in.failed(&guestError{code: code, message: message})
	return err
}

// domainErrorOf is the refusal that a guest says in JSON: an enum of Rust's, as serde writes it, has its case as the
// whole, or as the name of the only member.
func domainErrorOf(text string) error {
	data, err := checkJSON([]byte(text))
	if err != nil {
		return &DomainError{Message: text}
	}
	e := &DomainError{Data: json.RawMessage(data)}
	switch data[0] {
	case '"':
		e.Type = plain(data)
	case '{':
		var members map[string]json.RawMessage
		if codec.Unmarshal(data, &members) == nil && len(members) == 1 {
			e.Type = slices.Collect(maps.Keys(members))[0]
		}
	}
	e.Message = cmp.Or(e.Type, string(data))
	return e
}

// validEventType tells whether a guest's name of an event is one that a store takes.
func validEventType(name string) bool {
	return validType(name) && name[0] != '$' && !strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || r == '"' || r == '\\' || r == '\u2028' || r == '\u2029' || r == utf8.RuneError
	})
}
