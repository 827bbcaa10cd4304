package merge_test

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre/entity/merge"
)

func TestParseID(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"00000000000000000000000000", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01JD3Y8Q0V3M8S2Z6T5N9K4RWE"} {
		id, err := merge.ParseID(text)
		if err != nil || id.String() != text {
			t.Errorf("%s is read as %s: %v", text, id, err)
		}
	}
	for _, text := range []string{
		"", "01JD3Y8Q0V3M8S2Z6T5N9K4RW", "01JD3Y8Q0V3M8S2Z6T5N9K4RWEE", "01jd3y8q0v3m8s2z6t5n9k4rwe", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
		"01JD3Y8Q0V3M8S2Z6T5N9K4RWO", "01JD3Y8Q0V3M8S2Z6T5N9K4RWI", "01JD3Y8Q0V3M8S2Z6T5N9K4RWU", "01JD3Y8Q0V3M8S2Z6T5N9K4RW-",
	} {
		if id, err := merge.ParseID(text); err == nil {
			t.Errorf("%q is read as %s", text, id)
		}
	}
}

func TestNewIDs(t *testing.T) {
	t.Parallel()
	first, err := merge.NewIDs(began, merge.ID{}, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	if !first[0].Time().Equal(began) {
		t.Errorf("the time is %s, want %s", first[0].Time(), began)
	}
	consecutive(t, first)
	// The clock stands still, or goes back: (milliseconds, counter) is the parent's successor.
	for _, now := range []time.Time{began, began.Add(-time.Hour)} {
		next, err := merge.NewIDs(now, first[2], 0, 2)
		if err != nil || next[0].Compare(first[2]) <= 0 || !next[0].Time().Equal(began) {
			t.Errorf("after %s comes %s: %v", first[2], next, err)
		}
		if next[0][7] != first[2][7]+1 {
			t.Errorf("the counter of %s is not one more than that of %s", next[0], first[2])
		}
	}
	// The counter carries into the milliseconds.
	full := first[0]
	full[6], full[7] = 0xff, 0xff
	if next, err := merge.NewIDs(began, full, 0, 1); err != nil || !next[0].Time().Equal(began.Add(time.Millisecond)) || next[0][6] != 0 {
		t.Errorf("after %s comes %s: %v", full, next, err)
	}
	// A clock that is ahead begins the counter anew.
	if next, err := merge.NewIDs(began.Add(time.Second), full, 0, 1); err != nil || !next[0].Time().Equal(began.Add(time.Second)) || next[0][6]|next[0][7] != 0 {
		t.Errorf("after %s comes %s: %v", full, next, err)
	}
	most, err := merge.NewIDs(began, merge.ID{}, ^uint64(0), merge.MaxTransaction)
	if err != nil {
		t.Fatal(err)
	}
	consecutive(t, most)
	last, _ := merge.ParseID("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
	for name, call := range map[string]func() error{
		"none":          func() error { _, err := merge.NewIDs(began, merge.ID{}, 0, 0); return err },
		"too many":      func() error { _, err := merge.NewIDs(began, merge.ID{}, 0, merge.MaxTransaction+1); return err },
		"before 1970":   func() error { _, err := merge.NewIDs(time.Unix(-1, 0), merge.ID{}, 0, 1); return err },
		"after the end": func() error { _, err := merge.NewIDs(began, last, 0, 1); return err },
	} {
		if call() == nil {
			t.Errorf("%s: ids were made", name)
		}
	}
}

func consecutive(t *testing.T, ids []merge.ID) {
	t.Helper()
	for i := 1; i < len(ids); i++ {
		a, b := new(big.Int).SetBytes(ids[i-1][:]), new(big.Int).SetBytes(ids[i][:])
		if b.Sub(b, a).Cmp(big.NewInt(1)) != 0 || ids[i-1].String() >= ids[i].String() {
			t.Fatalf("%s does not follow %s", ids[i], ids[i-1])
		}
	}
}

// canonicalTexts are texts and what is canonical for them, "" where they are no JSON.
var canonicalTexts = map[string]string{
	`0`: `0`, `-0`: `0`, `0.000`: `0`, `-0e9`: `0`, `0e99999999999999999999`: `0`,
	`1`: `1`, `1.0`: `1`, `1e2`: `100`, `1E+2`: `100`, `-120e-2`: `-1.2`, `0.5`: `0.5`, `5e-1`: `0.5`,
	`0.000001`: `0.000001`, `0.0000001`: `1e-7`, `1.25e-9`: `1.25e-9`, `123e-9`: `1.23e-7`,
	`9007199254740993`:                `9007199254740993`,
	`1` + strings.Repeat("0", 99):     `1` + strings.Repeat("0", 99),
	`1` + strings.Repeat("0", 100):    `1e100`,
	`12e99`:                           `1.2e100`,
	`1e1000000`:                       ``,
	`1e999999`:                        `1e999999`,
	`1e-99999999999999999999`:         ``,
	`01`:                              ``,
	`1.`:                              ``,
	`.5`:                              ``,
	`-`:                               ``,
	`1e`:                              ``,
	`+1`:                              ``,
	`"a\u0041\/\u001f\n\u00e9"`:       `"aA/\u001f\né"`,
	`"\ud83d\ude00"`:                  `"😀"`,
	`"\ud83d"`:                        ``,
	`"\ude00\ud83d"`:                  ``,
	"\"\xff\"":                        ``,
	"\"\t\"":                          ``,
	`"\x"`:                            ``,
	`"\u12"`:                          ``,
	`"`:                               ``,
	` { "b" : 1 , "a" : [ ] } `:       `{"a":[],"b":1}`,
	`{"\u00e9":1,"z":2,"Z":3,"":4}`:   `{"":4,"Z":3,"z":2,"é":1}`,
	"{\"\uffff\":1,\"\U00010000\":2}": "{\"\uffff\":1,\"\U00010000\":2}",
	`{"a":1,"\u0061":2}`:              ``,
	`{"a":1,}`:                        ``,
	`[1,]`:                            ``,
	`[1 2]`:                           ``,
	`{"a"}`:                           ``,
	`{1:2}`:                           ``,
	`true`:                            `true`,
	`nul`:                             ``,
	`1 2`:                             ``,
	``:                                ``,
	"1\x00":                           ``,
	strings.Repeat("[", 128) + strings.Repeat("]", 128): strings.Repeat("[", 128) + strings.Repeat("]", 128),
	strings.Repeat("[", 129) + strings.Repeat("]", 129): ``,
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for in, want := range canonicalTexts {
		got, err := merge.Canonical([]byte(in))
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%.60s is canonically %.60s (%v), want %.60s", in, got, err, want)
		}
	}
}

// TestCanonicalNumbers compares numbers with exact arithmetic.
func TestCanonicalNumbers(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(newSeed(t), 0))
	for range 3000 {
		text := []byte{"123456789"[r.IntN(9)]}
		for range r.IntN(8) {
			text = append(text, "0001234567"[r.IntN(10)])
		}
		if r.IntN(2) == 0 {
			text = append(text, '.')
			for range 1 + r.IntN(8) {
				text = append(text, "0001234567"[r.IntN(10)])
			}
		}
		if r.IntN(2) == 0 {
			text = append(append(text, 'e'), jsonText(r.IntN(300)-150)...)
		}
		canonical, err := merge.Canonical(text)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := new(big.Rat).SetString(string(text))
		b, ok := new(big.Rat).SetString(string(canonical))
		if !ok || a.Cmp(b) != 0 {
			t.Errorf("%s is canonically %s", text, canonical)
		}
		again, err := merge.Canonical(canonical)
		if err != nil || string(again) != string(canonical) {
			t.Errorf("%s is canonically %s and then %s", text, canonical, again)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.50,-0,"\u00e9\ud83d\ude00"],"b":{"c":null}}`))
	f.Add([]byte(`[1e5,1e-5,true,false]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		canonical, err := merge.Canonical(data)
		if err != nil {
			return
		}
		again, err := merge.Canonical(canonical)
		if err != nil || string(again) != string(canonical) {
			t.Fatalf("%q is canonically %q and then %q: %v", data, canonical, again, err)
		}
		var a, b any
		// Numbers are compared where they are floats.
		if json.Unmarshal(data, &a) == nil {
			if err := json.Unmarshal(canonical, &b); err != nil || jsonText(withoutSign(a)) != jsonText(b) {
				t.Fatalf("%q and %q differ: %v", data, canonical, err)
			}
		}
	})
}

// withoutSign has no zero with a sign: floats have one, canonical numbers do not.
func withoutSign(v any) any {
	switch v := v.(type) {
	case float64:
		if v == 0 {
			return 0.0
		}
	case []any:
		for i := range v {
			v[i] = withoutSign(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = withoutSign(v[k])
		}
	}
	return v
}
