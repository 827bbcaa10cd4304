package wasm

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
)

// Case is a test of a module: after these events, this command has to lead to that. They stand in files, and in the
// section "nacre:tests" of a module.
type Case struct {
	Name string `json:"name"`
	// ID is the aggregate instance's; "" is "test".
	ID string `json:"id,omitempty"`
	// Given are the events before, from the first one.
	Given []CaseEvent `json:"given,omitempty"`
	// When is the command; nil where only the state that the events come to is looked at.
	When *CaseCommand `json:"when,omitempty"`
	Then CaseOutcome  `json:"then"`
}

// CaseEvent is an event of a case.
type CaseEvent struct {
	Type          string          `json:"type"`
	Data          json.RawMessage `json:"data"`
	Tags          []string        `json:"tags,omitempty"`
	SchemaVersion int             `json:"schemaVersion,omitzero"` // 0 is 1
}

// CaseCommand is the command of a case.
type CaseCommand struct {
	Command string          `json:"command"`
	Payload json.RawMessage `json:"payload,omitempty"`
	Context CaseContext     `json:"context,omitzero"`
}

// CaseContext is the context of a case's command.
type CaseContext struct {
	CommandID string `json:"commandId,omitempty"`
	// Time is RFC 3339; "" is 2000-01-01T00:00:00Z.
	Time          string         `json:"time,omitempty"`
	Actor         string         `json:"actor,omitempty"`
	CorrelationID string         `json:"correlationId,omitempty"`
	CausationID   string         `json:"causationId,omitempty"`
	SourceDevice  string         `json:"sourceDevice,omitempty"`
	Metadata      map[string]any `json:"metadata,omitempty"`
}

// CaseOutcome is what has to come; what is absent is not looked at.
type CaseOutcome struct {
	// Events are all that the command leads to; nil is not looked at, and empty is none.
	Events []CaseEvent `json:"events,omitempty"`
	Error  *CaseError  `json:"error,omitempty"`
	// State is the one afterwards.
	State json.RawMessage `json:"state,omitempty"`
}

// CaseError is an error that has to come; what is absent in it is not looked at.
type CaseError struct {
	Code    string          `json:"code,omitempty"` // "" is DOMAIN
	Type    string          `json:"type,omitempty"`
	Message string          `json:"message,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// ReadCases reads a JSON array of cases, as it stands in files and modules. What is wrong is nacre.CodeInvalid.
func ReadCases(text []byte) ([]Case, error) {
	text, err := checkJSON(text)
	if err != nil {
		return nil, &nacre.Error{Code: nacre.CodeInvalid, Field: "cases", Message: "is no JSON", Err: err}
	}
	var cases []Case
	if err := codec.Unmarshal(text, &cases); err != nil {
		return nil, &nacre.Error{Code: nacre.CodeInvalid, Field: "cases", Message: "is no list of cases", Err: err}
	}
	for i := range cases {
		if err := cases[i].check(); err != nil {
			return nil, invalid("cases", "case %d, %q: %v", i+1, cases[i].Name, err)
		}
	}
	return cases, nil
}

// readTests reads the cases of a module's section.
func readTests(section []byte) ([]Case, error) {
	if section == nil {
		return nil, nil
	}
	cases, err := ReadCases(section)
	if err != nil {
		return nil, &nacre.Error{Code: CodeRefused, Message: "the module's section " + testsSection + " is wrong", Err: err}
	}
	return cases, nil
}

// check tells what is wrong with a case, and takes white space out of its values.
func (c *Case) check() error {
	for i := range c.Given {
		if err := c.Given[i].check(); err != nil {
			return fmt.Errorf("given, event %d: %w", i+1, err)
		}
	}
	for i := range c.Then.Events {
		if err := c.Then.Events[i].check(); err != nil {
			return fmt.Errorf("then.events, event %d: %w", i+1, err)
		}
	}
	if e := c.Then.Error; e != nil {
		if c.Then.Events != nil || c.Then.State != nil {
			return errors.New("then has an error, and events or a state: a command that fails leaves the state as it is")
		}
		if err := tighten(&e.Data); err != nil {
			return fmt.Errorf("then.error.data: %w", err)
		}
	}
	if err := tighten(&c.Then.State); err != nil {
		return fmt.Errorf("then.state: %w", err)
	}
	if c.When == nil {
		if c.Then.Events != nil {
			return errors.New("then has events, and there is no command that could lead to them: give when")
		}
		return nil
	}
	if c.When.Command == "" {
		return errors.New("when needs a command")
	}
	if err := tighten(&c.When.Payload); err != nil {
		return fmt.Errorf("when.payload: %w", err)
	}
	_, err := c.When.Context.read()
	return err
}

func (e *CaseEvent) check() error {
	if e.Type == "" || len(e.Data) == 0 {
		return errors.New("an event needs a type and data")
	}
	if e.SchemaVersion < 0 {
		return fmt.Errorf("the schemaVersion is %d: it begins with 1", e.SchemaVersion)
	}
	e.SchemaVersion = max(1, e.SchemaVersion)
	return tighten(&e.Data)
}

// tighten checks a value, where there is one, and takes white space out of it.
func tighten(value *json.RawMessage) error {
	if len(*value) == 0 {
		return nil
	}
	text, err := checkJSON(*value)
	*value = text
	return err
}

func (c *CaseContext) read() (decider.Context, error) {
	out := decider.Context{
		CommandID: c.CommandID, Actor: c.Actor, CorrelationID: c.CorrelationID, CausationID: c.CausationID,
		SourceDevice: c.SourceDevice, Metadata: c.Metadata, Time: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	if c.Time == "" {
		return out, nil
	}
	t, err := time.Parse(time.RFC3339Nano, c.Time)
	if err != nil {
		return out, fmt.Errorf("when.context.time: %w", err)
	}
	out.Time = t.UTC()
	return out, nil
}
