package modules_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/process"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/wasm"
)

// lit is what this program reads of a module's events.
type lit struct {
	Watts int `json:"watts"`
}

// follower turns the lamp on for each light that is on, and notes what the lamp refuses.
func follower(payload json.RawMessage) process.Manager[struct{}] {
	return process.Manager[struct{}]{
		Name:      "follower",
		Events:    map[string]any{"light.on": lit{}},
		Correlate: func(e codec.Event[any]) (string, bool) { return e.ID, true },
		React: func(_ *struct{}, e codec.Event[any], do *process.Effects) {
			do.Send(e.StreamID.Rest(), aggregate.NamedCommand{Category: "lamp", Command: "on", Payload: payload})
		},
		Rejected: func(_ *struct{}, c any, why error, do *process.Effects) {
			refused, ok := errors.AsType[*wasm.DomainError](why)
			named, isNamed := c.(aggregate.NamedCommand)
			if !ok || !isNamed {
				do.Send("wrong", note{why.Error()})
				return
			}
			do.Send("refused", note{named.Category + "." + named.Command + ": " + refused.Type + " " + refused.Message + " " + string(refused.Data)})
		},
	}
}

func TestAProcessManagerSendsCommandsToModules(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]json.RawMessage{"without a payload": nil, "with one": []byte(`{"by":1}`)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.publish("light", "")
			r.publish("lamp", "")
			p := starts(r, follower(payload))
			caused := r.on("light", "a")
			r.caughtUp(p)
			got := r.events("lamp-a")
			if len(got) != 1 || got[0].Type != "lamp.on" {
				t.Fatalf("the lamp has %+v", got)
			}
			var about struct{ CommandID, CausationID, CorrelationID string }
			if err := json.Unmarshal(got[0].Metadata, &about); err != nil || about.CommandID == "" || about.CausationID != caused.ID || about.CorrelationID != caused.ID {
				t.Errorf("the event's metadata are %s, %v; it was caused by %s", got[0].Metadata, err, caused.ID)
			}
		})
	}
}

func TestWhatAModuleRefusesIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish("light", "")
	r.publish("lamp", `{"error":{"code":"DOMAIN","type":"no_bulb","message":"there is none","data":{"watts":60}}}`)
	p := starts(r, follower(nil))
	r.on("light", "a")
	r.caughtUp(p)
	if got := r.events("notes-wrong"); len(got) != 0 {
		t.Errorf("the refusal was %s", got[0].Data)
	}
	got := r.events("notes-refused")
	if want := `{"Text":"lamp.on: no_bulb there is none {\"watts\":60}"}`; len(got) != 1 || string(got[0].Data) != want {
		t.Errorf("noted %+v, want %s", got, want)
	}
	if got := r.events("lamp-a"); len(got) != 0 {
		t.Errorf("the lamp has %+v", got)
	}
}

// What is a module's fault, or that it is not there, waits for a version that works.
func TestADeadLetterIsExecutedByTheNextVersion(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]string{"a module that is not there": "", "one that goes wrong": "nonsense"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.publish("light", "")
			if wrong != "" {
				r.publish("lamp", wrong)
			}
			p := starts(r, follower(nil))
			r.on("light", "a")
			r.caughtUp(p)
			letters, err := p.DeadLetters(t.Context())
			if err != nil || len(letters) != 1 {
				t.Fatalf("%+v, %v", letters, err)
			}
			code, attempts := aggregate.CodeUnknownCommand, 1
			if wrong != "" {
				code, attempts = wasm.CodeReply, 3
			}
			if l := letters[0]; l.Code != code || l.Command != "lamp.on" || l.To != "a" || l.Attempts != attempts {
				t.Errorf("the letter is %+v", l)
			}
			r.publish("lamp", `{"events":[{"type":"lamp.on","data":{"watts":5}}],"state":1}`)
			if err := p.Retry(t.Context(), letters[0].ID); err != nil {
				t.Fatal(err)
			}
			r.settled(p)
			if got := r.events("lamp-a"); len(got) != 1 || string(got[0].Data) != `{"watts":5}` {
				t.Errorf("the lamp has %+v", got)
			}
		})
	}
}

// A payload that is no JSON is a fault of the reaction, and is told as one.
func TestAPayloadThatIsNoJSON(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish("light", "")
	r.publish("lamp", "")
	p := starts(r, follower([]byte(`{"by":`)))
	r.on("light", "a")
	r.caughtUp(p)
	letters, err := p.DeadLetters(t.Context())
	if err != nil || len(letters) != 1 || letters[0].What != "event" || letters[0].Code != nacre.CodeInvalid {
		t.Errorf("%+v, %v", letters, err)
	}
}

// The memory of a manager that stopped names commands, which another process sends.
func TestAProcessManagerGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish("light", "")
	p := starts(r, follower(nil))
	r.on("light", "a")
	r.caughtUp(p)
	finish(t, p.Stop)
	r.publish("lamp", "")
	again := starts(r, follower(nil))
	letters, err := again.DeadLetters(t.Context())
	if err != nil || len(letters) != 1 {
		t.Fatalf("%+v, %v", letters, err)
	}
	if err := again.Retry(t.Context(), letters[0].ID); err != nil {
		t.Fatal(err)
	}
	r.settled(again)
	r.on("light", "b")
	r.caughtUp(again)
	for _, id := range []nacre.StreamID{"lamp-a", "lamp-b"} {
		if got := r.events(id); len(got) != 1 {
			t.Errorf("%s has %+v", id, got)
		}
	}
}

func TestAProjectionReadsAModulesEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish("light", "")
	r.on("light", "a")
	watts := projection.NewMemory[map[string]int](r.store, nil)
	follows, err := projection.Start(t.Context(), r.store, projection.Projection[lit, *map[string]int]{
		Name:   "watts",
		Events: map[string]lit{"light.on": {}},
		Apply: func(_ context.Context, sum *map[string]int, e codec.Event[lit]) error {
			if *sum == nil {
				*sum = map[string]int{}
			}
			(*sum)[e.StreamID.Rest()] += e.Data.Watts
			return nil
		},
	}, watts, &projection.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { finish(t, follows.Stop) })
	r.on("light", "a")
	last := r.on("light", "b")
	if err := follows.WaitFor(t.Context(), last.GlobalPosition); err != nil {
		t.Fatal(err)
	}
	watts.View(func(sum *map[string]int) {
		if (*sum)["a"] != 120 || (*sum)["b"] != 60 || len(*sum) != 2 {
			t.Errorf("the sums are %v", *sum)
		}
	})
}

func TestMiddlewareSeesCommandsOfModules(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish("light", "")
	var seen []string
	var ids []string
	forbidden := errors.New("not bob")
	r.bus.Use(
		aggregate.Authorization(func(ctx context.Context, _ *aggregate.Call) error {
			if decider.From(ctx).Actor == "bob" {
				return forbidden
			}
			return nil
		}),
		aggregate.Retry(3, 0),
		func(next aggregate.Handler) aggregate.Handler {
			return func(ctx context.Context, c *aggregate.Call) (aggregate.Outcome, error) {
				_, named := c.Command.(aggregate.NamedCommand)
				seen = append(seen, c.Category+"."+c.Name+" of "+c.ID+map[bool]string{true: ", by name"}[named])
				ids = append(ids, decider.From(ctx).CommandID)
				return next(ctx, c)
			}
		},
	)
	ctx := t.Context()
	out, err := r.bus.Execute(ctx, "a", aggregate.NamedCommand{Category: "light", Command: "on"})
	if err != nil || out.Version != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if err := r.bus.Dispatch(ctx, "n", note{"typed"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.bus.Execute(ctx, "n", aggregate.NamedCommand{Category: "notes", Command: "note", Payload: []byte(`{"Text":"named"}`)}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"light.on of a, by name", "notes.note of n", "notes.note of n"}; !slices.Equal(seen, want) {
		t.Errorf("seen was %q, want %q", seen, want)
	}
	if slices.Contains(ids, "") {
		t.Errorf("a command that may be tried again has no id: %q", ids)
	}
	_, err = r.bus.ExecuteNamed(decider.With(ctx, decider.Context{Actor: "bob"}), "light", "a", "on", nil)
	if nacre.CodeOf(err) != aggregate.CodeForbidden || !errors.Is(err, forbidden) {
		t.Errorf("bob: %v", err)
	}
	_, err = r.bus.ExecuteNamed(ctx, "dark", "a", "on", nil)
	if nacre.CodeOf(err) != aggregate.CodeUnknownCommand {
		t.Errorf("a category that is nobody's: %v", err)
	}
	v, err := r.bus.View(ctx, "light", "a", aggregate.Moment{})
	if err != nil || string(v.State) != "1" || v.Version != 0 {
		t.Errorf("the state is %+v, %v", v, err)
	}
	if v, err = r.bus.View(ctx, "notes", "n", aggregate.Moment{}); err != nil || string(v.State) != "2" {
		t.Errorf("the state is %+v, %v", v, err)
	}
}
