package wire

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// CommandRequest is the body of a POST …/aggregates/{type}/{id}/commands/{command}.
type CommandRequest struct {
	Payload json.RawMessage // nil is null
	// Expected is the version that the instance's stream must have; [nacre.Any] unless given.
	Expected  nacre.ExpectedVersion
	CommandID string // "" where no retry needs to be told
	Context   CommandContext
}

// CommandContext is what else a decision may know. Members are "" and nil where that is not known.
type CommandContext struct {
	Actor, CorrelationID, CausationID, SourceDevice string
	Metadata                                        map[string]json.RawMessage
}

var (
	commandMembers = []string{"payload", "expectedVersion", "commandId", "context"}
	contextMembers = []string{"actor", "correlationId", "causationId", "sourceDevice", "metadata"}
)

// DecodeCommand reads a CommandRequest; no body is an empty one. What it gives shares no memory with the body.
func DecodeCommand(body []byte) (CommandRequest, error) {
	var r CommandRequest
	if len(body) == 0 {
		return r, nil
	}
	var s scanner
	s.init(body, "")
	for s.object(); s.member(); {
		switch s.known(commandMembers) {
		case 0:
			r.Payload = bytes.Clone(s.raw())
		case 1:
			if v := s.expected(); v != nil {
				r.Expected = *v
			}
		case 2:
			r.CommandID = strings.Clone(s.given())
		case 3:
			r.Context = s.commandContext()
		}
	}
	if err := s.end(); err != nil {
		return CommandRequest{}, err
	}
	return r, nil
}

func (s *scanner) commandContext() (c CommandContext) {
	for s.object(); s.member(); {
		switch s.known(contextMembers) {
		case 0:
			c.Actor = strings.Clone(s.text())
		case 1:
			c.CorrelationID = strings.Clone(s.text())
		case 2:
			c.CausationID = strings.Clone(s.text())
		case 3:
			c.SourceDevice = strings.Clone(s.text())
		case 4:
			c.Metadata = s.metadata()
		}
	}
	return c
}

// metadata takes an object of any members.
func (s *scanner) metadata() map[string]json.RawMessage {
	if s.peek() != '{' {
		s.wrongKind("an object")
		return nil
	}
	var m map[string]json.RawMessage
	raw := s.raw()
	if s.err != nil {
		return nil
	}
	if err := Decode(raw, &m); err != nil {
		s.fail("does not read: %v", err)
		return nil
	}
	return m
}

// AppendCommandReply appends what a command led to. The events must have come from a store; state is JSON, nil where it
// is not to be had.
func AppendCommandReply(dst []byte, stream nacre.StreamID, version int64, position nacre.Position, events []nacre.Event, duplicate bool, state json.RawMessage) []byte {
	dst = appendText(append(dst, `{"streamId":`...), string(stream))
	dst = appendNumber(append(dst, `,"version":`...), version)
	dst = appendNumber(append(dst, `,"globalPosition":`...), position)
	if duplicate {
		dst = append(dst, `,"duplicate":true`...)
	}
	dst = append(dst, `,"events":[`...)
	for i := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendEvent(dst, &events[i])
	}
	dst = append(dst, ']')
	if state != nil {
		dst = append(append(dst, `,"state":`...), state...)
	}
	return append(dst, '}')
}

// CommandReply answers a CommandRequest, for clients.
type CommandReply struct {
	StreamID       nacre.StreamID  `json:"streamId"`
	Version        int64           `json:"version"`        // the stream's after it, -1 where it has no events
	GlobalPosition nacre.Position  `json:"globalPosition"` // of the stream's last event, 0 where it has none
	Duplicate      bool            `json:"duplicate,omitzero"`
	Events         []nacre.Event   `json:"events"`
	State          json.RawMessage `json:"state,omitzero"`
}

// StateReply is an instance's state.
type StateReply struct {
	StreamID       nacre.StreamID  `json:"streamId"`
	Version        int64           `json:"version"`        // of the last event that counted, -1 where there is none
	GlobalPosition nacre.Position  `json:"globalPosition"` // its position, 0 where there is none
	State          json.RawMessage `json:"state"`
}

// MomentParams say of when a state is wanted; at most one is given.
type MomentParams struct {
	Version  *int64
	Position nacre.Position
	Time     time.Time
}

// ParseMoment reads the parameters of a GET …/aggregates/{type}/{id}: version, position or time.
func ParseMoment(values url.Values) (MomentParams, error) {
	q := newQuery(values)
	var p MomentParams
	given := 0
	if n, ok := q.integer("version", -1, maxVersion); ok {
		p.Version = &n
		given++
	}
	if n, ok := q.integer("position", 1, maxVersion); ok {
		p.Position = nacre.Position(n)
		given++
	}
	if p.Time = q.date("time", true); !p.Time.IsZero() {
		given++
	}
	if given > 1 {
		q.fail("version", "position and time are three ways to say when: give one of them")
	}
	return p, q.done()
}

// DomainError has the code DOMAIN_ERROR: a command was refused by the rules of its aggregate.
type DomainError struct {
	Type    string          // for programs; may be ""
	Message string          // for people
	Data    json.RawMessage // for programs; nil where there is none
}

func (e *DomainError) Error() string { return e.Message }

// ErrorCode is what [nacre.CodeOf] finds.
func (e *DomainError) ErrorCode() nacre.Code { return CodeDomain }
