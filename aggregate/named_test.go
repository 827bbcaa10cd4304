package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
)

// word is a command or event whose name is its own matter.
type word struct {
	name    string
	data    json.RawMessage
	version int
}

func (w word) Name() string                 { return w.name }
func (w word) MarshalJSON() ([]byte, error) { return w.data, nil }
func (w word) Read(name string, data []byte, version int) (any, error) {
	if string(data) == `"bad"` {
		return nil, errors.New("bad data")
	}
	return word{name, json.RawMessage(strings.Clone(string(data))), version}, nil
}

// words has two names of one type in each table.
func words(category string) decider.Decider[string, word, word] {
	return decider.Decider[string, word, word]{
		Category: category,
		Decide: func(_ string, c word, _ decider.Context) ([]word, error) {
			if c.name == "stray" {
				return []word{{name: "lost", data: c.data}}, nil
			}
			return []word{{name: "said." + c.name, data: c.data}}, nil
		},
		Evolve: func(s string, e word) string {
			return s + e.name + string(e.data) + strings.Repeat("!", e.version) + ";"
		},
		Commands: map[string]word{"whisper": {}, "shout": {}, "stray": {}},
		Events:   map[string]word{"said.whisper": {}, "said.shout": {}},
	}
}

func TestNamesThatAreTheValuesOwn(t *testing.T) {
	store := newStore(t)
	options := &aggregate.Options{Codec: &codec.Options{Versions: map[string]int{"said.shout": 2}}}
	one := aggregate.New(store, words("one"), options)
	bus := aggregate.NewBus(one, aggregate.New(store, words("two"), options))
	for _, name := range []string{"whisper", "shout"} {
		if _, err := bus.ExecuteNamed(t.Context(), "one", "a", name, []byte(`{"n":1}`)); err != nil {
			t.Fatal(err)
		}
	}
	one.Evict("a") // so that everything comes from the log, with its schema version
	v, err := bus.View(t.Context(), "one", "a", aggregate.Moment{})
	if want := `"said.whisper{\"n\":1}!;said.shout{\"n\":1}!!;"`; err != nil || string(v.State) != want || v.Version != 1 {
		t.Errorf("got %s, %+v, %v", v.State, v, err)
	}
	if _, err := bus.ExecuteNamed(t.Context(), "two", "a", "shout", []byte(`"bad"`)); nacre.CodeOf(err) != nacre.CodeInvalid || !strings.Contains(err.Error(), "bad data") {
		t.Errorf("bad data: %v", err)
	}
	_, err = bus.ExecuteNamed(t.Context(), "two", "a", "stray", []byte(`1`))
	expectCode(t, "an event that the table does not have", err, codec.CodeUnencodable)
	_, err = bus.Execute(t.Context(), "a", word{name: "shout"})
	expectCode(t, "a type of several aggregates", err, aggregate.CodeUnknownCommand)
	if _, err := bus.Execute(t.Context(), "a", aggregate.NamedCommand{Category: "two", Command: "shout", Payload: json.RawMessage("2")}); err != nil {
		t.Error(err)
	}
	if _, err := store.Append(t.Context(), "two-b", nacre.Any, nacre.Event{Type: "said.shout", Data: []byte(`"bad"`)}); err != nil {
		t.Fatal(err)
	}
	_, err = bus.View(t.Context(), "two", "b", aggregate.Moment{})
	expectCode(t, "an event of bad data", err, codec.CodeUndecodable)
}

// others executes what the bus does not have.
type others struct{ got []string }

func (o *others) ExecuteNamed(_ context.Context, category, id, name string, payload []byte) (aggregate.Outcome, error) {
	o.got = append(o.got, category+" "+id+" "+name+" "+string(payload))
	return aggregate.Outcome{Stream: nacre.StreamID(category + "-" + id), Version: 7}, nil
}

func (o *others) View(_ context.Context, category, id string, _ aggregate.Moment) (aggregate.View, error) {
	return aggregate.View{Stream: nacre.StreamID(category + "-" + id), State: json.RawMessage(`1`)}, nil
}

func TestATableMayTakeAnyName(t *testing.T) {
	open := words("open")
	open.Commands, open.Events = map[string]word{"*": {}}, map[string]word{"*": {}}
	repository := aggregate.New(newStore(t), open, nil)
	bus := aggregate.NewBus(repository)
	for _, name := range []string{"whisper", "a.b"} {
		outcome, err := bus.ExecuteNamed(t.Context(), "open", "a", name, []byte(`{"n":1}`))
		if err != nil || len(outcome.Events) != 1 || outcome.Events[0].Type != "said."+name {
			t.Errorf("%q: %v, %v", name, outcome.Events, err)
		}
		command, err := bus.DecodeCommand("open."+name, []byte("2"))
		if w, ok := command.(word); err != nil || !ok || w.name != name {
			t.Errorf("%q is decoded as %v, %v", name, command, err)
		}
	}
	repository.Evict("a")
	if state, err := repository.Get("a").State(t.Context()); err != nil || state != `said.whisper{"n":1}!;said.a.b{"n":1}!;` {
		t.Errorf("the state is %q, %v", state, err)
	}
	if _, err := bus.ExecuteNamed(t.Context(), "other", "a", "whisper", nil); nacre.CodeOf(err) != aggregate.CodeUnknownCommand {
		t.Errorf("another category: %v", err)
	}
	if _, err := bus.ExecuteNamed(t.Context(), "open", "a", "", nil); nacre.CodeOf(err) != aggregate.CodeUnknownCommand {
		t.Errorf("no name: %v", err)
	}
}

func TestABusLetsOthersExecuteWhatItDoesNotHave(t *testing.T) {
	seen := 0
	o := &others{}
	bus := aggregate.NewBus(aggregate.New(newStore(t), words("mine"), nil)).Else(o).Use(func(next aggregate.Handler) aggregate.Handler {
		return func(ctx context.Context, c *aggregate.Call) (aggregate.Outcome, error) {
			seen++
			return next(ctx, c)
		}
	})
	command := aggregate.NamedCommand{Category: "theirs", Command: "go.on", Payload: json.RawMessage(`{"x":1}`)}
	name, payload, err := bus.EncodeCommand(command)
	if err != nil || name != "theirs.go.on" || string(payload) != `{"x":1}` {
		t.Fatalf("encoded as %q %s, %v", name, payload, err)
	}
	back, err := bus.DecodeCommand(name, payload)
	if c, ok := back.(aggregate.NamedCommand); err != nil || !ok || c.Category != "theirs" || c.Command != "go.on" {
		t.Fatalf("decoded as %+v, %v", back, err)
	}
	if err := bus.Dispatch(t.Context(), "x-1", back); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.ExecuteNamed(t.Context(), "mine", "a", "shout", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if want := `theirs x-1 go.on {"x":1}`; len(o.got) != 1 || o.got[0] != want || seen != 2 {
		t.Errorf("they got %q, the middleware saw %d", o.got, seen)
	}
	if v, err := bus.View(t.Context(), "theirs", "a", aggregate.Moment{}); err != nil || v.Stream != "theirs-a" {
		t.Errorf("viewed %+v, %v", v, err)
	}
	_, err = aggregate.NewBus().ExecuteNamed(t.Context(), "theirs", "a", "go", nil)
	expectCode(t, "nobody's command", err, aggregate.CodeUnknownCommand)
	_, err = aggregate.NewBus().View(t.Context(), "theirs", "a", aggregate.Moment{})
	expectCode(t, "nobody's state", err, aggregate.CodeUnknownCommand)
}

func TestAPayloadIsJSON(t *testing.T) {
	bus := aggregate.NewBus().Else(&others{})
	_, payload, err := bus.EncodeCommand(aggregate.NamedCommand{Category: "theirs", Command: "go"})
	if err != nil || string(payload) != "null" {
		t.Errorf("no payload is encoded as %q, %v", payload, err)
	}
	for _, text := range []string{"", "{", "1 2"} {
		_, _, err := bus.EncodeCommand(aggregate.NamedCommand{Category: "theirs", Command: "go", Payload: []byte(text)})
		expectCode(t, "the payload "+text, err, nacre.CodeInvalid)
	}
}

func TestAViewIsOfAMoment(t *testing.T) {
	store := newStore(t)
	r := newRepository(t, store, nil)
	bus := aggregate.NewBus(r)
	first, err := r.Get("a").Execute(t.Context(), deposit{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get("b").Execute(t.Context(), deposit{9}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get("a").Execute(t.Context(), deposit{2}); err != nil {
		t.Fatal(err)
	}
	at := func(n int64) *int64 { return &n }
	for _, c := range []struct {
		of       aggregate.Moment
		cents    int64
		version  int64
		position nacre.Position
	}{
		{aggregate.Moment{}, 3, 1, 3},
		{aggregate.Moment{Version: at(-1)}, 0, -1, 0},
		{aggregate.Moment{Version: at(0)}, 1, 0, 1},
		{aggregate.Moment{Position: 2}, 1, 0, 1},
		{aggregate.Moment{Position: 99}, 3, 1, 3},
		{aggregate.Moment{Time: first.Events[0].CreatedAt.Add(-time.Second)}, 0, -1, 0},
		{aggregate.Moment{Time: time.Now().Add(time.Hour)}, 3, 1, 3},
	} {
		v, err := bus.View(t.Context(), "account", "a", c.of)
		var state account
		if err == nil {
			err = json.Unmarshal(v.State, &state)
		}
		if err != nil || state.Cents != c.cents || v.Version != c.version || v.Position != c.position || v.Stream != "account-a" {
			t.Errorf("%+v: %s, %+v, %v", c.of, v.State, v, err)
		}
	}
	_, err = bus.View(t.Context(), "account", "a", aggregate.Moment{Version: at(2)})
	expectCode(t, "a version to come", err, nacre.CodeNotFound)
	_, err = bus.View(t.Context(), "account", "a", aggregate.Moment{Version: at(-2)})
	expectCode(t, "a version below -1", err, nacre.CodeInvalid)
	_, err = bus.View(t.Context(), "account", "", aggregate.Moment{})
	expectCode(t, "no id", err, nacre.CodeInvalid)
}

func TestACommandMayExpectAVersion(t *testing.T) {
	store := newStore(t)
	h := newRepository(t, store, nil).Get("a")
	expecting := func(v nacre.ExpectedVersion, id string, c command) error {
		_, err := h.Execute(decider.With(aggregate.Expecting(t.Context(), v), decider.Context{CommandID: id}), c)
		return err
	}
	if err := expecting(nacre.StreamExists, "", deposit{1}); nacre.CodeOf(err) != nacre.CodeVersionConflict {
		t.Errorf("a stream that is not there: %v", err)
	}
	if err := expecting(nacre.NoStream, "first", deposit{1}); err != nil {
		t.Error(err)
	}
	var conflict *nacre.ConflictError
	if err := expecting(nacre.NoStream, "second", deposit{1}); !errors.As(err, &conflict) || conflict.Current != 0 {
		t.Errorf("a stream that is there: %v", err)
	}
	if err := expecting(nacre.NoStream, "first", deposit{1}); err != nil {
		t.Errorf("a command that took place: %v", err)
	}
	// Somebody else wrote meanwhile.
	if _, err := store.Append(t.Context(), "account-a", nacre.Any, nacre.Event{Type: "account.moved", Data: []byte(`{"Cents":5}`)}); err != nil {
		t.Fatal(err)
	}
	if err := expecting(nacre.Exactly(0), "", deposit{1}); !errors.As(err, &conflict) || conflict.Current != 1 {
		t.Errorf("a stale version: %v", err)
	}
	if err := expecting(nacre.Exactly(1), "", nothing{}); err != nil {
		t.Errorf("nothing to do at the right version: %v", err)
	}
	if err := expecting(nacre.Exactly(0), "", nothing{}); nacre.CodeOf(err) != nacre.CodeVersionConflict {
		t.Errorf("nothing to do at a stale version: %v", err)
	}
	cents(t, h, 6)
}

func TestALostStateIsReadAnew(t *testing.T) {
	store := newStore(t)
	for name, c := range map[string]struct {
		losses int
		fails  bool
	}{"once": {1, false}, "as often as it may": {3, false}, "too often": {4, true}} {
		t.Run(name, func(t *testing.T) {
			lost, asked := 0, 0
			d := decider.Decider[int, int, int]{
				Category: "n" + strings.ReplaceAll(name, " ", ""),
				Decide: func(s int, n int, _ decider.Context) ([]int, error) {
					asked++
					if s > 0 && lost < c.losses {
						lost++
						return nil, aggregate.ErrStateLost
					}
					return []int{n}, nil
				},
				Evolve: func(s, n int) int { return s + n },
				Events: map[string]int{"n.added": 0},
			}
			h := aggregate.New(store, d, nil).Get("a")
			if _, err := h.Execute(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
			got, err := h.Execute(t.Context(), 3)
			if c.fails {
				if !errors.Is(err, aggregate.ErrStateLost) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || got.State != 5 || asked != 2+c.losses {
				t.Errorf("got %+v, %v after %d questions", got, err, asked)
			}
		})
	}
}
