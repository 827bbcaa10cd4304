package codec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

type placed struct {
	Customer string
	Cents    json.Number
	Note     string
}

// split makes two of one.
func split(e nacre.Event) ([]nacre.Event, error) {
	a, b := e, e
	a.Type, b.Type, b.GlobalPosition = "order.placed", "order.noted", 999
	a.Metadata, b.Metadata = []byte(`{"schemaVersion":3}`), nil
	return []nacre.Event{a, b}, nil
}

var history = codec.Options{
	Versions: map[string]int{"order.placed": 3},
	Upcast: map[string]codec.Upcaster{
		"order.created": codec.Rename("order.placed"), // which was version 1 of order.placed
		"order.placed@1": codec.Reshape(2, func(data map[string]any) error {
			data["Cents"], data["Customer"] = data["total"], data["who"]
			return nil
		}),
		"order.placed@2": split,
	},
}

func ordersCodec(t *testing.T, o codec.Options) *codec.Codec[any] {
	t.Helper()
	c, err := codec.New(map[string]any{"order.placed": placed{}, "order.noted": map[string]any{}}, &o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOldEventsBecomeWhatTheProgramKnows(t *testing.T) {
	c := ordersCodec(t, history)
	old := nacre.Event{
		Type: "order.created", Data: []byte(`{"total":9007199254740993,"who":"ann"}`), Metadata: []byte(`{"actor":"x"}`),
		GlobalPosition: 5, StreamPosition: 2, ID: "e", StreamID: "order-1",
	}
	got, err := c.Decode(old)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Type != "order.placed" || got[1].Type != "order.noted" {
		t.Fatalf("got %+v", got)
	}
	if p := got[0].Data.(placed); p.Cents != "9007199254740993" || p.Customer != "ann" {
		t.Errorf("got %+v: digits or names were lost", p)
	}
	for _, e := range got {
		if e.GlobalPosition != 5 || e.StreamPosition != 2 || e.ID != "e" || e.StreamID != "order-1" {
			t.Errorf("the event's place was changed: %+v", e)
		}
	}
	if types := c.Types(); !slices.Equal(types, []string{"order.created", "order.noted", "order.placed"}) {
		t.Errorf("a filter would select %v", types)
	}
}

func TestPresentEventsAreNotUpcast(t *testing.T) {
	c := ordersCodec(t, history)
	e, err := c.Encode(placed{Customer: "bob", Cents: "1"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Decode(e)
	if err != nil || len(got) != 1 || got[0].Data.(placed).Customer != "bob" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhatLeadsNowhereIsTold(t *testing.T) {
	pass := func(e nacre.Event) ([]nacre.Event, error) { return []nacre.Event{e}, nil }
	broken := func(nacre.Event) ([]nacre.Event, error) { return nil, errors.New("out of order") }
	endless := func(e nacre.Event) ([]nacre.Event, error) {
		version := strings.Count(string(e.Data), "1") + 1
		e.Data = append(slices.Clip(e.Data), '1')
		e.Metadata = fmt.Appendf(nil, `{"schemaVersion":%d}`, version+1)
		return []nacre.Event{e}, nil
	}
	for name, test := range map[string]struct {
		up   map[string]codec.Upcaster
		e    nacre.Event
		want string
	}{
		"the same again":      {map[string]codec.Upcaster{"a": pass}, nacre.Event{Type: "a"}, "same type and schema version"},
		"an upcaster's error": {map[string]codec.Upcaster{"a": broken}, nacre.Event{Type: "a"}, "out of order"},
		"no end":              {map[string]codec.Upcaster{"a": endless}, nacre.Event{Type: "a", Data: []byte("1")}, "no end"},
		"two in a ring": {
			map[string]codec.Upcaster{"a": codec.Rename("b"), "b": codec.Rename("a")}, nacre.Event{Type: "a", Data: []byte("{}")}, "no end",
		},
		"a newer program's": {nil, nacre.Event{Type: "order.placed", Data: []byte(`{}`), Metadata: []byte(`{"schemaVersion":4}`)}, "a newer one wrote it"},
		"a version in words": {
			nil, nacre.Event{Type: "order.placed", Data: []byte(`{}`), Metadata: []byte(`{"schemaVersion":"three"}`)}, "not a whole number",
		},
	} {
		o := history
		if test.up != nil {
			o.Upcast = test.up
		}
		got, err := ordersCodec(t, o).Decode(test.e)
		if nacre.CodeOf(err) != codec.CodeUndecodable || !strings.Contains(err.Error(), test.want) || len(got) != 0 {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestAnUpcasterMayPassOver(t *testing.T) {
	o := codec.Options{Upcast: map[string]codec.Upcaster{"noise": func(nacre.Event) ([]nacre.Event, error) { return nil, nil }}}
	if got, err := ordersCodec(t, o).Decode(nacre.Event{Type: "noise", Data: []byte(`1`)}); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestASequenceEndsWithItsFirstError(t *testing.T) {
	in := func(yield func(nacre.Event, error) bool) {
		for _, e := range []nacre.Event{{Type: "order.noted", Data: []byte(`{}`)}, {Type: "?", Data: []byte(`{}`)}, {Type: "order.noted", Data: []byte(`{}`)}} {
			if !yield(e, nil) {
				return
			}
		}
	}
	var n int
	var last error
	for _, err := range codec.Decode(map[string]any{"order.noted": map[string]any{}}, nil, in) {
		n, last = n+1, err
	}
	if n != 2 || nacre.CodeOf(last) != codec.CodeUndecodable {
		t.Errorf("%d steps, then %v", n, last)
	}
}

// Whoever writes a model in Go may encode it by encoding/json as well: in a WebAssembly guest, or by
// nacre.NewEvent.
func FuzzTheSameBytesAsEncodingJSON(f *testing.F) {
	type sample struct {
		Text   string             `json:"text,omitempty"`
		Number float64            `json:"number"`
		Count  int                `json:",omitempty"`
		List   []string           `json:"list"`
		Map    map[string]int     `json:"map,omitempty"`
		Any    any                `json:"any"`
		Raw    json.RawMessage    `json:"raw,omitempty"`
		Bytes  []byte             `json:"bytes"`
		Nested *sample            `json:"nested,omitempty"`
		Zero   struct{ X, y int } `json:"zero,omitzero"`
	}
	f.Add("a<b>&c", 1.5, 3, []byte{1, 2})
	f.Add("\u2028é", 1e21, 0, []byte(nil))
	f.Fuzz(func(t *testing.T, text string, number float64, count int, bytes []byte) {
		text = strings.ToValidUTF8(text, "?")
		if number != number || number > 1e308 || number < -1e308 {
			t.Skip()
		}
		v := sample{Text: text, Number: number, Count: count, Bytes: bytes, Map: map[string]int{text: count, "b": 1}, Any: []any{text, number, nil}}
		v.Nested = &sample{List: []string{text}, Raw: json.RawMessage(`{"a": 1}`)}
		ours, err := codec.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		std := json.NewEncoder(&b)
		std.SetEscapeHTML(false)
		if err := std.Encode(v); err != nil {
			t.Fatal(err)
		}
		theirs := strings.TrimSuffix(b.String(), "\n")
		theirs = strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(theirs)
		if got := strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(string(ours)); got != theirs {
			t.Errorf("codec gives\n%s\nencoding/json\n%s", got, theirs)
		}
		var back sample
		if err := codec.Unmarshal(ours, &back); err != nil {
			t.Fatal(err)
		}
		if again, err := codec.Marshal(back); err != nil || string(again) != string(ours) {
			t.Errorf("it came back as\n%s, %v\nand was\n%s", again, err, ours)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	c, _ := codec.New(table, nil)
	e := nacre.Event{Type: "account.opened", Data: []byte(`{"Owner":"ann"}`)}
	var room []codec.Event[fact]
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if room, err = c.AppendDecoded(room[:0], e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	c, _ := codec.New(table, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Encode(opened{"ann"}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAnErasedOldEventPassesItsUpcasters(t *testing.T) {
	o := codec.Options{Erased: true, Versions: map[string]int{"order.placed": 2}, Upcast: map[string]codec.Upcaster{
		"order.created": codec.Rename("order.placed"),
		"order.placed@1": codec.Reshape(2, func(map[string]any) error {
			t.Error("there is nothing to reshape")
			return nil
		}),
	}}
	for _, name := range []string{"order.created", "order.placed"} {
		old := nacre.Event{Type: name, StreamID: "order-1", DataHash: "abc", Metadata: []byte(`{"actor":"x"}`), GlobalPosition: 7}
		got, err := ordersCodec(t, o).Decode(old)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got) != 1 || got[0].Type != "order.placed" || got[0].Data != (placed{}) || got[0].GlobalPosition != 7 || !got[0].Erased() {
			t.Errorf("%s: got %+v", name, got)
		}
		strict := o
		strict.Erased = false
		if _, err := ordersCodec(t, strict).Decode(old); nacre.CodeOf(err) != codec.CodeUndecodable {
			t.Errorf("%s, where nobody wants what is erased: %v", name, err)
		}
	}
}
