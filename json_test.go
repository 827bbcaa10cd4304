package nacre

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestCompactJSON(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for src, want := range map[string]string{
		`null`: `null`, ` true`: `true`, "false\n": `false`, "\t\r\n 1 ": `1`,
		`0`: `0`, `-0`: `-0`, `1.50`: `1.50`, `1e400`: `1e400`, `-1.0E+07`: `-1.0E+07`, `1e-1`: `1e-1`,
		`""`: `""`, `" a  b "`: `" a  b "`, `"\u00e9é"`: `"\u00e9é"`, `"\/\b\f\n\r\t\"\\"`: `"\/\b\f\n\r\t\"\\"`,
		`"\ud83d\ude00😀"`: `"\ud83d\ude00😀"`, "\"\u2028\u2029\x7f\"": "\"\u2028\u2029\x7f\"",
		`[]`: `[]`, `[ ]`: `[]`, `{ }`: `{}`, `[1, 2 ,3]`: `[1,2,3]`, `{"a":1}`: `{"a":1}`,
		"{\n  \"a\" : [ 1 , { } ] ,\n  \"b\" : \" \"\n}\n": `{"a":[1,{}],"b":" "}`,
		`{"a":{"a":{"a":1}},"b":{"a":1}}`:                  `{"a":{"a":{"a":1}},"b":{"a":1}}`,
		`{"":1,"\u0000":2}`:                                `{"":1,"\u0000":2}`,
		`{"a":1,"A":2,"á":3,"a\u0301":4}`:                  `{"a":1,"A":2,"á":3,"a\u0301":4}`,
		nested(maxDepth):                                   nested(maxDepth),
		strings.Repeat(`{"a":`, maxDepth) + "1" + strings.Repeat("}", maxDepth): strings.Repeat(`{"a":`, maxDepth) + "1" + strings.Repeat("}", maxDepth),
	} {
		given := []byte(src)
		got, err := compactJSON(given)
		if err != nil || string(got) != want {
			t.Errorf("%.200q: %.200q, %v, want %.200q", src, got, err, want)
			continue
		}
		if string(given) != src {
			t.Errorf("%.200q was changed to %.200q", src, given)
		}
		if strings.TrimSpace(src) == want && &got[0] != &given[strings.Index(src, want)] {
			t.Errorf("%.200q was copied", src)
		}
	}
}

func TestCompactJSONRefuses(t *testing.T) {
	many := func(names ...string) string { // beyond what is compared each with each
		var b strings.Builder
		for i := range 2 * fewNames {
			fmt.Fprintf(&b, `"member %d":1,`, i)
		}
		return "{" + b.String() + `"` + strings.Join(names, `":1,"`) + `":1}`
	}
	for src, want := range map[string]string{
		``:                           `byte 0: the value ends where a value should stand`,
		" \n":                        `byte 2: the value ends where a value should stand`,
		`1 2`:                        `byte 2: '2' stands where the end should`,
		`{}}`:                        `byte 2: '}' stands where the end should`,
		`nul`:                        `byte 0: 'n' stands where a value should`,
		`nuLl`:                       `byte 0: 'n' stands where a value should`,
		`NaN`:                        `byte 0: 'N' stands where a value should`,
		`+1`:                         `byte 0: '+' stands where a value should`,
		`.5`:                         `byte 0: '.' stands where a value should`,
		`'a'`:                        `byte 0: '\'' stands where a value should`,
		"\ufeff1":                    `byte 0: '\ufeff' stands where a value should`,
		"\u00a01":                    `byte 0: '\u00a0' stands where a value should`,
		"\x001":                      `byte 0: '\x00' stands where a value should`,
		"\xff":                       `byte 0: '�' stands where a value should`,
		`-`:                          `byte 1: the value ends where a digit should stand`,
		`-a`:                         `byte 1: 'a' stands where a digit should`,
		`01`:                         `byte 0: a number with a leading zero`,
		`-007`:                       `byte 0: a number with a leading zero`,
		`1.`:                         `byte 2: the value ends where a digit should stand`,
		`[1.]`:                       `byte 3: ']' stands where a digit should`,
		`1e`:                         `byte 2: the value ends where a digit should stand`,
		`1e+`:                        `byte 3: the value ends where a digit should stand`,
		`1x`:                         `byte 1: 'x' stands where the end should`,
		`[`:                          `byte 1: the value ends where a value should stand`,
		`[1`:                         `byte 2: the value ends where "," or "]" should stand`,
		`[1,]`:                       `byte 3: ']' stands where a value should`,
		`[,1]`:                       `byte 1: ',' stands where a value should`,
		`[1 2]`:                      `byte 3: '2' stands where "," or "]" should`,
		`[1}`:                        `byte 2: '}' stands where "," or "]" should`,
		`{`:                          `byte 1: the value ends where a name in quotes should stand`,
		`{a:1}`:                      `byte 1: 'a' stands where a name in quotes should`,
		`{"a"}`:                      `byte 4: '}' stands where ":" should`,
		`{"a":}`:                     `byte 5: '}' stands where a value should`,
		`{"a":1,}`:                   `byte 7: '}' stands where a name in quotes should`,
		`{"a":1]`:                    `byte 6: ']' stands where "," or "}" should`,
		`[1,/**/2]`:                  `byte 3: '/' stands where a value should`,
		`"a`:                         `byte 0: a string without its closing quote`,
		`["0123456789`:               `byte 1: a string without its closing quote`,
		"\"a\nb\"":                   `byte 2: the control character U+000A in a string: write it as an escape`,
		"\"01234567\x00":             `byte 9: the control character U+0000 in a string: write it as an escape`,
		`"\`:                         `byte 2: the value ends where an escape should stand`,
		`"\x41"`:                     `byte 2: 'x' stands where an escape should`,
		`"\u12"`:                     `byte 1: \u without four hexadecimal digits`,
		`"\u12g4"`:                   `byte 1: \u without four hexadecimal digits`,
		`"\ud800"`:                   `byte 1: the lone surrogate \ud800, which is no character`,
		`"\uDC00"`:                   `byte 1: the lone surrogate \uDC00, which is no character`,
		`"\ud800\ud800"`:             `byte 1: the lone surrogate \ud800, which is no character`,
		`"\ud800\u0041"`:             `byte 1: the lone surrogate \ud800, which is no character`,
		`"a \ud83d\n"`:               `byte 3: the lone surrogate \ud83d, which is no character`,
		"\"a\xffb\"":                 `byte 2: not valid UTF-8`,
		"\"é\xc3\"":                  `byte 3: not valid UTF-8`,
		"\"0123456789\xed\xa0\x80\"": `byte 11: not valid UTF-8`, // a surrogate in UTF-8
		"{\"a\xc0\x80\":1}":          `byte 3: not valid UTF-8`,  // overlong

		`{"a":1,"a":2}`:                                      `byte 7: the name "a" stands twice in one object`,
		`{"a":1,"b":{"c":1,"c":2}}`:                          `byte 18: the name "c" stands twice in one object`,
		`{"a":1,"\u0061":2}`:                                 `byte 7: the name "a" stands twice in one object`,
		`{"\u0061\u00e9":1, "aé":2}`:                         `byte 19: the name "aé" stands twice in one object`,
		`{"\ud83d\ude00":1,"😀":2}`:                           `byte 18: the name "😀" stands twice in one object`,
		`{"\/\b\f\n\r\t\"\\":1,"/\u0008\f\n\r\t\"\u005c":2}`: `byte 22: the name "/\b\f\n\r\t\"\\" stands twice in one object`,
		`{"":1,"":2}`:                                        `byte 6: the name "" stands twice in one object`,
		many("x", "y", "x"):                                  `byte 1823: the name "x" stands twice in one object`,
		many("member 7"):                                     `byte 1811: the name "member 7" stands twice in one object`,
		many("member \\u0037"):                               `byte 1811: the name "member 7" stands twice in one object`,

		strings.Repeat("[", maxDepth+1):     `byte 128: nested more than 128 deep`,
		strings.Repeat(`{"a":`, maxDepth+1): `byte 640: nested more than 128 deep`,
		strings.Repeat("[", 10_000_000):     `byte 128: nested more than 128 deep`,
	} {
		got, err := compactJSON([]byte(src))
		if err == nil || err.Error() != want {
			t.Errorf("%.200q:\n got %.200q, %v\nwant %s", src, got, err, want)
		}
	}
}

func TestCompactJSONAllocatesNothing(t *testing.T) {
	if racing {
		t.Skip("under the race detector pools forget at random")
	}
	src := []byte(`{"orderId":"order-1","total":12.50,"lines":[{"sku":"A","quantity":1},{"sku":"B","quantity":2}],"note":null}`)
	if n := testing.AllocsPerRun(200, func() {
		if _, err := compactJSON(src); err != nil {
			t.Fatal(err)
		}
	}); n >= 1 {
		t.Errorf("%v allocations for a value without white space, want none", n)
	}
}

// checkAgainstOthers compares compactJSON with two other implementations.
func checkAgainstOthers(t *testing.T, src []byte) {
	t.Helper()
	given := bytes.Clone(src)
	got, err := compactJSON(given)
	if !bytes.Equal(given, src) {
		t.Fatalf("%q was changed to %q", src, given)
	}
	want := jsontext.Value(bytes.Clone(src))
	oracle := want.Format(strict...)
	if err != nil {
		if oracle == nil && depth(want) <= maxDepth {
			t.Fatalf("%q: refused, %v; jsontext gives %q", src, err, want)
		}
		return
	}
	if oracle != nil {
		t.Fatalf("%q: gave %q; jsontext refuses: %v", src, got, oracle)
	}
	if d := depth(want); d > maxDepth {
		t.Fatalf("%q: gave %q, which is %d deep", src, got, d)
	}
	var std bytes.Buffer
	if err := json.Compact(&std, src); err != nil {
		t.Fatalf("%q: gave %q; encoding/json refuses: %v", src, got, err)
	}
	if !bytes.Equal(got, want) || !bytes.Equal(got, std.Bytes()) {
		t.Fatalf("%q: gave %q, jsontext %q, encoding/json %q", src, got, want, std.Bytes())
	}
	again, err := compactJSON(got)
	if err != nil || &again[0] != &got[0] || len(again) != len(got) {
		t.Fatalf("%q: gave %q, and of that %q, %v", src, got, again, err)
	}
}

// depth of a valid value.
func depth(v []byte) int {
	deep, greatest, quoted := 0, 0, false
	for i := 0; i < len(v); i++ {
		switch b := v[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case !quoted && (b == '[' || b == '{'):
			deep++
			greatest = max(greatest, deep)
		case !quoted && (b == ']' || b == '}'):
			deep--
		}
	}
	return greatest
}

func FuzzCompactJSON(f *testing.F) {
	for _, src := range benchJSON() {
		f.Add(src)
	}
	for _, src := range []string{
		` [ null , true , false , -0.0e-0 , "\ud83d\ude00" , { } ] `, `{"a":1,"\u0061":2}`, `"\ud800"`, "\"\xff\"",
		`{"a":{"b":[1,2,{"c":"d"}]},"e":"fghijklmnopqrst"}`, strings.Repeat("[", 130) + strings.Repeat("]", 130),
	} {
		f.Add([]byte(src))
	}
	f.Fuzz(checkAgainstOthers)
}

// TestCompactJSONAgainstOthers writes random values, spoils some of them, and compares.
func TestCompactJSONAgainstOthers(t *testing.T) {
	g := jsonMaker{newRand(t)}
	for range 4000 {
		src := g.value(nil, 0)
		for range g.IntN(3) {
			src = g.spoil(src)
		}
		checkAgainstOthers(t, src)
	}
}

// jsonMaker writes random values, with little variety so that names repeat.
type jsonMaker struct{ *rand.Rand }

func (g jsonMaker) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g jsonMaker) value(dst []byte, deep int) []byte {
	dst = append(dst, g.pick("", "", "", " ", "\n  ")...)
	kind := g.IntN(5)
	if deep > 3 {
		kind = 2 + g.IntN(3)
	}
	switch kind {
	case 0:
		dst = append(dst, '{')
		for i := range g.IntN(5) * (1 + g.IntN(2)*g.IntN(30)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = g.text(dst, i)
			dst = append(dst, g.pick(":", ":", " : ")...)
			dst = g.value(dst, deep+1)
		}
		dst = append(dst, '}')
	case 1:
		dst = append(dst, '[')
		for i := range g.IntN(5) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = g.value(dst, deep+1)
		}
		dst = append(dst, ']')
	case 2:
		dst = append(dst, g.pick("null", "true", "false", "0", "-1", "12.50", "1e9", "-0.1E-2")...)
	default:
		dst = g.text(dst, g.IntN(1000))
	}
	return append(dst, g.pick("", "", "", " ", "\t")...)
}

func (g jsonMaker) text(dst []byte, number int) []byte {
	dst = append(dst, '"')
	if g.IntN(8) > 0 {
		dst = fmt.Appendf(dst, "%d", number)
	}
	for range g.IntN(4) {
		dst = append(dst, g.pick("a", "b", `\u0061`, `\n`, `\"`, `\\`, "é", `\u00e9`, "😀", `\ud83d\ude00`, " ", "some longer text")...)
	}
	return append(dst, '"')
}

// spoil changes, removes or inserts a few bytes.
func (g jsonMaker) spoil(src []byte) []byte {
	if len(src) == 0 {
		return src
	}
	at := g.IntN(len(src))
	switch g.IntN(4) {
	case 0:
		src[at] = byte(g.Uint32())
		return src
	case 1:
		return append(src[:at], src[min(len(src), at+1+g.IntN(3)):]...)
	case 2:
		return src[:at]
	default:
		insert := g.pick(`"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, ` `, `0`, "\x00", "\xff", `\ud83d`, `"1":`, "é")
		return append(src[:at:at], append([]byte(insert), src[at:]...)...)
	}
}
