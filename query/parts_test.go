package query

import (
	"bytes"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// randomValues are values of every kind that a row can have.
func randomValues(g *generator, n int) []Value {
	var out []Value
	for range n {
		var s scratch
		t := g.any()
		out = append(out, s.read(t, g.of(Property{Type: t, Collection: "artists"})).clone())
	}
	return out
}

func newGenerator(t *testing.T) *generator {
	g := &generator{Rand: newRand(t)}
	g.world()
	return g
}

func TestKeysCompareAsValuesDo(t *testing.T) {
	values := randomValues(newGenerator(t), 600)
	for i := range values {
		a := appendKey(nil, &values[i])
		for _, desc := range []bool{false, true} {
			key := bytes.Clone(a)
			if desc {
				invert(key)
			}
			v, rest, ok := cutKey(append(key, 7), desc)
			if !ok || len(rest) != 1 || rank(&v) != rank(&values[i]) || orderValues(&v, &values[i]) != 0 {
				t.Fatalf("the key %x of %s reads as %s", a, values[i].Text(), v.Text())
			}
		}
		for j := range values {
			b := appendKey(nil, &values[j])
			if got, want := bytes.Compare(a, b), orderValues(&values[i], &values[j]); got != want {
				t.Fatalf("the keys of %s and %s compare as %d, the values as %d", values[i].Text(), values[j].Text(), got, want)
			}
			if i != j && rank(&values[i]) != 7 && bytes.HasPrefix(a, b) != bytes.Equal(a, b) {
				t.Fatalf("the key of %s begins with that of %s", values[i].Text(), values[j].Text())
			}
		}
	}
}

func TestBrokenKeysAreRefused(t *testing.T) {
	g := newGenerator(t)
	p, err := planOf(g.c, "ORDER BY id, "+g.path(TypeInt64)+" DESC, "+g.path(TypeDecimal), nil)
	if err != nil {
		t.Fatal(err)
	}
	key := p.AppendSortKey(nil, NewObject("x", []byte("{}")), nil)
	if err := p.CheckCursor(key); err != nil {
		t.Fatal(err)
	}
	for i := range key {
		if p.CheckCursor(key[:i]) == nil {
			t.Errorf("a key that was cut at %d is taken", i)
		}
	}
	if p.CheckCursor(append(key, 0)) == nil {
		t.Error("a key that goes on is taken")
	}
	for range 2000 {
		broken := bytes.Clone(key)
		broken[g.IntN(len(key))] = byte(g.Uint32())
		_ = p.CheckCursor(broken) // it does not panic
	}
}

func TestDecimals(t *testing.T) {
	g := newGenerator(t)
	rat := func(s string) *big.Rat {
		r, ok := new(big.Rat).SetString(s)
		if !ok {
			t.Fatalf("%q is no number", s)
		}
		return r
	}
	for range 3000 {
		a, b := g.decimal(), g.decimal()
		x, ok := appendDecimalKey(nil, []byte(a))
		y, ok2 := appendDecimalKey(nil, []byte(b))
		if ok && rat(decimalText(x)).Cmp(rat(a)) != 0 {
			t.Fatalf("%s has the key %s, which is %s", a, x, decimalText(x))
		}
		if ok && ok2 && bytes.Compare(x, y) != rat(a).Cmp(rat(b)) {
			t.Fatalf("%s and %s have the keys %s and %s", a, b, x, y)
		}
	}
	for _, bad := range []string{"", "-", "+1", ".5", "1.", "1e", "1e+", "e5", "1x", "0x1", "1.2.3", "--1", "1e100", "1e-101", "NaN", "1e99999999999", " 1", "1_0"} {
		if key, ok := appendDecimalKey(nil, []byte(bad)); ok {
			t.Errorf("%q is a decimal with the key %s", bad, key)
		}
	}
	for text, want := range map[string]string{"0": "1", "-0.0": "1", "12.5": "2502125", "-12.5": "0497874~", "100": "25031", "0.001": "24981"} {
		if key, _ := appendDecimalKey(nil, []byte(text)); string(key) != want {
			t.Errorf("the key of %s is %s and should be %s", text, key, want)
		}
	}
}

func TestInstants(t *testing.T) {
	g := newGenerator(t)
	for range 5000 {
		s := g.time()
		if g.IntN(3) == 0 {
			b := []byte(s)
			b[g.IntN(len(b))] = pick(g, byte('0'), '9', ':', '-', 'Z', '.', '3')
			s = string(b)
		}
		want, err := time.Parse(time.RFC3339, strings.ToUpper(s))
		// Go takes commas, single digits of hours and offsets beyond a day; RFC 3339 does not.
		strict := regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$`).MatchString(s)
		valid := err == nil && strict && want.UTC().Year() >= 0 && want.UTC().Year() <= 9999
		got, ok := parseInstant([]byte(s), false)
		if ok != valid {
			t.Fatalf("%s is taken: %v, and should be: %v", s, ok, valid)
		}
		if ok && got != want.UnixMicro() {
			t.Fatalf("%s is %s and should be %s", s, formatTime(got), want)
		}
		if again, ok := parseInstant([]byte(formatTime(got)), false); valid && (!ok || again != got) {
			t.Fatalf("%s is written as %s", s, formatTime(got))
		}
	}
}

func TestAboveIsBehindEveryTextWithThePrefix(t *testing.T) {
	g := newGenerator(t)
	runes := []rune{0, 1, 'a', 'b', 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, utf8.MaxRune}
	text := func() string {
		s := ""
		for range g.IntN(4) {
			s += string(runes[g.IntN(len(runes))])
		}
		return s
	}
	for range 20000 {
		prefix, s := text(), text()
		high := above([]byte(prefix))
		if high != nil && !utf8.Valid(high) {
			t.Fatalf("above %q is %q", prefix, high)
		}
		in := s >= prefix && (high == nil || s < string(high))
		if in != strings.HasPrefix(s, prefix) {
			t.Fatalf("%q is in the range of %q, which ends before %q: %v", s, prefix, high, in)
		}
	}
}

func TestLikeIsTheRegularExpression(t *testing.T) {
	g := newGenerator(t)
	letters := []string{"a", "b", "A", "é", "%", "_"}
	text := func(n int) string {
		s := ""
		for range g.IntN(n) {
			s += letters[g.IntN(len(letters))]
		}
		return s
	}
	for range 20000 {
		s, p := strings.NewReplacer("%", "c", "_", "d").Replace(text(9)), text(7)
		fold := g.IntN(2) == 0
		expr := "(?s)^"
		if fold {
			expr = "(?si)^"
		}
		for _, r := range p {
			switch r {
			case '%':
				expr += ".*"
			case '_':
				expr += "."
			default:
				expr += regexp.QuoteMeta(string(r))
			}
		}
		pattern, ok := parsePattern([]byte(p), 0, fold)
		if !ok {
			t.Fatal(p)
		}
		if got, want := pattern.match([]byte(s)), regexp.MustCompile(expr+"$").MatchString(s); got != want {
			t.Fatalf("%q like %q is %v", s, p, got)
		}
	}
}

// TestLikeIsNotSlow looks at a pattern that is slow where every % is tried at every place.
func TestLikeIsNotSlow(t *testing.T) {
	pattern, _ := parsePattern([]byte(strings.Repeat("%a", 1000)+"b"), 0, false)
	if pattern.match([]byte(strings.Repeat("a", 20000))) {
		t.Error("it matches")
	}
}

func TestSumsDoNotDependOnTheOrder(t *testing.T) {
	g := newGenerator(t)
	for range 300 {
		var floats []float64
		exact := new(big.Float).SetPrec(4000)
		for range 1 + g.IntN(20) {
			f := g.NormFloat64() * math.Pow(10, float64(g.IntN(600)-300))
			if g.IntN(5) == 0 {
				f = math.Float64frombits(g.Uint64() & 1)
			}
			floats = append(floats, f)
			exact.Add(exact, big.NewFloat(f))
		}
		want, _ := exact.Float64()
		for range 3 {
			g.Shuffle(len(floats), func(i, j int) { floats[i], floats[j] = floats[j], floats[i] })
			var s sums
			for _, f := range floats {
				s.add(Sum, &Value{kind: KindFloat, f: f})
			}
			if got := s.result(Sum); got.Float() != want {
				t.Fatalf("the sum of %v is %v and should be %v", floats, got.Float(), want)
			}
		}
	}
}

func TestIntegerSumsAreExact(t *testing.T) {
	g := newGenerator(t)
	var s sums
	want := new(big.Int)
	for range 1000 {
		n := g.integer()
		want.Add(want, big.NewInt(n))
		v := intValue(n)
		s.add(Sum, &v)
		if got := s.result(Sum).Text(); got != want.String() {
			t.Fatalf("the sum is %s and should be %s", got, want)
		}
	}
}

func TestAveragesOfDecimalsRoundHalfToEven(t *testing.T) {
	zeros := strings.Repeat("0", averageDigits-2)
	for end, want := range map[string]string{"25": "20", "35": "40", "251": "250", "26": "30", "24": "20"} {
		for _, sign := range []string{"", "-"} {
			number, want := sign+"1"+zeros[:len(zeros)-len(end)+2]+end, sign+"1"+zeros[:len(zeros)-len(end)+2]+want
			key, ok := appendDecimalKey(nil, []byte(number))
			if !ok {
				t.Fatal(number)
			}
			var s sums
			for range 3 {
				s.add(Avg, &Value{kind: KindDecimal, b: key})
			}
			if got := s.result(Avg).Text(); got != want {
				t.Errorf("the average of %s is %s and should be %s", number, got, want)
			}
		}
	}
}

func TestOrderIsTotal(t *testing.T) {
	values := randomValues(newGenerator(t), 60)
	values = append(values, Value{kind: KindBig, b: []byte("92233720368547758070")}, Value{kind: KindBig, b: []byte("-92233720368547758070")}, floatValue(1e300),
		floatValue(math.Inf(1)), floatValue(math.Inf(-1)))
	slices.SortFunc(values, func(a, b Value) int { return orderValues(&a, &b) })
	for i := range values {
		for j := range values[:i] {
			if orderValues(&values[j], &values[i]) > 0 {
				t.Errorf("%s sorts before %s, which is less", values[j].Text(), values[i].Text())
			}
		}
	}
}

func TestBrokenRowsReadAsNull(t *testing.T) {
	rnd := newRand(t)
	whole := []byte(`{"a":{"b":[1,"x\u00e9\n",{"c":null}],"d":-1.5e3},"e":"\ud83d\ude00","f":true,"g":"AAE="}`)
	c := &collection{name: "c", props: []namedProperty{
		{"a", Property{Type: TypeJSON}},
		{"e", Property{Type: TypeText}},
		{"f", Property{Type: TypeBool}},
		{"g", Property{Type: TypeBytes}},
	}}
	p, err := planOf(c, `a.b CONTAINS 'x' OR a.b[2].c = 1 OR a.d < 0 OR e LIKE '%x' OR f OR g > 'AA==' ORDER BY a.b[1], e, g, a`, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		b := bytes.Clone(whole)
		for range 1 + rnd.IntN(3) {
			b[rnd.IntN(len(b))] = pick(&generator{Rand: rnd}, byte('"'), '\\', '{', '}', '[', ']', ',', ':', 'u', '0', ' ', 0, 0xff)
		}
		row := NewObject("x", b[:rnd.IntN(len(b)+1)])
		p.Match(row, nil)
		p.AppendSortKey(nil, row, nil)
	}
}
