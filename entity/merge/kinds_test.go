package merge_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/entity/merge/kindtest"
)

func someValue(r *rand.Rand) []byte {
	return []byte([]string{`1`, `2`, `"a"`, `"b"`, `null`, `[1,"x"]`, `{"k":2}`, `-7`, `true`, `"\""`}[r.IntN(10)])
}

func amountEdit(r *rand.Rand, c merge.Change, amount []byte) error {
	switch r.IntN(3) {
	case 0:
		return c.Set(amount)
	case 1:
		return c.Remove(amount)
	}
	return c.Add(amount)
}

func TestKinds(t *testing.T) {
	t.Parallel()
	seed := newSeed(t)
	for name, config := range map[string]kindtest.Config{
		"register": {
			Edit: func(r *rand.Rand, _ []byte, c merge.Change) error {
				if r.IntN(5) == 0 {
					return c.Remove([]byte("null"))
				}
				return c.Set(someValue(r))
			},
			Damaged: []string{
				`{"set":1}`, `{"set":1,"over":{}}`, `{"set":1,"over":["x"]}`, `{"set":1,"over":[1]}`, `{"drop":[]}`, `{"drop":["x"]}`, `{"drop":null}`,
				`{"set":1,"over":[],"drop":[]}`, `{"set":1,"over":[],"x":1}`, `{"set":1,"over":["01JD3Y8Q0V0000000000000001"]}`,
			},
		},
		"counter": {
			Edit: func(r *rand.Rand, _ []byte, c merge.Change) error {
				return amountEdit(r, c, fmt.Appendf(nil, `%d`, r.IntN(2000)-1000))
			},
			Damaged:  []string{`{"add":1.5}`, `{"add":true}`, `{"add":null}`, `{"add":[1]}`, `{"add":"1e3"}`, `{"add":""}`, `{"add":"+1"}`, `{"add":"01"}`, `{"add":"1."}`, `{"add":" 1"}`, `{"add":1,"over":[]}`, `{"add":1e1001}`, `{"add":1e-1}`},
			Additive: true,
		},
		"counter decimal": {
			Edit: func(r *rand.Rand, _ []byte, c merge.Change) error {
				return amountEdit(r, c, fmt.Appendf(nil, `"%d.%03d"`, r.IntN(400)-200, r.IntN(1000)))
			},
			Additive: true,
		},
		"set": {
			Edit: func(r *rand.Rand, _ []byte, c merge.Change) error {
				elements := fmt.Appendf(nil, `[%s,%s]`, someValue(r), someValue(r))
				switch r.IntN(4) {
				case 0:
					return c.Set(elements)
				case 1:
					return c.Remove(elements)
				}
				return c.Add(elements)
			},
			Damaged:  []string{`{"add":{"a":[]}}`, `{"add":{"1.0":[]}}`, `{"add":{"1":1}}`, `{"add":{},"remove":{"1":[]}}`, `{"add":{},"remove":[]}`, `{"add":{"1":[]},"remove":{"1":["01JD3Y8Q0V0000000000000001"]}}`, `{"add":{},"over":[]}`},
			Additive: true,
		},
		"map": {
			Edit: func(r *rand.Rand, _ []byte, c merge.Change) error {
				key := []string{"a", "b", `c\"`, ""}[r.IntN(4)]
				switch r.IntN(4) {
				case 0:
					return c.Set(fmt.Appendf(nil, `{"%s":%s}`, key, someValue(r)))
				case 1:
					return c.Remove(fmt.Appendf(nil, `["%s"]`, key))
				}
				return c.Add(fmt.Appendf(nil, `{"%s":%s}`, key, someValue(r)))
			},
			Damaged:  []string{`{"put":[]}`, `{"put":{"a":1}}`, `{"put":{"a":{"value":1}}}`, `{"put":{"a":{"value":1,"over":[],"x":1}}}`, `{"put":{},"remove":{"a":[]}}`, `{"put":{},"remove":["a"]}`, `{"put":{},"set":{}}`},
			Additive: true,
		},
		"list": {
			Edit: func(r *rand.Rand, value []byte, c merge.Change) error {
				var now []json.RawMessage
				if value != nil {
					must(json.Unmarshal(value, &now))
				}
				switch n := r.IntN(6); {
				case n == 0:
					return c.Set(fmt.Appendf(nil, `[%s,%s]`, someValue(r), someValue(r)))
				case n == 1 && len(now) > 0:
					return c.Set(fmt.Appendf(nil, `{"at":%d,"value":%s}`, r.IntN(len(now)), someValue(r)))
				case n == 2 && len(now) > 0:
					at := r.IntN(len(now))
					return c.Remove(fmt.Appendf(nil, `{"at":%d,"count":%d}`, at, r.IntN(len(now)-at+1)))
				case n == 3 && len(now) > 0:
					return c.Remove(fmt.Appendf(nil, `[%d]`, r.IntN(len(now))))
				case n == 4:
					return c.Add(fmt.Appendf(nil, `[%s]`, someValue(r)))
				}
				return c.Add(fmt.Appendf(nil, `{"at":%d,"values":[%s,%s]}`, r.IntN(len(now)+1), someValue(r), someValue(r)))
			},
			Damaged: []string{
				`{"insert":{}}`, `{"insert":[1]}`, `{"insert":[{"of":null,"side":"left","values":[1]}]}`, `{"insert":[{"of":null,"side":"up","values":[1]}]}`,
				`{"insert":[{"of":null,"side":"right","values":[]}]}`, `{"insert":[{"of":"01JD3Y8Q0V0000000000000001#01","side":"right","values":[1]}]}`,
				`{"insert":[{"of":"01JD3Y8Q0V0000000000000001","side":"right","values":[1]}]}`, `{"insert":[],"remove":["x"]}`, `{"insert":[],"set":{"x":1}}`,
				`{"insert":[],"remove":["00000000000000000000000000#1","00000000000000000000000000#1"]}`, `{"insert":[],"remove":{}}`, `{"insert":[],"put":{}}`,
				`{"insert":[],"remove":["00000000000000000000000000#1"],"set":{"00000000000000000000000000#1":{"value":1,"over":[]}}}`,
				`{"insert":[],"remove":["00000000000000000000000000#1000000"]}`,
			},
			Additive: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config.Seed, config.Rounds = seed, 100
			name, _, _ := strings.Cut(name, " ")
			kindtest.Run(t, kind(name), config)
		})
	}
}
