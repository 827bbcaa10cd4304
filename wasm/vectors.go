package wasm

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// Vectors are what a module is compared with, whatever it was written in: its description, cases, and exchanges.
// spec/vectors/wasm has those for guest SDKs.
type Vectors struct {
	Description *Description `json:"description"`
	Cases       []Case       `json:"cases"`
	Exchanges   []Exchange   `json:"exchanges"`
}

// Exchange is a row of requests, byte for byte, to one instance.
type Exchange struct {
	Name  string         `json:"name"`
	Steps []ExchangeStep `json:"steps"`
}

// ExchangeStep is a request, either to decide or to evolve, and the reply that has to come, or may come instead.
type ExchangeStep struct {
	Decide string         `json:"decide,omitempty"`
	Evolve string         `json:"evolve,omitempty"`
	Reply  ExchangeReply  `json:"reply"`
	Or     *ExchangeReply `json:"or,omitempty"`
}

// ExchangeReply is a guest's reply.
type ExchangeReply struct {
	Events  []CaseEvent     `json:"events,omitempty"`
	State   json.RawMessage `json:"state,omitempty"`
	Missing bool            `json:"missing,omitempty"`
	Error   *CaseError      `json:"error,omitempty"`
}

// ReadVectors reads a file of vectors. What is wrong is nacre.CodeInvalid.
func ReadVectors(text []byte) (*Vectors, error) {
	v := &Vectors{}
	if err := codec.Unmarshal(text, v); err != nil {
		return nil, &nacre.Error{Code: nacre.CodeInvalid, Field: "vectors", Message: "have another shape", Err: err}
	}
	return v, nil
}

// RunVectors compares the module with vectors, and gives what differs. The error is about running.
func (m *Module) RunVectors(ctx context.Context, v *Vectors) ([]Failure, error) {
	var failures []Failure
	if v.Description != nil {
		if message := v.Description.compare(m.description); message != "" {
			failures = append(failures, Failure{"the description", "", message})
		}
	}
	some, err := m.RunCases(ctx, v.Cases)
	if failures = append(failures, some...); err != nil {
		return failures, err
	}
	for i := range v.Exchanges {
		failure, err := m.runExchange(ctx, &v.Exchanges[i])
		if err != nil {
			return failures, err
		}
		if failure != nil {
			failures = append(failures, *failure)
		}
	}
	return failures, nil
}

// runExchange runs an exchange in an instance of its own.
func (m *Module) runExchange(ctx context.Context, x *Exchange) (*Failure, error) {
	in, err := m.instantiate(ctx, m.e.o.Clock())
	if err != nil {
		return nil, err
	}
	defer in.close()
	for i := range x.Steps {
		step := &x.Steps[i]
		f, request := in.decide, step.Decide
		if step.Evolve != "" {
			f, request = in.evolve, step.Evolve
		}
		in.run.begin(ctx, m.e.o.Clock(), "", "an exchange", "")
		in.request = append(in.request[:0], request...)
		text, err := in.call(f)
		if err != nil {
			return &Failure{x.Name, fmt.Sprintf("step %d", i+1), err.Error()}, ctx.Err()
		}
		var got ExchangeReply
		if _, err = checkJSON(text); err == nil {
			err = codec.Unmarshal(text, &got)
		}
		switch {
		case err != nil:
			return &Failure{x.Name, fmt.Sprintf("step %d", i+1), fmt.Sprintf("its reply %s is wrong: %v", trim(string(text), maxMessage), err)}, nil
		case !step.Reply.fits(&got) && (step.Or == nil || !step.Or.fits(&got)):
			return &Failure{x.Name, fmt.Sprintf("step %d", i+1), fmt.Sprintf("its reply should be %s, and is %s",
				encode(&step.Reply), trim(string(text), maxMessage))}, nil
		}
	}
	return nil, nil
}

// fits tells whether a reply is what it should be; of an error, only the members count that are there.
func (r *ExchangeReply) fits(got *ExchangeReply) bool {
	if r.Missing != got.Missing || (r.Error == nil) != (got.Error == nil) || (r.State == nil) != (got.State == nil) {
		return false
	}
	if r.Error != nil && r.Error.compare(&guestError{got.Error.Code, got.Error.Type, got.Error.Message, got.Error.Data}) != "" {
		return false
	}
	if r.State != nil && !sameJSON(r.State, got.State) {
		return false
	}
	return slices.EqualFunc(r.Events, got.Events, func(a, b CaseEvent) bool {
		return a.Type == b.Type && sameJSON(a.Data, b.Data) && slices.Equal(a.Tags, b.Tags) && max(1, a.SchemaVersion) == max(1, b.SchemaVersion)
	})
}

// compare tells in what another description differs, apart from what is for people.
func (d *Description) compare(got *Description) string {
	want := *d
	want.SchemaVersion = max(1, want.SchemaVersion)
	versions := func(events map[string]EventDescription) map[string]int {
		out := map[string]int{}
		for name, e := range events {
			out[name] = max(1, e.SchemaVersion)
		}
		return out
	}
	sorted := func(names []string) []string { return slices.Sorted(slices.Values(names)) }
	switch {
	case want.Name != got.Name:
		return fmt.Sprintf("the name should be %q, and is %q", want.Name, got.Name)
	case want.SchemaVersion != got.SchemaVersion:
		return fmt.Sprintf("the schemaVersion should be %d, and is %d", want.SchemaVersion, got.SchemaVersion)
	case !slices.Equal(slices.Sorted(maps.Keys(want.Commands)), slices.Sorted(maps.Keys(got.Commands))):
		return fmt.Sprintf("the commands should be %q, and are %q", slices.Sorted(maps.Keys(want.Commands)), slices.Sorted(maps.Keys(got.Commands)))
	case !maps.Equal(versions(want.Events), versions(got.Events)):
		return fmt.Sprintf("the events and their versions should be %v, and are %v", versions(want.Events), versions(got.Events))
	case !slices.Equal(sorted(want.Reads), sorted(got.Reads)):
		return fmt.Sprintf("reads should be %q, and is %q", want.Reads, got.Reads)
	case !slices.Equal(sorted(want.Upcasts), sorted(got.Upcasts)):
		return fmt.Sprintf("upcasts should be %q, and is %q", want.Upcasts, got.Upcasts)
	case !slices.Equal(sorted(want.Skip), sorted(got.Skip)):
		return fmt.Sprintf("skip should be %q, and is %q", want.Skip, got.Skip)
	}
	return ""
}
