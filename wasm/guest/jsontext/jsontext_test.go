package jsontext_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre/wasm/guest/jsontext"
)

func TestErrorsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":{"b":[{},{"c":"x"}]}}`:       `a.b[1].c: wants a whole number, and not a text (byte 19)`,
		`{"a":{"b":[{},{"c":[[],true]}]}}`: `a.b[1].c: wants a whole number, and not an array (byte 19)`,
		`{"a":{"b":[{"c":7.5}]}}`:          `a.b[0].c: wants a whole number of 16 bits, and not 7.5 (byte 16)`,
		`{"a":{"b":[{"c":40000}]}}`:        `a.b[0].c: wants a whole number of 16 bits, and not 40000 (byte 16)`,
		`{"a":{"b":[{"c":1,"c":2}]}}`:      `a.b[0].c: the object has the name "c" twice (byte 22)`,
		`{"a":{"b":[{"d":1}]}}`:            `a.b[0].d: there is no member "d" (byte 16)`,
		`{"a":{"b":[{"c":1},]}}`:           `a.b[1]: ']' stands where a value should (byte 19)`,
		`{"a":{"b":[{"c":1} 2]}}`:          `a.b[0]: '2' stands where "," or "]" should (byte 19)`,
		`{"a":{"b":[{"c" 1}]}}`:            `a.b[0]: '1' stands where ":" should (byte 16)`,
		`{"a":{"b":[{"c`:                   `a.b[0]: the text ends where the end of a text should stand (byte 14)`,
		`{"a":{"b":[{"\q":1}]}}`:           `a.b[0]: a text has an escape that JSON does not know, or half a surrogate pair (byte 13)`,
		"{\"a\":{\"b\":[{\"c\n\":1}]}}":    `a.b[0]: a text has a control character that is not escaped (byte 14)`,
		"{\"a\":{\"\xff\":1}}":             `a: a text is not UTF-8 (byte 7)`,
		`{"a":{}} 8`:                       `'8' stands where the end should (byte 9)`,
		`{"a\"b":{"c":`:                    `a\"b.c: the text ends where a value should stand (byte 13)`,
	} {
		r := jsontext.NewReader([]byte(text), true)
		readABC(r)
		if err := r.End(); err == nil || err.Error() != want {
			t.Errorf("%s:\n%v, and not\n%s", text, err, want)
		}
		if e, ok := errors.AsType[*jsontext.Error](r.Err()); !ok || e.Message == "" {
			t.Errorf("%s: a %T", text, r.Err())
		}
	}
}

// readABC reads {"a":{"b":[{"c":1}]}} as generated code does.
func readABC(r *jsontext.Reader) {
	for ok := r.Object(); ok && r.Member(); {
		for ok := r.Object(); ok && r.Member(); {
			for ok := r.Array(); ok && r.Element(); {
				seen := false
				for ok := r.Object(); ok && r.Member(); {
					switch string(r.Name()) {
					case "c":
						if seen {
							r.Twice()
						}
						seen = true
						r.Int(16)
					default:
						r.Unknown()
					}
				}
			}
		}
	}
}

func TestOnlyTheFirstErrorCounts(t *testing.T) {
	r := jsontext.NewReader([]byte(`[1,"x"]`), false)
	r.Array()
	r.Element()
	if s := r.String(); s != "" || r.Err() == nil {
		t.Fatalf("got %q, %v", s, r.Err())
	}
	first := r.Err().Error()
	for range 3 {
		if r.Element() || r.Member() || r.Object() || r.Array() || r.Null() || r.Bool() || r.Int(8) != 0 || r.Uint(64) != 0 ||
			r.Float(64) != 0 || r.String() != "" || r.Raw() != nil || r.Base64() != nil || r.Quoted() != nil || !r.Time().IsZero() {
			t.Error("something is read after an error")
		}
		r.Skip()
		r.Twice()
		r.Fail("another")
	}
	if r.Err().Error() != first {
		t.Errorf("%v took the place of %s", r.Err(), first)
	}
}

func TestNestingHasABound(t *testing.T) {
	for _, brackets := range []string{"[]", "{}"} {
		open := map[string]string{"[]": "[", "{}": `{"a":`}[brackets]
		for n, good := range map[int]bool{jsontext.MaxDepth: true, jsontext.MaxDepth + 1: false, 100_000: false} {
			text := strings.Repeat(open, n) + "0" + strings.Repeat(brackets[1:], n)
			r := jsontext.NewReader([]byte(text), false)
			r.Skip()
			if err := r.End(); (err == nil) != good {
				t.Errorf("%d %s: %v", n, brackets, err)
			}
		}
	}
	var w jsontext.Writer
	var itself []any
	itself = []any{&itself}
	if w.Any(itself) {
		t.Error("a pointer is written as any")
	}
	deep := any(nil)
	for range jsontext.MaxDepth + 1 {
		deep = []any{deep}
	}
	if w.Any(deep); w.Err() == nil {
		t.Error("a value that is too deep is written")
	}
}

func TestManyNames(t *testing.T) {
	for _, n := range []int{10, 17, 18, 40, 1000} {
		var b strings.Builder
		b.WriteString(`{"o":{`)
		for i := range n {
			fmt.Fprintf(&b, `"\u006e%d":{"n1":[{"n1":0}]},`, i)
		}
		for last, good := range map[string]bool{`"x":1`: true, `"n0":1`: false, fmt.Sprintf(`"n%d":1`, n-1): false, fmt.Sprintf(`"n%d":1`, n/2): false} {
			r := jsontext.NewReader([]byte(b.String()+last+`},"n0":1}`), false)
			r.Skip()
			if err := r.End(); (err == nil) != good {
				t.Errorf("%d names and %s: %v", n, last, err)
			}
		}
	}
}

func TestWhatIsNoJSONIsNotWritten(t *testing.T) {
	for name, write := range map[string]func(*jsontext.Writer){
		"a text that is not UTF-8": func(w *jsontext.Writer) { w.String("a\xff") },
		"NaN":                      func(w *jsontext.Writer) { w.Float(math.NaN(), 64) },
		"infinity":                 func(w *jsontext.Writer) { w.Float(math.Inf(-1), 32) },
		"a number in words":        func(w *jsontext.Writer) { w.Number("one") },
		"a value of somebody else": func(w *jsontext.Writer) { w.Value([]byte(`{"a"}`)) },
		"two values":               func(w *jsontext.Writer) { w.Value([]byte(`1 2`)) },
		"a year beyond RFC 3339":   func(w *jsontext.Writer) { w.Time(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)) },
	} {
		var w jsontext.Writer
		if write(&w); w.Err() == nil {
			t.Errorf("%s is written: %s", name, w.Bytes())
		}
		w.Reset()
		if w.Err() != nil || w.Len() != 0 {
			t.Errorf("%s stays", name)
		}
	}
}

func TestValuesOfOthersLoseTheirWhiteSpace(t *testing.T) {
	var w jsontext.Writer
	w.Value([]byte(" { \"a b\" : [ 1 ,\n\t\"\\\" \\\\\" ] , \"a b\" : null } "))
	if got, want := string(w.Bytes()), `{"a b":[1,"\" \\"],"a b":null}`; got != want || w.Err() != nil {
		t.Errorf("got %s, %v, and not %s", got, w.Err(), want)
	}
}

// FuzzSkip compares what is taken for JSON with what Any takes.
func FuzzSkip(f *testing.F) {
	for _, text := range []string{`{"a":[1,-2.5e+3,"\u00e9\n",null,true]}`, `"\ud83d\ude00"`, `[[],{}]`, " 0 ", `{"a":1,"a":2}`, "\"\xc3\xa9\"", "01", "1e999"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		skipped, read := jsontext.NewReader(text, false), jsontext.NewReader(text, false)
		raw := skipped.Raw()
		v := read.Any()
		errSkip, errRead := skipped.End(), read.End()
		if errSkip != nil && errRead == nil {
			t.Fatalf("%q is read and not skipped: %v", text, errSkip)
		}
		if errRead != nil {
			return
		}
		var w, again jsontext.Writer
		if !w.Any(v) || w.Err() != nil {
			t.Fatalf("%q is not written again: %v", text, w.Err())
		}
		again.Value(raw)
		if again.Err() != nil {
			t.Fatalf("%q is no value: %v", raw, again.Err())
		}
		r := jsontext.NewReader(w.Bytes(), false)
		if r.Any(); r.End() != nil {
			t.Fatalf("%q was written as %q, which is not read", text, w.Bytes())
		}
	})
}
