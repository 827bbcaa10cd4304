package shapes_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/wasm/guest/codegen/shapes"
	"github.com/nacredb/nacre/wasm/guest/jsontext"
	"github.com/nacredb/nacre/wasm/guest/reflected"
)

// roots are all types that are compared; the odd ones have no generated codec, or only a part of one.
var roots = append(slices.Clip(shapes.Roots), Keyed{}, Box[int]{}, Loud{}, Shouted{}, OddBytes{}, Faces{}, Holder{})

type (
	// Keyed has maps whose keys encode themselves.
	Keyed struct {
		A map[netip.Addr]int
		B map[word]string
		C map[level]bool
	}
	// Box is generic.
	Box[T any] struct {
		Value T   `json:"value"`
		More  []T `json:",omitempty"`
	}
	// Loud has MarshalJSON for pointers only.
	Loud struct{ Text string }
	// Shouted has it in places where a pointer can be taken, and where none can.
	Shouted struct {
		A Loud
		B []Loud
		C *Loud
		D [2]Loud
		E map[string]Loud
		F Box[Loud]
		G *Box[Loud]
	}
	// OddBytes are bytes that encode themselves.
	OddBytes struct {
		A []level
		B [2]level
	}
	// Faces has interfaces.
	Faces struct {
		A fmt.Stringer `json:",omitempty"`
		B error
	}
	// Holder embeds what has no simple name.
	Holder struct {
		*Box[string]
		N int
	}
	word  string
	level uint8
)

func (l *Loud) MarshalJSON() ([]byte, error) { return json.Marshal(strings.ToUpper(l.Text)) }

func (l *Loud) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &l.Text) }

func (w word) MarshalText() ([]byte, error) { return []byte("w:" + w), nil }

func (w *word) UnmarshalText(text []byte) error {
	rest, ok := strings.CutPrefix(string(text), "w:")
	if !ok {
		return errors.New("a word begins with w:")
	}
	*w = word(rest)
	return nil
}

func (l level) MarshalText() ([]byte, error) { return []byte{'a' + byte(l%26)}, nil }

func (l *level) UnmarshalText(text []byte) error {
	if len(text) != 1 || text[0] < 'a' || text[0] > 'z' {
		return errors.New("a level is a letter")
	}
	*l = level(text[0] - 'a')
	return nil
}

var seed = flag.Uint64("seed", 0, "of the random values; 0 draws one")

func random(t *testing.T) *rand.Rand {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("go test ./wasm/guest/codegen/shapes -run '^%s$' -seed %d", t.Name(), s)
	return rand.New(rand.NewPCG(s, 1))
}

// strictCodec decodes commands as package aggregate does.
func strictCodec(t testing.TB) *codec.Codec[any] {
	t.Helper()
	types := map[string]any{}
	for i, v := range roots {
		types[fmt.Sprint(i)] = v
	}
	c, err := codec.New(types, &codec.Options{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestGeneratedCodecsAgreeWithPackageCodec encodes and decodes random values, and random texts that are near them,
// both ways.
func TestGeneratedCodecsAgreeWithPackageCodec(t *testing.T) {
	r := random(t)
	strict := strictCodec(t)
	// Where a map has numbers for keys, package codec takes the name "null" for 0.
	odd := []byte(`"null":`)
	rounds := 250
	if testing.Short() {
		rounds = 100
	}
	for i, root := range roots {
		t.Run(fmt.Sprintf("%T", root), func(t *testing.T) {
			for range rounds {
				v := reflect.New(reflect.TypeOf(root)).Elem()
				fill(r, v, 4)
				text := agreeOnWriting(t, v.Interface())
				if text == nil {
					continue
				}
				agreeOnReading(t, strict, i, text)
				for range 5 {
					if near := mutate(r, text); !bytes.Contains(near, odd) {
						agreeOnReading(t, strict, i, near)
					}
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// oracle encodes and decodes what is wanted. Package codec takes json.Number for a text; what a number should be is
// what encoding/json makes of it.
func oracle(t reflect.Type) (marshal func(any) ([]byte, error), unmarshal func([]byte, any) error) {
	if t == reflect.TypeFor[shapes.Special]() {
		return json.Marshal, json.Unmarshal
	}
	return codec.Marshal, codec.Unmarshal
}

// codecs are those that are compared with package codec.
func codecs(t reflect.Type) map[string]*jsontext.Codec {
	all := map[string]*jsontext.Codec{"reflected": reflected.Codec(t)}
	if c := jsontext.For(t); c != nil {
		all["generated"] = c
	}
	return all
}

// agreeOnWriting gives what both wrote, nil where both refused.
func agreeOnWriting(t *testing.T, v any) []byte {
	t.Helper()
	marshal, _ := oracle(reflect.TypeOf(v))
	want, wantErr := marshal(v)
	for name, c := range codecs(reflect.TypeOf(v)) {
		var w jsontext.Writer
		c.Write(&w, v)
		if (w.Err() != nil) != (wantErr != nil) {
			t.Fatalf("%#v: the %s codec says %v, package codec %v", v, name, w.Err(), wantErr)
		}
		if wantErr == nil && string(want) != string(w.Bytes()) {
			t.Fatalf("%#v:\n%s %s\ncodec     %s", v, name, w.Bytes(), want)
		}
	}
	if wantErr != nil {
		return nil
	}
	return want
}

// agreeOnReading reads a text both ways, with and without unknown members.
func agreeOnReading(t testing.TB, strict *codec.Codec[any], i int, text []byte) {
	t.Helper()
	root := reflect.TypeOf(roots[i])
	want := reflect.New(root)
	_, unmarshal := oracle(root)
	wantErr := unmarshal(text, want.Interface())
	if root == reflect.TypeFor[shapes.Special]() && unlike(text) {
		return
	}
	for name, c := range codecs(root) {
		r := jsontext.NewReader(text, false)
		agree(t, name, text, c.Read(r), r.End(), want.Elem().Interface(), wantErr)
		r.Reset(text, false)
		p := c.ReadPointer(r)
		agree(t, name, text, reflect.ValueOf(p).Elem().Interface(), r.End(), want.Elem().Interface(), wantErr)
	}
	if root == reflect.TypeFor[shapes.Special]() {
		return
	}
	wanted, wantErr := strict.DecodeValue(fmt.Sprint(i), text)
	if nacre.CodeOf(wantErr) == nacre.CodeNotFound {
		t.Fatal(wantErr)
	}
	for name, c := range codecs(root) {
		r := jsontext.NewReader(text, true)
		agree(t, name, text, c.Read(r), r.End(), wanted, wantErr)
	}
}

// unlike tells whether encoding/json takes what package codec refuses: names twice, or in another case.
func unlike(text []byte) bool {
	var v map[string]any
	if codec.Unmarshal(text, &v) != nil {
		return true
	}
	for name := range v {
		if strings.ToUpper(name) != name {
			return true
		}
	}
	return false
}

func agree(t testing.TB, name string, text []byte, got any, err error, want any, wantErr error) {
	t.Helper()
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("%s\nas a %T: the %s codec says %v, package codec %v", text, want, name, err, wantErr)
	}
	if err == nil && !same(reflect.ValueOf(got), reflect.ValueOf(want)) {
		t.Fatalf("%s\n%s %#v\ncodec     %#v", text, name, got, want)
	}
}

// same is reflect.DeepEqual, but that times are the same where they mean the same.
func same(a, b reflect.Value) bool {
	if a.IsValid() && a.CanInterface() && a.Type() == reflect.TypeFor[time.Time]() {
		x, y := a.Interface().(time.Time), b.Interface().(time.Time)
		_, xo := x.Zone()
		_, yo := y.Zone()
		return x.Equal(y) && xo == yo
	}
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return same(a.Elem(), b.Elem())
	case reflect.Slice, reflect.Array:
		if a.Kind() == reflect.Slice && a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return false
		}
		for _, k := range a.MapKeys() {
			if v := b.MapIndex(k); !v.IsValid() || !same(a.MapIndex(k), v) {
				return false
			}
		}
		return true
	case reflect.Interface:
		return reflect.DeepEqual(a.Interface(), b.Interface())
	default:
		return a.Equal(b)
	}
}

var (
	texts  = []string{"", "a", "x y", "\"\\/\b\f\n\r\t\x01\x1f\x7f", "é€😀\u2028", "<&>", "nil", "12", strings.Repeat("long ", 20), "\xff"}
	ints   = []int64{0, 1, -1, 7, 127, -128, 255, 256, 1 << 31, math.MaxInt64, math.MinInt64, 1e15}
	floats = []float64{0, math.Copysign(0, -1), 1, -1.5, 1e21, 1e-7, 123456789.125, math.MaxFloat64, 5e-324, 1e20, math.NaN(), 0.1, 1 << 53}
	jsons  = []string{"null", "1", `"a"`, `[1,{"a":[]}]`, ` { "x" : 1 } `, "{", `{"a":1,"a":2}`, "", "1e400", "\"\xff\""}
)

// fill sets a value to a random one.
func fill(r *rand.Rand, v reflect.Value, depth int) {
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = time.Unix(r.Int64N(1<<33)-1<<32, r.Int64N(4)*r.Int64N(250_000_000)).In([]*time.Location{time.UTC, time.FixedZone("", 3600*(r.IntN(20)-10)+1800)}[r.IntN(2)])
		return
	case *json.RawMessage:
		if r.IntN(6) > 0 {
			*p = json.RawMessage(jsons[r.IntN(len(jsons))])
		} else {
			*p = json.RawMessage("[true]")
		}
		return
	case *json.Number:
		*p = json.Number([]string{"", "0", "-1.5e+7", "12345678901234567890", "01", "x", "2", "3"}[r.IntN(8)])
		return
	case *netip.Addr:
		if r.IntN(3) > 0 {
			*p = netip.AddrFrom4([4]byte{byte(r.Uint32()), 0, 0, 1})
		}
		return
	case *big.Int:
		p.SetInt64(ints[r.IntN(len(ints))])
		return
	}
	if !v.CanSet() {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.String:
		n := len(texts)
		if r.IntN(20) > 0 {
			n-- // the last one is not UTF-8
		}
		v.SetString(texts[r.IntN(n)])
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(ints[r.IntN(len(ints))])
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(uint64(ints[r.IntN(len(ints))]))
	case reflect.Float32, reflect.Float64:
		f := floats[r.IntN(len(floats))]
		if math.IsNaN(f) && r.IntN(20) > 0 {
			f = r.NormFloat64()
		}
		v.SetFloat(f)
	case reflect.Pointer:
		if depth > 0 && r.IntN(3) > 0 && v.Type().Elem().Kind() != reflect.Invalid {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem(), depth-1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() || v.Type().Field(i).Anonymous {
				fillUnexported(r, v.Field(i), depth)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(r, v.Index(i), depth-1)
		}
	case reflect.Slice:
		if n := r.IntN(4); n > 0 && depth > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n-1, n))
			for i := range n - 1 {
				fill(r, v.Index(i), depth-1)
			}
		}
	case reflect.Map:
		if n := r.IntN(4); n > 0 && depth > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n - 1 {
				k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				fill(r, k, 0)
				fill(r, e, depth-1)
				v.SetMapIndex(k, e)
			}
		}
	case reflect.Interface:
		if v.Type().NumMethod() > 0 {
			faces := []any{netip.Addr{}, &big.Int{}, errors.New("e"), time.Second}
			if f := reflect.ValueOf(faces[r.IntN(len(faces))]); f.Type().Implements(v.Type()) {
				v.Set(f)
			}
			return
		}
		if a := anything(r, depth); a != nil {
			v.Set(reflect.ValueOf(a))
		}
	}
}

// fillUnexported goes into embedded structs whose types are not exported, too: their fields may be.
func fillUnexported(r *rand.Rand, v reflect.Value, depth int) {
	if v.CanSet() {
		fill(r, v, depth)
		return
	}
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			fillUnexported(r, v.Field(i), depth)
		}
	}
}

func anything(r *rand.Rand, depth int) any {
	n := 10
	if depth <= 0 {
		n = 5
	}
	switch r.IntN(n) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return r.NormFloat64()
	case 3:
		return texts[r.IntN(9)]
	case 4:
		return float64(r.IntN(100))
	case 5, 6:
		out := []any{}
		for range r.IntN(3) {
			out = append(out, anything(r, depth-1))
		}
		return out
	case 7, 8:
		out := map[string]any{}
		for range r.IntN(3) {
			out[texts[r.IntN(9)]] = anything(r, depth-1)
		}
		return out
	default:
		return []any{1, int8(2), "x", shapes.Basics{}, []string(nil)}[r.IntN(5)] // what reflection has to write
	}
}

// pieces are what mutate puts in.
var pieces = []string{
	"null", "0", "-0", "1", "-1", "1.5", "1e3", "1E+2", "300", "99999999999999999999", "1e999", "01", "+1", ".5", "true", "false", "nul", `""`, `"a"`,
	`"12"`, `"null"`, `"true"`, `"\u00e9\ud83d\ude00"`, `"\ud83d"`, `"\u0000"`, `"\x"`, "\"\xff\"", "\"\n\"", "[]", "{}", "[1]", "[null]", `{"a":1}`, `{"A":1,"A":2}`,
	`{"zz":1,"zz":2}`, `"2026-01-02T03:04:05Z"`, `"2026-01-02T03:04:05,5Z"`, `"2026-01-02T3:04:05Z"`, `"2026-02-30T03:04:05Z"`, `"2026-01-02T03:04:05+25:00"`,
	`"AQ=="`, `"AQ"`, "\"A\\nQ==\"", `"AR=="`, " ", ",", ":", "]", "}", `"1.5"`, `"-5"`, `"\"q\""`, "[1,2,3,4,5]", `{"1":"x","01":"y"}`, `"zz":`, `"a":`,
}

// mutate gives a text that is near another one.
func mutate(r *rand.Rand, text []byte) []byte {
	s := string(text)
	for range 1 + r.IntN(2) {
		tokens := split(s)
		i := r.IntN(len(tokens))
		switch r.IntN(6) {
		case 0:
			tokens[i] = ""
		case 1:
			tokens[i] += tokens[r.IntN(len(tokens))]
		case 2:
			tokens[i] = pieces[r.IntN(len(pieces))] + tokens[i]
		case 3:
			j := r.IntN(len(tokens))
			tokens[i], tokens[j] = tokens[j], tokens[i]
		default:
			for range 8 { // rather a value than a bracket
				if !strings.ContainsAny(tokens[i], "{}[]:,") {
					break
				}
				i = r.IntN(len(tokens))
			}
			tokens[i] = pieces[r.IntN(len(pieces))]
		}
		s = strings.Join(tokens, "")
	}
	return []byte(s)
}

// split cuts a text into texts, brackets, and what is between.
func split(s string) []string {
	var out []string
	for len(s) > 0 {
		n := 1
		switch s[0] {
		case '"':
			for n < len(s) && s[n] != '"' {
				if s[n] == '\\' {
					n++
				}
				n++
			}
			n = min(n+1, len(s))
		case '{', '}', '[', ']', ',', ':':
		default:
			for n < len(s) && !strings.ContainsRune("{}[],:\"", rune(s[n])) {
				n++
			}
		}
		out, s = append(out, s[:n]), s[n:]
	}
	return append(out, "")
}

func FuzzReading(f *testing.F) {
	for i := range roots {
		for _, piece := range pieces {
			f.Add(i, []byte(piece))
		}
	}
	strict := strictCodec(f)
	f.Fuzz(func(t *testing.T, i int, text []byte) {
		if i < 0 || i >= len(roots) {
			return
		}
		agreeOnReading(t, strict, i, text)
	})
}
