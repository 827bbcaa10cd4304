package entity_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
)

// Values that do not fit are told with collection, id and field, and so are values that cannot be written.
func TestValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	w := empty(t)
	ctx := t.Context()
	type wide struct {
		ID    string
		Small int64
		Plain json.RawMessage
		Names []string `entity:",list"`
	}
	type narrow struct {
		ID    string
		Small int8
		Plain struct{ A int } // JSON as well
		Names []string        `entity:",list"`
	}
	wides := of[wide](t, w, "things")
	narrows := of[narrow](t, w, "things")
	for id, value := range map[string]wide{
		"Small": {Small: 300, Plain: json.RawMessage(`{"A":1}`)},
		"Plain": {Plain: json.RawMessage(`["A"]`)},
		"":      {Small: 127, Plain: json.RawMessage(`{"A":1,"B":2}`)},
	} {
		value.ID = "at" + id
		if _, err := wides.Create(ctx, &value); err != nil {
			t.Fatal(err)
		}
		_, err := narrows.Get(ctx, value.ID)
		if id == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		code(t, err, entity.CodeMismatch)
		if text := fmt.Sprint(err); !strings.Contains(text, `"at`+id+`" in things`) || !strings.Contains(text, "narrow."+id) {
			t.Errorf("got %v", err)
		}
		code(t, narrows.Edit(ctx, value.ID, func(*narrow) error { return nil }), entity.CodeMismatch)
	}
	n := 0
	for _, err := range narrows.Query(ctx, "ORDER BY id DESC") {
		if n++; err != nil {
			code(t, err, entity.CodeMismatch)
		}
	}
	if n != 1 {
		t.Errorf("the query went on behind its error, %d times", n)
	}
	_, err := wides.Create(ctx, &wide{Names: []string{"\xff"}})
	code(t, err, nacre.CodeInvalid)
	if told, _ := errors.AsType[*nacre.Error](err); told.Field != "wide.Names" {
		t.Errorf("got %v", err)
	}
	code(t, wides.Edit(ctx, "at", func(v *wide) error { v.Plain = json.RawMessage("{"); return nil }), nacre.CodeInvalid)
	type large struct {
		N uint64
		T time.Time
	}
	larges := of[large](t, w, "larges")
	_, err = larges.Create(ctx, &large{N: 1 << 63})
	code(t, err, nacre.CodeInvalid)
	_, err = larges.Create(ctx, &large{T: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)})
	code(t, err, nacre.CodeInvalid)
}

// unfits reads values of JSON, which somebody else has made of the property meanwhile, as a T.
func unfits[T any](t *testing.T, w *world, values ...string) {
	t.Helper()
	type thing struct{ X T }
	ctx := t.Context()
	name := fmt.Sprintf("c%d", w.head())
	c := of[thing](t, w, name)
	const anything = `{"properties":{"x":{"id":"anything","kind":"register","type":"json"}}}`
	if _, err := w.Declare(ctx, name, json.RawMessage(anything), nil); err != nil {
		t.Fatal(err)
	}
	for i, value := range values {
		id := fmt.Sprint(i)
		w.create(name, id, `{"x":`+value+`}`)
		v, err := c.Get(ctx, id)
		if nacre.CodeOf(err) != entity.CodeMismatch || !strings.Contains(err.Error(), fmt.Sprintf("%q in %s does not fit thing.X", id, name)) {
			t.Errorf("%s was read as %+v, %v", value, v, err)
		}
	}
	w.create(name, "null", `{"x":null}`)
	if _, err := c.Get(ctx, "null"); err != nil {
		t.Errorf("null was not read as no value: %v", err)
	}
}

func TestUnfitValues(t *testing.T) {
	t.Parallel()
	w := empty(t)
	unfits[string](t, w, `1`, `true`, `{}`, `["a"]`)
	unfits[entity.Ref[city]](t, w, `1`)
	unfits[bool](t, w, `1`, `"true"`)
	unfits[int](t, w, `"1"`, `1.5`, `9223372036854775808`, `{}`)
	unfits[int16](t, w, `32768`, `-32769`)
	unfits[uint8](t, w, `-1`, `256`, `"1"`, `18446744073709551616`)
	unfits[float64](t, w, `"1"`, `"NaN"`, `[]`, `1e400`)
	unfits[float32](t, w, `1e39`)
	unfits[entity.Decimal](t, w, `true`, `[]`)
	unfits[time.Time](t, w, `1`, `"yesterday"`)
	unfits[[]byte](t, w, `1`, `"*"`, `[1]`)
	unfits[netip.Addr](t, w, `1`, `"home"`)
	unfits[*int](t, w, `"1"`)
	unfits[struct{ A int }](t, w, `[]`, `{"A":"x"}`)
	unfits[map[string]int](t, w, `[]`, `{"a":"b"}`)
	unfits[[]string](t, w, `{}`, `[1]`)
	unfits[*big.Int](t, w, `{}`)
}

// Sets, maps and lists whose property has become something else.
func TestUnfitElements(t *testing.T) {
	t.Parallel()
	w := empty(t)
	ctx := t.Context()
	type thing struct {
		Set  []int          `entity:",set"`
		List []int          `entity:",list"`
		Map  map[string]int `entity:",map"`
	}
	c := of[thing](t, w, "things")
	const anything = `{"properties":{"set":{"kind":"set","type":"json"},"list":{"kind":"list","type":"json"},"map":{"kind":"map","type":"json"}}}`
	if _, err := w.Declare(ctx, "things", json.RawMessage(anything), nil); err != nil {
		t.Fatal(err)
	}
	for field, values := range map[string]string{
		"Set": `{"set":[1,"a"]}`, "List": `{"list":[{"a":[1,2]}]}`, "Map": `{"map":{"a":1,"b,\"":"x"}}`,
	} {
		w.create("things", field, values)
		_, err := c.Get(ctx, field)
		code(t, err, entity.CodeMismatch)
		if !strings.Contains(fmt.Sprint(err), "thing."+field) {
			t.Errorf("got %v", err)
		}
	}
	// Null among them is the zero value, and stays what it is while others change.
	w.create("things", "null", `{"set":[null,3],"list":[null,1],"map":{"a":null,"b":2}}`)
	err := c.Edit(ctx, "null", func(v *thing) error {
		v.Set, v.List, v.Map["b"] = append(v.Set, 4), append(v.List, 2), 3
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.Get(ctx, "things", "null")
	if err != nil || string(v.Values) != `{"list":[null,1,2],"map":{"a":null,"b":3},"set":[3,4,null]}` {
		t.Errorf("got %s, %v", v.Values, err)
	}
	var single struct{ Set string }
	if err := v.Decode(&single); err == nil {
		t.Errorf("a set was read as the text %q", single.Set)
	}
}

// A time that somebody else has spelled in another way, and elements of sets, are removed as they are spelled.
func TestOtherSpellings(t *testing.T) {
	t.Parallel()
	w := empty(t)
	ctx := t.Context()
	type thing struct {
		At    time.Time
		Price entity.Decimal
		Big   float64
		Days  []time.Time `entity:",set"`
	}
	c := of[thing](t, w, "things")
	w.create("things", "a", `{"at":"2026-11-21t12:00:00.000+01:00","price":12.50,"big":1e30,"days":["2026-11-21T00:00:00+01:00","2026-11-22T00:00:00.0Z"]}`)
	before := w.head()
	if err := c.Edit(ctx, "a", func(v *thing) error { v.Days = slices.Clone(v.Days); return nil }); err != nil || w.head() != before {
		t.Errorf("nothing was changed, and written: %s, %v", w.last(), err)
	}
	err := c.Edit(ctx, "a", func(v *thing) error {
		if v.At != time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC) || v.Price != "12.5" || v.Big != 1e30 {
			t.Errorf("got %+v", v)
		}
		v.Days = v.Days[1:]
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.Get(ctx, "things", "a")
	if err != nil || !strings.Contains(string(v.Values), `"days":["2026-11-22T00:00:00.0Z"]`) {
		t.Errorf("got %s, %v", v.Values, err)
	}
}

// Arguments of queries may be of a program's own types.
func TestArguments(t *testing.T) {
	t.Parallel()
	w := empty(t)
	ctx := t.Context()
	type (
		flag   bool
		level  uint8
		share  float32
		secret []byte
	)
	type thing struct {
		Flag   flag
		Level  level
		Share  share
		Secret secret
		Addr   netip.Addr
		At     time.Time
		Price  entity.Decimal
		Name   *string
	}
	c := of[thing](t, w, "things")
	name := "n"
	at := time.UnixMicro(1).UTC()
	if _, err := c.Create(ctx, &thing{true, 3, 0.5, secret("x"), netip.MustParseAddr("::1"), at, "1.50", &name}); err != nil {
		t.Fatal(err)
	}
	n, err := c.Count(ctx, "flag = ? AND level = ? AND share = ? AND secret = ? AND addr = ? AND at = ? AND price = ? AND name = ? AND level IN ?",
		flag(true), level(3), share(0.5), secret("x"), netip.MustParseAddr("::1"), at, entity.Decimal("1.5"), &name, []level{1, 3})
	if n != 1 || err != nil {
		t.Errorf("counted %d, %v", n, err)
	}
	var none *string
	if n, err = c.Count(ctx, "name = ?", none); n != 0 || err != nil {
		t.Errorf("counted %d, %v", n, err)
	}
	_, err = c.Count(ctx, "name = ?", make(chan int))
	code(t, err, nacre.CodeInvalid)
	_, err = c.Count(ctx, "flag = ?")
	code(t, err, nacre.CodeInvalid)
}
