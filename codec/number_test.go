package codec_test

import (
	"encoding/json"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// A json.Number is a number on both sides, as in encoding/json, also inside other values and where it is empty.
func TestNumbersAreNumbers(t *testing.T) {
	type price struct {
		Amount json.Number
		List   []json.Number `json:",omitempty"`
		Any    any           `json:",omitempty"`
		Of     *json.Number  `json:",omitempty"`
	}
	n := json.Number("1e400")
	for _, v := range []price{{Amount: "0"}, {Amount: "-12.50", List: []json.Number{"1", "2.000"}, Any: map[string]any{"n": json.Number("3")}, Of: &n}} {
		text, err := codec.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(v)
		if err != nil || string(text) != string(want) {
			t.Errorf("got %s, want %s, %v", text, want, err)
		}
		var back price
		if err := codec.Unmarshal(text, &back); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if back.Amount != v.Amount || len(back.List) != len(v.List) {
			t.Errorf("back came %+v", back)
		}
	}
	for _, bad := range []string{`{"Amount":"x"}`, `{"Amount":true}`, `{"Amount":[]}`} {
		var p price
		if err := codec.Unmarshal([]byte(bad), &p); err == nil {
			t.Errorf("%s was taken: %+v", bad, p)
		}
	}
	if text, err := codec.Marshal(price{Amount: "twelve"}); err == nil {
		t.Errorf("what is no number was written: %s", text)
	}
}

// An upcaster that changes one member leaves the numbers of the others as they were written.
func TestReshapeLeavesNumbers(t *testing.T) {
	up := codec.Reshape(2, func(data map[string]any) error {
		data["currency"] = "EUR"
		return nil
	})
	out, err := up(nacre.Event{Type: "x", Data: []byte(`{"amount":12.50,"big":12345678901234567890,"list":[1,{"n":2}]}`)})
	if err != nil || len(out) != 1 {
		t.Fatal(out, err)
	}
	if want := `{"amount":12.50,"big":12345678901234567890,"currency":"EUR","list":[1,{"n":2}]}`; string(out[0].Data) != want {
		t.Errorf("got %s, want %s", out[0].Data, want)
	}
}
