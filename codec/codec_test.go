package codec_test

import (
	"errors"
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
