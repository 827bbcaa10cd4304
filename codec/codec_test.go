package codec_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

type (
	fact    interface{ fact() }
	opened  struct{ Owner string }
	moved   struct{ Cents int64 }
	unknown struct{}
)

func (opened) fact()  {}
func (*moved) fact()  {}
func (unknown) fact() {}

var table = map[string]fact{"account.opened": opened{}, "account.moved": &moved{}}

func TestWhatIsEncodedDecodesTheSame(t *testing.T) {
	c, err := codec.New(table, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []fact{opened{Owner: "ann"}, &moved{Cents: -7}} {
		e, err := c.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Decode(e)
		if err != nil {
			t.Fatal(err)
		}
		switch w := want.(type) {
		case opened:
			if got[0].Data != w {
				t.Errorf("%v came back as %v", w, got[0].Data)
			}
		case *moved:
			if m, ok := got[0].Data.(*moved); !ok || *m != *w {
				t.Errorf("%v came back as %v", w, got[0].Data)
			}
		}
	}
}

func TestAnUnknownTypeIsTold(t *testing.T) {
	c, err := codec.New(table, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Decode(nacre.Event{Type: "account.closed", Data: []byte(`{}`), GlobalPosition: 9})
	if d, ok := errors.AsType[*codec.DecodeError](err); !ok || d.Position != 9 || nacre.CodeOf(err) != codec.CodeUndecodable {
		t.Errorf("got %v", err)
	}
	if _, err := c.Encode(unknown{}); nacre.CodeOf(err) != codec.CodeUnencodable {
		t.Errorf("got %v", err)
	}
}

func TestPointersAndValuesAreTold(t *testing.T) {
	c, err := codec.New(table, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Encode(&opened{}); err == nil || !strings.Contains(err.Error(), "give the value") {
		t.Errorf("a pointer for a value: %v", err)
	}
	if _, err := c.Encode(nil); nacre.CodeOf(err) != codec.CodeUnencodable {
		t.Errorf("nil: %v", err)
	}
}

func TestTablesAreChecked(t *testing.T) {
	for name, o := range map[string]*codec.Options{
		"upcast.a@x":  {Upcast: map[string]codec.Upcaster{"a@x": codec.Rename("b")}},
		"upcast.a@0":  {Upcast: map[string]codec.Upcaster{"a@0": codec.Rename("b")}},
		"upcast.a":    {Upcast: map[string]codec.Upcaster{"a": nil}},
		"versions.a":  {Versions: map[string]int{"a": 0}},
		"types.empty": nil,
	} {
		types := table
		if o == nil {
			types = map[string]fact{"empty": nil}
		}
		_, err := codec.New(types, o)
		if e, ok := errors.AsType[*nacre.Error](err); !ok || e.Code != nacre.CodeInvalid || e.Field != name {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSkippingIsByTypeAndOnlyWhatIsListed(t *testing.T) {
	c, err := codec.New(table, &codec.Options{Skip: []string{"audit.*"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Decode(nacre.Event{Type: "audit.seen", Data: []byte(`1`)}); err != nil || len(got) != 0 {
		t.Errorf("a skipped one: %v, %v", got, err)
	}
	if _, err := c.Decode(nacre.Event{Type: "audit", Data: []byte(`1`)}); nacre.CodeOf(err) != codec.CodeUndecodable {
		t.Errorf("one that is not listed: %v", err)
	}
}

func TestPatternsDecodeWhatNoNameDoes(t *testing.T) {
	c, err := codec.New(map[string]any{"permit.*": map[string]any{}, "permit.closed": opened{}, "*": 0}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for eventType, want := range map[string]string{"permit.sent": "map[string]interface {}", "permit.closed": "codec_test.opened", "x": "int"} {
		data := `{}`
		if eventType == "x" {
			data = `7`
		}
		got, err := c.Decode(nacre.Event{Type: eventType, Data: []byte(data)})
		if err != nil || fmt.Sprintf("%T", got[0].Data) != want {
			t.Errorf("%s: %T, %v", eventType, got, err)
		}
	}
	if got := c.Types(); !slices.Equal(got, []string{"*", "permit.*", "permit.closed"}) {
		t.Errorf("types %v", got)
	}
}

func TestErasedAndBinaryEvents(t *testing.T) {
	erased := nacre.Event{Type: "account.opened", DataHash: "sha256:00"}
	c, _ := codec.New(table, nil)
	if _, err := c.Decode(erased); nacre.CodeOf(err) != codec.CodeUndecodable {
		t.Errorf("an erased one: %v", err)
	}
	if _, err := c.Decode(nacre.Event{Type: "account.opened", Binary: []byte{1}}); nacre.CodeOf(err) != codec.CodeUndecodable {
		t.Errorf("a binary one: %v", err)
	}
	c, _ = codec.New(table, &codec.Options{Erased: true})
	if got, err := c.Decode(erased); err != nil || got[0].Data != (opened{}) {
		t.Errorf("an erased one: %v, %v", got, err)
	}
}

func TestStrictRefusesUnknownMembers(t *testing.T) {
	e := nacre.Event{Type: "account.opened", Data: []byte(`{"Owner":"ann","Colour":"red"}`)}
	c, _ := codec.New(table, nil)
	if _, err := c.Decode(e); err != nil {
		t.Error(err)
	}
	c, _ = codec.New(table, &codec.Options{Strict: true})
	if _, err := c.Decode(e); err == nil || !strings.Contains(err.Error(), "Colour") {
		t.Errorf("got %v", err)
	}
	if _, err := c.DecodeValue("account.opened", []byte(`{"Owner":1}`)); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("got %v", err)
	}
	if _, err := c.DecodeValue("account.shut", nil); nacre.CodeOf(err) != nacre.CodeNotFound {
		t.Errorf("got %v", err)
	}
}

type tagged struct{ Customer string }

func (t tagged) EventTags() []string { return []string{"customer:" + t.Customer} }

func TestValuesSayTheirTags(t *testing.T) {
	c, _ := codec.New(map[string]any{"order.placed": tagged{}}, &codec.Options{Versions: map[string]int{"order.placed": 3}})
	e, err := c.Encode(tagged{"ann"})
	if err != nil || !slices.Equal(e.Tags, []string{"customer:ann"}) || string(e.Metadata) != `{"schemaVersion":3}` {
		t.Errorf("%+v, %v", e, err)
	}
}
