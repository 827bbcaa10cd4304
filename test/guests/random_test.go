package guests

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/guest/probe"
)

// request is a command as JSON, and as what it means: nil where the JSON is not what the command takes.
type request struct {
	name    string
	payload string
	means   any
}

// random makes commands.
type random struct{ *rand.Rand }

func newRandom(t *testing.T) random {
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("NACRE_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("replay: NACRE_SEED=%d go test -run '^%s$' ./test/guests", seed, t.Name())
	return random{rand.New(rand.NewPCG(seed, seed))}
}

func pick[T any](r random, of ...T) T { return of[r.IntN(len(of))] }

// text is a text, and one of the ways in which JSON writes it.
func (r random) text() (text, written string) {
	var b, w strings.Builder
	for range r.IntN(12) {
		c := pick(r, 'a', 'Z', '0', ' ', '"', '\\', '/', '\b', '\f', '\n', '\r', '\t', '\x00', '\x1f', '\x7f', 'é', '€', '\u2028', '\ufeff', '😀', '\U0010ffff')
		b.WriteRune(c)
		short := strings.IndexRune("\"\\/\b\f\n\r\t", c)
		switch escape := r.IntN(3); {
		case short >= 0 && (escape == 0 || c == '"' || c == '\\'):
			w.WriteString(`\` + string(`"\/bfnrt`[short]))
		case escape == 1 || c < ' ':
			for _, unit := range utf16.Encode([]rune{c}) {
				fmt.Fprintf(&w, pick(r, `\u%04x`, `\u%04X`), unit)
			}
		default:
			w.WriteRune(c)
		}
	}
	return b.String(), `"` + w.String() + `"`
}

// integer is a number, and how JSON writes it; false where it is none of 64 bits.
func (r random) integer() (n int, written string, is bool) {
	if r.IntN(6) == 0 {
		return 0, pick(r, "1.0", "1e2", "1E0", "0.5", "-1.5", "9223372036854775808", "-9223372036854775809", "1e400", "123456789012345678901234567890",
			"null", "true", `"1"`, "[1]", "{}", `""`), false
	}
	n = pick(r, 0, 1, -1, r.IntN(100), -r.IntN(100), r.IntN(2000)-1000)
	if n == 0 && r.IntN(2) == 0 {
		return 0, "-0", true
	}
	return n, strconv.Itoa(n), true
}

// command is a command with a payload that is as it should be, or not.
func (r random) command() request {
	q := request{name: pick(r, "add", "add", "add", "note", "note", "burst", "who", "fly")}
	member, value := "", ""
	switch q.name {
	case "add", "burst":
		n, written, is := r.integer()
		member, value = "by", written
		if q.name == "burst" {
			member = "times"
			if is {
				n = min(n, 20)
				value = strconv.Itoa(n)
			}
		}
		switch {
		case is && q.name == "add":
			q.means = probe.Add{By: n}
		case is:
			q.means = probe.Burst{Times: n}
		}
	case "note":
		text, written := r.text()
		member, value, q.means = "text", written, probe.Note{Text: text}
		if r.IntN(8) == 0 {
			value, q.means = pick(r, "null", "1", "[]", `{"text":"a"}`), nil
		}
	case "who":
		q.payload, q.means = "{}", probe.Who{}
		if r.IntN(8) == 0 {
			q.payload, q.means = pick(r, `{"a":1}`, "[]", "1", `"who"`), nil
		}
		return q
	default:
		q.payload = pick(r, "{}", "null", "1")
		return q
	}
	if at := r.IntN(len(member)); r.IntN(3) == 0 {
		q.payload = fmt.Sprintf(`{"%s\u%04x%s":%s}`, member[:at], member[at], member[at+1:], value)
	} else {
		q.payload = fmt.Sprintf(`{"%s":%s}`, member, value)
	}
	if r.IntN(8) == 0 {
		q.payload = pick(r, "{}", "null", "[]", "1", `{"x":1}`, fmt.Sprintf(`{"%s":%s,"x":[{"a":"\u0000"}]}`, member, value),
			fmt.Sprintf(`{"%s":%s}`, strings.ToUpper(member), value))
		q.means = nil
	}
	return q
}

// A guest comes to what the same model in Go comes to, event by event, whether its state is kept or comes from JSON.
func TestGuestsDoWhatTheModelDoes(t *testing.T) {
	each(t, "probe", nil, func(t *testing.T, _ *sdk, m *wasm.Module) {
		r := newRandom(t)
		d := m.Decider()
		for range 20 {
			var got *wasm.State
			var want probe.State
			for step := range 100 {
				q := r.command()
				context := decider.Context{ID: pick(r, "ann", "é-😀"), Time: time.Unix(r.Int64N(1<<32), r.Int64N(1e9)).UTC(), Actor: pick(r, "", "bob", "\"\\\x01")}
				events, err := d.Decide(got, wasm.Command{Command: q.name, Payload: json.RawMessage(q.payload)}, context)
				wanted, refusal := decide(want, q, context)
				compare(t, step, q, events, wanted, err, refusal)
				for i, e := range events {
					got, want = d.Evolve(got, e), probe.Aggregate.Evolve(want, wanted[i])
				}
				if r.IntN(7) == 0 {
					got = reborn(t, got)
				}
			}
			state, err := got.JSON(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var end probe.State
			if err := codec.Unmarshal(state, &end); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(normal(want), normal(end)); diff != "" {
				t.Fatalf("the state differs: %s", diff)
			}
		}
	})
}

// decide is what the model says, with the code of an error that is not the model's.
func decide(s probe.State, q request, context decider.Context) ([]any, error) {
	switch {
	case q.name == "fly":
		return nil, &nacre.Error{Code: aggregate.CodeUnknownCommand}
	case q.means == nil:
		return nil, &nacre.Error{Code: nacre.CodeInvalid}
	}
	return probe.Aggregate.Decide(s, q.means, context)
}

func compare(t *testing.T, step int, q request, got []wasm.Event, want []any, err, refusal error) {
	t.Helper()
	if limit, ok := errors.AsType[probe.Limit](refusal); ok {
		var domain *wasm.DomainError
		data, _ := json.Marshal(limit)
		if !errors.As(err, &domain) || domain.Type != "limit" || domain.Message != limit.Error() || string(domain.Data) != string(data) {
			t.Fatalf("step %d, %+v: the error should be %v, and is %#v", step, q, refusal, err)
		}
		return
	}
	if nacre.CodeOf(refusal) != nacre.CodeOf(err) || (err == nil) != (refusal == nil) {
		t.Fatalf("step %d, %+v: the error should be %v, and is %v", step, q, refusal, err)
	}
	if len(got) != len(want) {
		t.Fatalf("step %d, %+v: there should be %v, and are %v", step, q, want, got)
	}
	for i := range got {
		written := probeEvent(t, got[i])
		if diff := cmp.Diff(want[i], written); diff != "" {
			t.Fatalf("step %d, %+v: event %d: %s", step, q, i, diff)
		}
		var tags []string
		if tagged, ok := want[i].(codec.Tagged); ok {
			tags = tagged.EventTags()
		}
		if diff := cmp.Diff(tags, got[i].Tags); diff != "" {
			t.Fatalf("step %d, %+v: the tags of event %d: %s", step, q, i, diff)
		}
	}
}

func probeEvent(t *testing.T, e wasm.Event) any {
	t.Helper()
	read := func(v any) {
		if err := codec.Unmarshal(e.Data, v); err != nil {
			t.Fatalf("the data of %s, %s: %v", e.Type, e.Data, err)
		}
	}
	switch e.Type {
	case "probe.added":
		var v probe.Added
		read(&v)
		return v
	case "probe.noted":
		var v probe.Noted
		read(&v)
		return v
	case "probe.seen":
		var v probe.Seen
		read(&v)
		return v
	}
	t.Fatalf("there is an event %q", e.Type)
	return nil
}

// reborn is the state that comes from a state's JSON.
func reborn(t *testing.T, s *wasm.State) *wasm.State {
	t.Helper()
	if s == nil {
		return nil
	}
	text, err := s.JSON(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again := &wasm.State{}
	if err := again.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	return again
}

// normal is a state in which there is no difference between no tags and none yet.
func normal(s probe.State) probe.State {
	if len(s.Tags) == 0 {
		s.Tags = nil
	}
	return s
}
