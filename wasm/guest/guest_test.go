package guest_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/wasm/guest"
)

// The model of these tests: a list of words.
type (
	list  struct{ Words []string }
	say   struct{ Word string }
	fail  struct{ How string }
	said  struct{ Word string }
	odd   struct{ F func() }
	typed struct{ N int }
	plain struct{}
	text  string
)

func (typed) ErrorType() string { return "my.type" }
func (typed) Error() string     { return "typed" }
func (*plain) Error() string    { return "plain" }
func (t text) Error() string    { return string(t) }

// TLSHandshakeError has a name with an abbreviation.
type TLSHandshakeError struct{ Why error }

func (e *TLSHandshakeError) Error() string { return "handshake" }

var failures = map[string]error{
	"new": errors.New("no\xff"), "typed": typed{7}, "wrapped": fmt.Errorf("outer: %w", &typed{8}), "plain": &plain{}, "text": text("why"),
	"foreign": &fs.PathError{Op: "open", Path: "x", Err: errors.New("gone")}, "long": &TLSHandshakeError{}, "nil": (*plain)(nil),
}

func words() decider.Decider[list, any, any] {
	return decider.Decider[list, any, any]{
		Category: "words",
		Decide: func(s list, c any, ctx decider.Context) ([]any, error) {
			switch c := c.(type) {
			case say:
				return []any{said(c)}, nil
			case *fail:
				if c.How == "event" {
					return []any{42}, nil
				}
				if c.How == "nil event" {
					return []any{nil}, nil
				}
				if c.How == "odd event" {
					return []any{odd{F: func() {}}}, nil
				}
				if c.How == "context" {
					return []any{said{fmt.Sprint(ctx.SourceDevice, ctx.CausationID, ctx.Metadata)}}, nil
				}
				return nil, failures[c.How]
			}
			return nil, nil
		},
		Evolve: func(s list, e any) list {
			return list{append(append([]string{}, s.Words...), e.(said).Word)}
		},
		Commands: map[string]any{"say": say{}, "fail": &fail{}},
		Events:   map[string]any{"said": said{}, "odd": odd{}},
	}
}

func module(t *testing.T, o *guest.Options) *guest.Module {
	t.Helper()
	m, err := guest.New(words(), o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestErrorsOfDecideReachTheCaller(t *testing.T) {
	m := module(t, nil)
	for how, want := range map[string]string{
		"new":     `{"error":{"code":"DOMAIN","message":"no` + "\uFFFD" + `"}}`,
		"typed":   `{"error":{"code":"DOMAIN","type":"my.type","message":"typed","data":{"N":7}}}`,
		"wrapped": `{"error":{"code":"DOMAIN","type":"my.type","message":"outer: typed","data":{"N":8}}}`,
		"plain":   `{"error":{"code":"DOMAIN","type":"plain","message":"plain"}}`,
		"nil":     `{"error":{"code":"DOMAIN","type":"plain","message":"plain"}}`,
		"text":    `{"error":{"code":"DOMAIN","type":"text","message":"why"}}`,
		"foreign": `{"error":{"code":"DOMAIN","type":"path_error","message":"open x: gone","data":{"Op":"open","Path":"x","Err":{}}}}`,
		"long":    `{"error":{"code":"DOMAIN","type":"tls_handshake_error","message":"handshake","data":{"Why":null}}}`,
	} {
		if got := m.Decide(fmt.Appendf(nil, `{"id":"a","command":"fail","payload":{"How":%q}}`, how)); string(got) != want {
			t.Errorf("%s: %s, and not %s", how, got, want)
		}
	}
}

func TestWhatTheModelDoesWrongIsToldAsTheModulesFault(t *testing.T) {
	m := module(t, nil)
	for how, want := range map[string]string{
		"event": "Decide gave a int, which", "nil event": "an event that is nil", "odd event": `an event \"odd\" does not encode`,
	} {
		got := string(m.Decide(fmt.Appendf(nil, `{"id":"a","command":"fail","payload":{"How":%q},"return":true}`, how)))
		if !strings.HasPrefix(got, `{"error":{"code":"INTERNAL"`) || !strings.Contains(got, want) {
			t.Errorf("%s: %s", how, got)
		}
	}
}

func TestRequestsThatAreWrong(t *testing.T) {
	m := module(t, nil)
	for request, want := range map[string]string{
		``:                                 "INTERNAL",
		`[]`:                               "INTERNAL",
		`{"id":1}`:                         "INTERNAL",
		`{"id":"a"}`:                       "INTERNAL", // no command
		`{"id":"a","payload":{}}`:          "INTERNAL", // before the command
		`{"command":"say","payload":{}`:    "INTERNAL",
		`{"command":"say","payload":{}} 1`: "INTERNAL",
		`{"command":"say","payload":[]}`:   "DECODE_COMMAND",
		`{"command":"say","payload":{"Word":"a","Word":"b"}}`:                                   "DECODE_COMMAND",
		`{"command":"say","payload":{"words":"a"}}`:                                             "DECODE_COMMAND",
		`{"command":"say","payload":{"Word":"\ud800"}}`:                                         "DECODE_COMMAND",
		`{"command":"say","payload":{},"context":{"metadata":3}}`:                               "DECODE_CONTEXT",
		`{"command":"say","payload":{},"context":{"metadata":{"a":1,"a":2}}}`:                   "DECODE_CONTEXT",
		`{"command":"say","payload":{},"context":{"time":"noon"}}`:                              "INTERNAL",
		`{"state":{"Words":{}},"command":"say","payload":{}}`:                                   "DECODE_STATE",
		`{"events":[{"type":"said"}],"command":"say","payload":{}}`:                             "DECODE_EVENT",
		`{"events":[{"type":"said","data":{"Word":1}}],"command":"say","payload":{}}`:           "DECODE_EVENT",
		`{"events":[7],"command":"say","payload":{}}`:                                           "DECODE_EVENT",
		`{"events":[null],"command":"say","payload":{}}`:                                        "DECODE_EVENT",
		`{"events":[{"data":{}}],"command":"say","payload":{}}`:                                 "UNKNOWN_EVENT",
		`{"events":[{"type":"sung","data":{}}],"command":"say","payload":{}}`:                   "UNKNOWN_EVENT",
		`{"command":"sing","payload":{}}`:                                                       "UNKNOWN_COMMAND",
		`{"held":5,"command":"say","payload":{}}`:                                               "missing",
		`{"more":[{"a":"\n\t"}],"command":"say"}`:                                               `{"events":[{"type":"said","data":{"Word":""}}]}`,
		`{"command":"say","payload":null}`:                                                      `{"events":[{"type":"said","data":{"Word":""}}]}`,
		`{"events":[{"data":{"Word":"x","y":[1]},"type":"said","z":1}],"command":"say","a":{}}`: `{"events":[{"type":"said"`,
		"\n{ \"command\" :\t\"say\" , \"payload\" : { \"Word\" : \"\\u0078\" } }\r\n":           `{"events":[{"type":"said","data":{"Word":"x"}}]}`,
	} {
		if got := string(m.Decide([]byte(request))); !strings.Contains(got, want) {
			t.Errorf("%s: %s, and not %s", request, got, want)
		}
	}
}

func TestAContextIsRead(t *testing.T) {
	got := string(module(t, nil).Decide([]byte(`{"command":"fail","payload":{"How":"context"},
		"context":{"time":"2026-01-02T03:04:05Z","causationId":"c","sourceDevice":"d","metadata":{"n":1.5,"l":[true,null]},"new":{}}}`)))
	if want := `{"events":[{"type":"said","data":{"Word":"dcmap[l:[true <nil>] n:1.5]"}}]}`; got != want {
		t.Errorf("got %s, and not %s", got, want)
	}
}

func TestOlderEventsAreUpcast(t *testing.T) {
	two := func(e guest.Event) ([]guest.Event, error) {
		a, b := e, e
		a.Type, b.Type, b.Data = "said", "said", []byte(`{"Word":"again"}`)
		a.SchemaVersion, b.SchemaVersion = 3, 3
		return []guest.Event{a, b}, nil
	}
	same := func(e guest.Event) ([]guest.Event, error) { return []guest.Event{e}, nil }
	endless := func(e guest.Event) ([]guest.Event, error) {
		e.SchemaVersion++
		return []guest.Event{e}, nil
	}
	m := module(t, &guest.Options{
		Versions: map[string]int{"said": 3},
		Upcast: map[string]guest.Upcaster{
			"said@1": guest.Reshape(2, func(data []byte) ([]byte, error) { return []byte(`{"Word":` + string(data) + `}`), nil }),
			"said@2": guest.Reshape(3, func(data []byte) ([]byte, error) {
				if strings.Contains(string(data), "bad") {
					return nil, errors.New("out of order")
				}
				return data, nil
			}),
			"spoke": guest.Rename("said"), "spoke twice": two, "same": same, "endless": endless,
			"nothing": func(guest.Event) ([]guest.Event, error) { return nil, nil },
		},
		Skip: []string{"noise.*", "*.skipped", "a*b*c"},
	})
	for events, want := range map[string]string{
		`{"type":"said","data":"one"}`:                                        `["one"]`,
		`{"type":"said","data":{"Word":"two"},"schemaVersion":2}`:             `["two"]`,
		`{"type":"said","data":{"Word":"three"},"schemaVersion":3}`:           `["three"]`,
		`{"schemaVersion":3,"data":{"Word":"three"},"type":"said"}`:           `["three"]`,
		`{"type":"spoke","data":"old"}`:                                       `["old"]`,
		`{"type":"spoke","data":{"Word":"x"},"tags":["a"],"schemaVersion":3}`: `["x"]`,
		`{"type":"spoke twice","data":{"Word":"once"}}`:                       `["once","again"]`,
		`{"type":"nothing","data":1},{"type":"noise.loud","data":1}`:          `{"state":{"Words":null}}`,
		`{"type":"x.skipped","data":1},{"type":"a1b2c","data":[]}`:            `{"state":{"Words":null}}`,
		`{"type":"said","data":{"Word":"four"},"schemaVersion":4}`:            "a newer one wrote it",
		`{"type":"said","data":{"Word":"bad"},"schemaVersion":2}`:             "out of order",
		`{"type":"same","data":1}`:                                            "the same type and schema version again",
		`{"type":"endless","data":1}`:                                         "come to no end",
		`{"type":"said","data":1,"schemaVersion":3}`:                          "its data: ",
		`{"type":"said","schemaVersion":3}`:                                   "it has no data",
		`{"type":"noise","data":1}`:                                           "UNKNOWN_EVENT",
		`{"type":"abc","data":1}`:                                             "UNKNOWN_EVENT",
		`{"type":"x.skippedd","data":1}`:                                      "UNKNOWN_EVENT",
	} {
		got := string(m.Evolve([]byte(`{"id":"a","events":[` + events + `],"return":true}`)))
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, and not %s", events, got, want)
		}
	}
	description := string(m.Describe())
	for _, want := range []string{
		`"events":{"odd":{},"said":{"schemaVersion":3}}`, `"reads":["endless","nothing","same","spoke","spoke twice"]`,
		`"upcasts":["endless","nothing","said@1","said@2","same","spoke","spoke twice"]`, `"skip":["noise.*","*.skipped","a*b*c"]`,
	} {
		if !strings.Contains(description, want) {
			t.Errorf("%s is not in %s", want, description)
		}
	}
}

func TestPeopleAreToldOfCommandsAndEvents(t *testing.T) {
	m := module(t, &guest.Options{
		Commands: map[string]guest.About{"say": {Description: "says a word", Schema: ` { "type" : "object" } `}},
		Events:   map[string]guest.About{"said": {Schema: `true`}},
	})
	want := `{"name":"words","schemaVersion":1,"commands":{"fail":{},"say":{"description":"says a word","schema":{"type":"object"}}},` +
		`"events":{"odd":{},"said":{"schema":true}},"sdk":"go"}`
	if got := string(m.Describe()); got != want {
		t.Errorf("got %s, and not %s", got, want)
	}
}

func TestAFewStatesAreKept(t *testing.T) {
	m := module(t, nil)
	evolve := func(format string, args ...any) string { return string(m.Evolve(fmt.Appendf(nil, format, args...))) }
	evolve(`{"id":"a","state":{"Words":["x"]},"events":[],"keep":1}`)
	for i := range 511 {
		evolve(`{"id":"a","held":%d,"events":[],"keep":%d}`, i+1, i+2)
	}
	if got := evolve(`{"id":"a","held":1,"events":[],"return":true}`); got != `{"state":{"Words":["x"]}}` {
		t.Errorf("the first of 512: %s", got)
	}
	evolve(`{"id":"a","held":1,"events":[],"keep":513}`)
	if got := evolve(`{"id":"a","held":1,"events":[]}`); got != `{"missing":true}` {
		t.Errorf("the first of 513: %s", got)
	}
	if got := evolve(`{"id":"a","held":2,"events":[],"return":true}`); got != `{"state":{"Words":["x"]}}` {
		t.Errorf("the second of 513: %s", got)
	}
	evolve(`{"id":"a","held":513,"events":[],"keep":513}`) // the same number again is no other state
	large := strings.Repeat("w", 3<<20)
	evolve(`{"id":"a","state":{"Words":[%q]},"events":[],"keep":600}`, large)
	if got := evolve(`{"id":"a","held":513,"events":[]}`); got != `{}` {
		t.Errorf("beside a large state: %s", got)
	}
	for number := range 2 {
		evolve(`{"id":"a","state":{"Words":[%q]},"events":[],"keep":%d}`, large, 601+number)
	}
	for number, want := range map[int]string{600: `{"missing":true}`, 601: `{"missing":true}`, 602: `{}`} {
		if got := evolve(`{"id":"a","held":%d,"events":[]}`, number); got != want {
			t.Errorf("after three large states, %d: %s", number, got)
		}
	}
	evolve(`{"id":"a","state":{"Words":[%q,%[1]q]},"events":[],"keep":603}`, large) // too large for all of the room
	if got := evolve(`{"id":"a","held":603,"events":[]}`); got != `{}` {
		t.Errorf("a very large state: %s", got)
	}
	if got := evolve(`{"id":"a","held":-1,"events":[]}`); got != `{"missing":true}` {
		t.Errorf("a number below 0: %s", got)
	}
}

func TestKeptStatesStayAsTheyAre(t *testing.T) {
	m := module(t, nil)
	m.Evolve([]byte(`{"id":"a","events":[{"type":"said","data":{"Word":"x"}}],"keep":1}`))
	for _, word := range []string{"y", "z"} {
		m.Decide(fmt.Appendf(nil, `{"id":"a","held":1,"keep":2,"command":"say","payload":{"Word":%q}}`, word))
	}
	if got := string(m.Evolve([]byte(`{"id":"a","held":1,"events":[],"return":true}`))); got != `{"state":{"Words":["x"]}}` {
		t.Errorf("got %s", got)
	}
}

func TestDeclarationsThatCannotWork(t *testing.T) {
	up := guest.Rename("x")
	for want, change := range map[string]func(*decider.Decider[list, any, any], *guest.Options){
		"Category is empty":     func(d *decider.Decider[list, any, any], _ *guest.Options) { d.Category = "" },
		"Commands is empty":     func(d *decider.Decider[list, any, any], _ *guest.Options) { d.Commands = nil },
		`the event "a.*" has a`: func(d *decider.Decider[list, any, any], _ *guest.Options) { d.Events = map[string]any{"a.*": said{}} },
		`Versions["said"] is 0`: func(_ *decider.Decider[list, any, any], o *guest.Options) { o.Versions = map[string]int{"said": 0} },
		`no schema version behind`: func(_ *decider.Decider[list, any, any], o *guest.Options) {
			o.Upcast = map[string]guest.Upcaster{"a@x": up}
		},
		`Commands["x"] is about`: func(_ *decider.Decider[list, any, any], o *guest.Options) {
			o.Commands = map[string]guest.About{"x": {}}
		},
		`schema of Events["said"]`: func(_ *decider.Decider[list, any, any], o *guest.Options) {
			o.Events = map[string]guest.About{"said": {Schema: "{"}}
		},
		`a type and a function`: func(_ *decider.Decider[list, any, any], o *guest.Options) {
			o.Upcast = map[string]guest.Upcaster{"a": nil}
		},
	} {
		d, o := words(), guest.Options{}
		change(&d, &o)
		if _, err := guest.New(d, &o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told: %v", want, err)
		}
	}
}

func TestAModuleIsServedOnce(t *testing.T) {
	if guest.Served() != nil {
		t.Fatal("something is served")
	}
	guest.Serve(words(), nil)
	if guest.Served() == nil || !strings.Contains(string(guest.Served().Describe()), `"name":"words"`) {
		t.Error("the module is not served")
	}
	defer func() {
		if recover() == nil {
			t.Error("a second module is served")
		}
	}()
	guest.Serve(words(), nil)
}

// counted is a model whose state and events are pointers.
type counted struct{ N int }

func TestStatesAndEventsMayBePointers(t *testing.T) {
	m, err := guest.New(decider.Decider[*counted, *say, *counted]{
		Category: "count",
		Decide: func(s *counted, c *say, _ decider.Context) ([]*counted, error) {
			if s == nil {
				s = &counted{}
			}
			return []*counted{{N: s.N + len(c.Word)}}, nil
		},
		Evolve:   func(_ *counted, e *counted) *counted { return e },
		Commands: map[string]*say{"say": {}},
		Events:   map[string]*counted{"counted": {}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for request, want := range map[string]string{
		`{"command":"say","payload":{"Word":"abc"},"return":true}`:                                                `{"events":[{"type":"counted","data":{"N":3}}],"state":{"N":3}}`,
		`{"state":null,"command":"say","return":true}`:                                                            `{"events":[{"type":"counted","data":{"N":0}}],"state":{"N":0}}`,
		`{"state":{"N":4},"command":"say","payload":{"Word":"a"}}`:                                                `{"events":[{"type":"counted","data":{"N":5}}]}`,
		`{"state":{"N":4},"events":[{"type":"counted","data":{"N":9}}],"command":"say","payload":{"Word":"abc"}}`: `{"events":[{"type":"counted","data":{"N":12}}]}`,
	} {
		if got := string(m.Decide([]byte(request))); got != want {
			t.Errorf("%s: %s, and not %s", request, got, want)
		}
	}
	if got := string(m.Evolve([]byte(`{"events":[],"return":true}`))); got != `{"state":null}` {
		t.Errorf("the state before the first event is %s", got)
	}
}
