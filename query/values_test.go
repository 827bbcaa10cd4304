package query

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

type named string

func TestBindTakesGoValues(t *testing.T) {
	at := time.Date(2026, 11, 20, 18, 55, 20, 471204999, time.FixedZone("", 3600))
	q, err := Parse("name = ?")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		given any
		want  string // the canonical text, or the error
	}{
		{nil, "NULL"},
		{true, "TRUE"},
		{7, "7"},
		{int8(-7), "-7"},
		{int16(7), "7"},
		{int32(7), "7"},
		{int64(math.MinInt64), "-9223372036854775808"},
		{uint8(7), "7"},
		{uint16(7), "7"},
		{uint32(7), "7"},
		{uint(7), "7"},
		{uint64(math.MaxInt64), "9223372036854775807"},
		{uint64(math.MaxUint64), "error: expected an integer of 64 bits with sign, not 18446744073709551615"},
		{float32(0.5), "0.5"},
		{-2.5e-9, "-2.5e-09"},
		{math.NaN(), "error: expected a finite number, not NaN"},
		{math.Inf(-1), "error: expected a finite number, not -Inf"},
		{floatValue(math.Inf(1)), "error: expected a finite number, not +Inf"},
		{Decimal("-12.50"), "-12.5"},
		{Decimal("x"), `error: expected a decimal of at most 100 digits before the point and 100 behind, not "x"`},
		{"it's", "'it''s'"},
		{"\xff", "error: expected text in UTF-8, not"},
		{at, "'2026-11-20T17:55:20.471204Z'"},
		{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "error: expected a time of the years 0000 to 9999, not one of 10000"},
		{[]byte{0, 1}, "'AAE='"},
		{textValue("x"), "'x'"},
		{Value{kind: KindArray}, "error: expected a single value, not an array, an object or a number beyond 64 bits"},
		{[]string{"x"}, "error: expected a single value, found a list: lists stand behind IN and before CONTAINS"},
		{struct{}{}, "error: expected a boolean, number, text, time, []byte, query.Decimal or a list of these, not a struct {}"},
		{named("x"), "error: expected a boolean, number, text, time, []byte, query.Decimal or a list of these, not a query.named"},
	} {
		bound, err := Bind(q, Args{Positional: []any{c.given}})
		if wanted, is := strings.CutPrefix(c.want, "error: "); is {
			if err == nil || !strings.HasPrefix(err.Error(), "query: line 1, column 8: "+wanted) {
				t.Errorf("%v gives %v and should give %s", c.given, err, wanted)
			}
			continue
		}
		if err != nil || bound.String() != "name = "+c.want {
			t.Errorf("%v gives %v, %v and should give %s", c.given, bound, err, c.want)
		}
	}
	if q.String() != "name = ?" {
		t.Errorf("binding changed the query to %s", q)
	}
}

func TestBindTakesLists(t *testing.T) {
	q, err := Parse("name IN :list OR :list CONTAINS name OR year IN (:a, :b) LIMIT :n")
	if err != nil {
		t.Fatal(err)
	}
	if names, positional := q.Params(); strings.Join(names, " ") != "a b list n" || positional != 0 {
		t.Errorf("the parameters are %q and %d", names, positional)
	}
	args := Args{Named: map[string]any{"list": []any{"x", 5, nil}, "a": 1, "b": Decimal("2.50"), "n": 3}}
	bound, err := Bind(q, args)
	const want = "name IN ('x', 5, NULL) OR ['x', 5, NULL] CONTAINS name OR year IN (1, 2.5) LIMIT 3"
	if err != nil || bound.String() != want {
		t.Errorf("it is %v, %v", bound, err)
	}
	for what, list := range map[string]any{"long": make([]int, maxList+1), "nested": [][]int{{1}}, "odd": []any{struct{}{}}} {
		args.Named["list"] = list
		if _, err := Bind(q, args); err == nil {
			t.Errorf("a list that is %s is taken", what)
		}
	}
	args.Named["list"] = []string{}
	args.Named["n"] = -1
	if _, err := Bind(q, args); err == nil || !strings.Contains(err.Error(), "a number of rows, from 0, found the value -1") {
		t.Errorf("a limit of -1 gives %v", err)
	}
	args.Named["n"] = []int{1}
	if _, err := Bind(q, args); err == nil {
		t.Error("a list is taken for a limit")
	}
}

func TestUnboundQueriesAreRefused(t *testing.T) {
	for _, text := range []string{"year = ?", "year = :y", "LIMIT :n"} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Check(q, albums()); err == nil || !strings.Contains(err.Error(), "Bind") {
			t.Errorf("%s gives %v", text, err)
		}
	}
}

func TestTreesThatNobodyParsedAreChecked(t *testing.T) {
	path := &Path{Steps: []Step{{Name: "name", Index: -1}}}
	list := &Array{Values: []Operand{&Literal{Value: textValue("x")}}}
	for _, x := range []Expr{
		&Compare{Left: list, Right: path},
		&In{X: list, List: list},
		&In{X: path, List: path},
		&Like{X: list, Pattern: &Literal{Value: textValue("x")}},
		&Like{X: path, Pattern: path},
		&IsNull{X: list},
		&Contains{X: path, Element: list},
		&Affirm{X: list},
	} {
		if _, err := Check(&Query{Where: x}, albums()); err == nil {
			t.Errorf("%s is taken", x)
		}
	}
}

func TestValues(t *testing.T) {
	at, err := timeValue(time.Date(2026, 11, 20, 18, 55, 20, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	key, _ := appendDecimalKey(nil, []byte("-0.050"))
	for want, v := range map[string]Value{
		"null":                          {},
		"true":                          boolValue(true),
		"-5":                            intValue(-5),
		"2.5":                           floatValue(2.5),
		"0":                             floatValue(math.Copysign(0, -1)),
		"1e+21":                         floatValue(1e21),
		"92233720368547758070":          {kind: KindBig, b: []byte("92233720368547758070")},
		`"-0.05"`:                       {kind: KindDecimal, b: key},
		`"2026-11-20T18:55:20.000000Z"`: at,
		`"a\"\\\n\t\r\u0001é"`:          textValue("a\"\\\n\t\r\x01é"),
		`"AAE="`:                        {kind: KindBytes, b: []byte{0, 1}},
		`[1]`:                           {kind: KindArray, b: []byte("[1]")},
	} {
		got, err := json.Marshal(v)
		if err != nil || string(got) != want || !json.Valid(got) {
			t.Errorf("the JSON is %s, %v and should be %s", got, err, want)
		}
		if !v.Equal(v.clone()) {
			t.Errorf("%s is not itself", want)
		}
	}
	if got := floatValue(math.Inf(1)).AppendJSON(nil); string(got) != "null" {
		t.Errorf("infinity is %s", got)
	}
	if v := intValue(1); !v.Equal(floatValue(1)) || v.Equal(textValue("1")) || v.Equal(Value{}) || v.Kind() != KindInt || v.Int() != 1 || v.Float() != 1 || v.Bool() || v.IsNull() || !v.Time().IsZero() {
		t.Error("1 is not what it is")
	}
	if v := boolValue(true); !v.Bool() || v.Int() != 0 || v.Float() != 0 || v.Text() != "true" || (Value{}).Text() != "" {
		t.Error("true is not what it is")
	}
	if !at.Time().Equal(time.Date(2026, 11, 20, 18, 55, 20, 0, time.UTC)) || floatValue(2.5).Float() != 2.5 {
		t.Error("a time is not what it is")
	}
}

func TestPlansTellWhatTheyAre(t *testing.T) {
	p := plan(t, "SELECT name, year AS y WHERE live ORDER BY year LIMIT 5 OFFSET 2")
	limit, has := p.Limit()
	if strings.Join(p.Columns(), " ") != "name y" || p.Gathers() || !has || limit != 5 || p.Offset() != 2 || p.Query().Where.String() != "live" {
		t.Errorf("it tells %q %v %d %v %d", p.Columns(), p.Gathers(), limit, has, p.Offset())
	}
	c := albums()
	db := libraryDB(t, c, 30)
	for _, w := range []*Plan{p.Within(3, 0), p.Within(-1, 5), p.Within(0, -1), plan(t, "year > 1910").Within(2, 2)} {
		got, err := compare(db, w, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if limit, has := w.Limit(); has && strings.Count(got, "\n") > int(limit)+1 {
			t.Errorf("with limit %d it gives %s", limit, got)
		}
	}
	if limit, has := p.Limit(); !has || limit != 5 {
		t.Error("Within changed the plan itself")
	}
	p = plan(t, "ORDER BY year DESC")
	low, high := NewObject("a", []byte(`{"year":1}`)), NewObject("b", []byte(`{"year":2}`))
	key := p.AppendSortKey(nil, high, nil)
	if !p.Behind(low, nil, key) || p.Behind(high, nil, key) {
		t.Error("what sorts behind a row is not")
	}
	if _, err := plan(t, "SELECT count(*)").Table(c.seq(), &RunOptions{After: key}); err == nil {
		t.Error("groups have a cursor")
	}
	for _, typ := range typeNames {
		if got, ok := ParseType(typ); !ok || got.String() != typ {
			t.Errorf("the type %s is %v", typ, got)
		}
	}
	if _, ok := ParseType("int"); ok || Type(99).String() != "Type(99)" {
		t.Error("int is a type")
	}
}
