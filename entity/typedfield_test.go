package entity_test

import (
	"encoding/json"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nacredb/nacre/entity"
)

type mood string

type inner struct {
	A int            `json:"a"`
	B map[string]any `json:"b,omitempty"`
}

type stamps struct {
	Made time.Time
}

type everything struct {
	stamps
	Key      mood `entity:"id"`
	Text     mood
	Flag     bool
	Int      int
	Small    int8
	Big      int64
	Unsigned uint32
	Float    float64
	Single   float32
	Price    entity.Decimal
	Bytes    []byte
	Any      any
	Raw      json.RawMessage
	Nested   inner
	Inners   []inner `json:"inners"`
	Array    [2]int
	Addr     netip.Addr
	Number   *big.Int
	Text2    *string `entity:"text2"`
	When     *time.Time
	Ref      *entity.Ref[everything]
	Times    []time.Time               `entity:",set"`
	Prices   []entity.Decimal          `entity:",list"`
	Steps    []inner                   `entity:",list"`
	Refs     []entity.Ref[everything]  `entity:",set"`
	Counts   map[mood]int              `entity:",map"`
	Money    entity.Decimal            `entity:",counter"`
	Lean     int                       `entity:",omitzero"`
	Owner    string                    `entity:",of=people"`
	Maybe    map[string]*time.Time     `entity:",map"`
	Inside   stamps                    `entity:"inside"`
	Skipped  chan int                  `entity:"-"`
	Ignored  func()                    `json:"-"`
	hidden   map[chan int]func() error //nolint:unused // fields that nobody sees are no properties
}

// What is created comes back, for every type; and each change of one field writes that one.
func TestTypesOfFields(t *testing.T) {
	t.Parallel()
	w := empty(t)
	c := of[everything](t, w, "things")
	ctx := t.Context()
	noon := time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.FixedZone("x", 3600))
	full := everything{
		stamps: stamps{noon}, Key: "full", Text: "a \"quote\" \\ \n \u2028 <é>\x00", Flag: true, Int: -1, Small: -128, Big: math.MinInt64,
		Unsigned: math.MaxUint32, Float: 1e300, Single: 0.1, Price: "12.50", Bytes: []byte{0, 255}, Any: map[string]any{"n": json.Number("9007199254740993")},
		Raw: json.RawMessage(`{"a":[1,2.5]}`), Nested: inner{A: 1, B: map[string]any{"x": "y"}}, Inners: []inner{{A: 2}}, Array: [2]int{3, 4},
		Addr: netip.MustParseAddr("::1"), Number: big.NewInt(12), Text2: new(""), When: new(noon), Ref: new(entity.Ref[everything]("r")),
		Times: []time.Time{noon}, Prices: []entity.Decimal{"1.50", "2"}, Steps: []inner{{A: 1}, {A: 2}}, Refs: []entity.Ref[everything]{"r"},
		Counts: map[mood]int{"a": math.MaxInt}, Money: "99.95", Lean: 4, Owner: "ann", Maybe: map[string]*time.Time{"no": nil, "yes": new(noon)},
		Inside: stamps{noon},
	}
	if _, err := c.Create(ctx, &full); err != nil {
		t.Fatal(err)
	}
	kept := noon.Truncate(time.Microsecond).UTC()
	want := full
	want.Made, want.When, want.Times = kept, &kept, []time.Time{kept}
	want.Maybe = map[string]*time.Time{"no": nil, "yes": &kept}
	got, err := c.Get(ctx, "full")
	if err != nil {
		t.Fatal(err)
	}
	if !got.Inside.Made.Equal(noon) { // JSON, as encoding/json has it
		t.Errorf("the nested time is %v", got.Inside.Made)
	}
	got.Inside, want.Inside = stamps{}, stamps{}
	if !reflect.DeepEqual(got, &want) {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}

	if _, err := c.Create(ctx, &everything{Key: "zero", Addr: netip.IPv4Unspecified(), Raw: json.RawMessage("null")}); err != nil {
		t.Fatal(err)
	}
	zero, err := w.Get(ctx, "things", "zero")
	if err != nil {
		t.Fatal(err)
	}
	if string(zero.Values) != `{"addr":"0.0.0.0","array":[0,0],"big":0,"flag":false,"float":0,"inside":{"Made":"0001-01-01T00:00:00Z"},"int":0,`+
		`"money":"0","nested":{"a":0},"raw":null,"single":0,"small":0,"text":"","unsigned":0}` {
		t.Errorf("the zero values are %s", zero.Values)
	}

	for name, change := range map[string]func(e *everything){
		"made":     func(e *everything) { e.Made = time.Time{} },
		"text":     func(e *everything) { e.Text = "" },
		"flag":     func(e *everything) { e.Flag = false },
		"int":      func(e *everything) { e.Int = math.MaxInt },
		"small":    func(e *everything) { e.Small++ },
		"big":      func(e *everything) { e.Big = math.MaxInt64 },
		"unsigned": func(e *everything) { e.Unsigned = 0 },
		"float":    func(e *everything) { e.Float = -0.1 },
		"single":   func(e *everything) { e.Single = 16777216 },
		"price":    func(e *everything) { e.Price = "" },
		"bytes":    func(e *everything) { e.Bytes[0] = 1 },
		"any":      func(e *everything) { e.Any.(map[string]any)["more"] = true },
		"raw":      func(e *everything) { e.Raw = nil },
		"nested":   func(e *everything) { e.Nested.B["x"] = "z" },
		"inners":   func(e *everything) { e.Inners = nil },
		"array":    func(e *everything) { e.Array[1]++ },
		"addr":     func(e *everything) { e.Addr = e.Addr.Next() },
		"number":   func(e *everything) { e.Number = nil },
		"text2":    func(e *everything) { e.Text2 = nil },
		"when":     func(e *everything) { *e.When = e.When.Add(time.Microsecond) },
		"ref":      func(e *everything) { *e.Ref = "s" },
		"times":    func(e *everything) { e.Times = append(e.Times, kept.Add(time.Second)) },
		"prices":   func(e *everything) { e.Prices = e.Prices[1:] },
		"steps":    func(e *everything) { e.Steps[1].A = 9 },
		"refs":     func(e *everything) { e.Refs = nil },
		"counts":   func(e *everything) { e.Counts["a"]-- },
		"money":    func(e *everything) { e.Money = "100" },
		"lean":     func(e *everything) { e.Lean = 0 },
		"owner":    func(e *everything) { e.Owner = "" },
		"maybe":    func(e *everything) { e.Maybe["no"] = &kept },
		"inside":   func(e *everything) { e.Inside.Made = kept },
	} {
		var want everything
		err := c.Edit(ctx, "full", func(e *everything) error {
			change(e)
			want = *e
			return nil
		})
		if err != nil {
			t.Fatal(name, err)
		}
		var data map[string]any
		if err := json.Unmarshal([]byte(w.last()), &data); err != nil || len(data) != 1 || data[name] == nil {
			t.Errorf("the change of %s wrote %s", name, w.last())
		}
		got, err := c.Get(ctx, "full")
		if err != nil {
			t.Fatal(name, err)
		}
		for _, e := range []*everything{got, &want} {
			e.Inside = stamps{}
			if len(e.Refs) == 0 {
				e.Refs = nil
			}
		}
		slices.SortFunc(want.Times, time.Time.Compare)
		if want.Money == "100" {
			want.Money = got.Money
		}
		if !reflect.DeepEqual(got, &want) {
			t.Errorf("after the change of %s: got  %+v\nwant %+v", name, *got, want)
		}
	}
}
