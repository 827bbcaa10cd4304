package wasm

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/nacredb/nacre/codec"
)

// deeper is how deep a JSON text goes, more than which the scanner does not take.
func deeper(text []byte) bool {
	depth, most, inside := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case inside && b == '\\':
			i++
		case b == '"':
			inside = !inside
		case inside:
		case b == '[' || b == '{':
			depth++
			most = max(most, depth)
		case b == ']' || b == '}':
			depth--
		}
	}
	return most > maxDepth
}

var jsonSeeds = []string{
	`{}`, `[]`, `null`, `true`, `false`, `0`, `-0`, `1.5e+10`, `"a"`, `"\u00e9\ud83d\ude00"`, `{"a":[1,{"b":null}]}`, ` { "a" : 1 } `,
	`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `"\ud800"`, `"\udc00\ud800"`, `01`, `1.`, `.5`, `1e`, `--1`, `+1`, `"`, `"\x"`, `"` + "\x01" + `"`, `[1,]`, `{,}`,
	`{"a"}`, `[`, `{"a":1`, `nul`, `tru`, "\"\xff\"", `{"\\":1,"\"":2}`, `[[[]]]`, `1 2`, ``, `{"events":[{"type":"a","data":1}]}`,
	`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1,"a":1}`,
}

// FuzzJSON compares the scanner with a JSON library, which is as strict.
func FuzzJSON(f *testing.F) {
	for _, seed := range append(jsonSeeds, strings.Repeat("[", 129)+strings.Repeat("]", 129), strings.Repeat("[", 128)+strings.Repeat("]", 128)) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := checkJSON(bytes.Clone(text))
		var value any
		oracle := codec.Unmarshal(text, &value)
		if oracle == nil && deeper(text) {
			oracle = err
			if err == nil {
				t.Fatalf("%q is taken, and is too deep", text)
			}
		}
		if (err == nil) != (oracle == nil) && !overflows(oracle) {
			t.Fatalf("%q gives %v, and the oracle %v", text, err, oracle)
		}
		if err != nil {
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, text); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("%q becomes %q, and should be %q (%v)", text, got, want.Bytes(), err)
		}
		c := canonical(got)
		if again, err := checkJSON(c); err != nil || !bytes.Equal(again, c) || !bytes.Equal(canonical(c), c) || !sameJSON(c, got) {
			t.Fatalf("%q has the canonical form %q, which is none: %v", text, c, err)
		}
	})
}

// overflows tells whether the oracle complains of a number that is too large for a float, which JSON has.
func overflows(err error) bool { return err != nil && strings.Contains(err.Error(), "out of range") }

func TestWhatJSONMeans(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{`{"a":1,"b":[2]}`, `{"b":[2],"a":1}`, true},
		{`{"a":1}`, `{"a":1,"b":null}`, false},
		{`[1,2]`, `[2,1]`, false},
		{`"é"`, `"\u00e9"`, true},
		{`"\ud83d\ude00"`, `"😀"`, true},
		{`1`, `1.0`, true},
		{`1`, `10e-1`, true},
		{`100`, `1e2`, true},
		{`1e2`, `1E+02`, true},
		{`0`, `-0.0e5`, true},
		{`0`, `0e99999999999999999999`, true},
		{`0.1`, `1e-1`, true},
		{`1`, `-1`, false},
		{`1`, `"1"`, false},
		{`12`, `1.2`, false},
		{`120`, `12`, false},
		{`0.12`, `0.012`, false},
		{`9007199254740993`, `9007199254740992`, false},
		{`1e400`, `10e399`, true},
		{`1e400`, `1e401`, false},
		{`1e99999999999999999999`, `1E99999999999999999999`, true},
		{`true`, `false`, false},
		{`null`, `0`, false},
	} {
		if got := sameJSON([]byte(c.a), []byte(c.b)); got != c.same {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
}

func TestTextsAreWrittenAsJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "plain", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "é€😀\u2028", "a\xffb\xc3", "\xf0\x9f\x98"} {
		out := appendText(nil, []byte(text))
		var back string
		if err := codec.Unmarshal(out, &back); err != nil || back != strings.ToValidUTF8(strings.ReplaceAll(text, "\xc3", "\xff"), "\uFFFD") && back != string([]rune(text)) {
			t.Errorf("%q is written as %s: %v", text, out, err)
		}
	}
}

// wordless is an instance without a guest, for replies that a test gives.
func wordless(t testing.TB) *instance {
	t.Helper()
	d, err := readDescription([]byte(`{"name":"a","commands":{"go":{}},"events":{"a.gone":{},"a.two":{"schemaVersion":2}},"reads":["a.old"]}`))
	if err != nil {
		t.Fatal(err)
	}
	limits, err := (&Limits{Events: 3}).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	in := &instance{m: &Module{limits: limits, hash: strings.Repeat("0", 64), description: d, readings: d.readings()}}
	in.run.in = in
	return in
}

// FuzzReply gives the host random replies of a guest: none panics, and what is taken is whole.
func FuzzReply(f *testing.F) {
	for _, seed := range append(jsonSeeds,
		`{"events":[{"type":"a.gone","data":{"x":1},"tags":["a","b"]},{"type":"a.two","data":null,"schemaVersion":2}],"state":{"n":1}}`,
		`{"error":{"code":"DOMAIN","type":"t","message":"m","data":{}}}`, `{"missing":true}`, `{"state":1}`, `{"events":[],"x":{"y":[1]}}`,
		`{"events":[{"type":"a.old","data":1}]}`, `{"events":[{"type":"a.gone","data":1,"schemaVersion":1.5}]}`, `{"state":1,"state":2}`, `{"x":1,"x":2}`) {
		f.Add([]byte(seed), true, true)
		f.Add([]byte(seed), false, false)
	}
	in := wordless(f)
	f.Fuzz(func(t *testing.T, reply []byte, decides, wants bool) {
		q := &question{decides: decides, command: Command{Command: "go"}, wants: wants}
		whole := bytes.Clone(reply)
		in.broken = false
		a, err := in.read(reply, q)
		clear(reply) // the guest's memory is used again
		if err != nil {
			if !in.broken {
				t.Fatalf("%q: the instance goes on after %v", whole, err)
			}
			return
		}
		var value map[string]any
		if err := codec.Unmarshal(whole, &value); err != nil && !overflows(err) {
			t.Fatalf("%q is taken: %v", whole, err)
		}
		if len(a.events) > 3 || len(a.events) > 0 && !decides {
			t.Fatalf("%q gives %d events", whole, len(a.events))
		}
		for i := range a.events {
			e := &a.events[i]
			if text, err := checkJSON(e.Data); err != nil || !bytes.Equal(text, e.Data) {
				t.Fatalf("%q gives the data %q: %v", whole, e.Data, err)
			}
			if e.Type != "a.gone" && e.Type != "a.two" || e.SchemaVersion != e.of.present {
				t.Fatalf("%q gives an event that the description does not have: %+v", whole, e)
			}
		}
		if wants && a.state == nil && a.err == nil && !a.missing {
			t.Fatalf("%q has no state, which it was asked for", whole)
		}
		if a.state != nil {
			if text, err := checkJSON(a.state); err != nil || !bytes.Equal(text, a.state) {
				t.Fatalf("%q gives the state %q: %v", whole, a.state, err)
			}
		}
	})
}
