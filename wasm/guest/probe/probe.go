// Package probe is the aggregate of spec/vectors/wasm/probe.json, which every guest SDK is tested with.
//
// [Aggregate] is its decider, and [Options] what belongs to it in a module; the package module beside it is the
// module. It guarantees what the vectors say, and nothing else; it is for tests.
//
// What this package does not do: it is no example of a model. It does what aggregates rarely do.
package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/wasm/guest"
)

// State is the probe's.
type State struct {
	Count int      `json:"count"`
	Note  string   `json:"note"`
	Tags  []string `json:"tags"`
}

// The commands.
type (
	Add   struct{ By int }
	Note  struct{ Text string }
	Burst struct{ Times int }
	Who   struct{}
	Log   struct{ Text string }
	Trap  struct{}
)

// UnmarshalJSON wants all members to be there.
func (c *Add) UnmarshalJSON(text []byte) error {
	var p struct {
		By *int `json:"by"`
	}
	return present(text, &p, func() bool { return p.By != nil }, func() { c.By = *p.By })
}

// UnmarshalJSON wants all members to be there.
func (c *Note) UnmarshalJSON(text []byte) error { return textOf(text, &c.Text) }

// UnmarshalJSON wants all members to be there.
func (c *Log) UnmarshalJSON(text []byte) error { return textOf(text, &c.Text) }

// UnmarshalJSON wants all members to be there.
func (c *Burst) UnmarshalJSON(text []byte) error {
	var p struct {
		Times *int `json:"times"`
	}
	return present(text, &p, func() bool { return p.Times != nil }, func() { c.Times = *p.Times })
}

func textOf(text []byte, to *string) error {
	var p struct {
		Text *string `json:"text"`
	}
	return present(text, &p, func() bool { return p.Text != nil }, func() { *to = *p.Text })
}

func present(text []byte, into any, complete func() bool, take func()) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if !complete() {
		return errors.New("a member is absent")
	}
	take()
	return nil
}

// The events.
type (
	Added struct {
		By    int `json:"by"`
		Count int `json:"count"`
	}
	Noted struct {
		Text string `json:"text"`
	}
	Seen struct {
		ID            string `json:"id"`
		Time          string `json:"time"`
		Actor         string `json:"actor"`
		CommandID     string `json:"commandId"`
		CorrelationID string `json:"correlationId"`
	}
)

// EventTags are those of a note.
func (e Noted) EventTags() []string {
	if e.Text == "" {
		return nil
	}
	return []string{"note:" + e.Text}
}

// Limit is the domain error of a count that is too far from 0.
type Limit struct {
	Count int `json:"count"`
}

func (e Limit) Error() string { return fmt.Sprintf("the count would be %d", e.Count) }

const limit = 1000

// Aggregate is the probe.
var Aggregate = decider.Decider[State, any, any]{
	Category:      "probe",
	SchemaVersion: 3,
	Decide:        decide,
	Evolve:        evolve,
	Commands:      map[string]any{"add": Add{}, "note": Note{}, "burst": Burst{}, "who": Who{}, "log": Log{}, "trap": Trap{}},
	Events:        map[string]any{"probe.added": Added{}, "probe.noted": Noted{}, "probe.seen": Seen{}},
}

// Options are the probe's.
var Options = guest.Options{
	Versions: map[string]int{"probe.noted": 2},
	Upcast: map[string]guest.Upcaster{
		"probe.noted@1": guest.Reshape(2, func(data []byte) ([]byte, error) {
			var text string
			if err := json.Unmarshal(data, &text); err != nil {
				return nil, err
			}
			return json.Marshal(Noted{Text: text})
		}),
		"probe.renamed": func(e guest.Event) ([]guest.Event, error) {
			e.Type, e.SchemaVersion = "probe.noted", 2
			return []guest.Event{e}, nil
		},
	},
	Skip: []string{"legacy.*"},
}

func decide(s State, command any, ctx decider.Context) ([]any, error) {
	switch c := command.(type) {
	case Add:
		if c.By == 0 {
			return nil, nil
		}
		count := s.Count + c.By
		if count > limit || count < -limit {
			return nil, Limit{Count: count}
		}
		return []any{Added{By: c.By, Count: count}}, nil
	case Note:
		return []any{Noted(c)}, nil
	case Burst:
		var events []any
		for i := range c.Times {
			events = append(events, Added{By: 1, Count: s.Count + i + 1})
		}
		return events, nil
	case Who:
		return []any{Seen{
			ID: ctx.ID, Time: ctx.Time.Format(time.RFC3339Nano), Actor: ctx.Actor,
			CommandID: ctx.CommandID, CorrelationID: ctx.CorrelationID,
		}}, nil
	case Log:
		guest.Log(guest.Info, c.Text, "command", "log")
		return nil, nil
	default:
		panic("the probe was told to trap")
	}
}

func evolve(s State, event any) State {
	if s.Tags == nil {
		s.Tags = []string{} // which encodes as one, and nil does not
	}
	switch e := event.(type) {
	case Added:
		s.Count = e.Count
	case Noted:
		s.Note = e.Text
		s.Tags = append(slices.Clip(s.Tags), e.Text) // a copy: the state before stays as it was
	}
	return s
}
