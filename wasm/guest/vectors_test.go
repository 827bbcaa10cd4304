package guest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/nacredb/nacre/wasm/guest"
	"github.com/nacredb/nacre/wasm/guest/probe"
)

// instance is what the vectors are run on: the probe in this process, or in WebAssembly.
type instance interface {
	Describe() []byte
	Decide(request []byte) []byte
	Evolve(request []byte) []byte
}

// vectors is spec/vectors/wasm/probe.json, and the form of the cases that modules have.
type vectors struct {
	Description json.RawMessage `json:"description"`
	Cases       []testCase      `json:"cases"`
	Exchanges   []struct {
		Name  string `json:"name"`
		Steps []struct {
			Decide string          `json:"decide"`
			Evolve string          `json:"evolve"`
			Reply  json.RawMessage `json:"reply"`
			Or     json.RawMessage `json:"or"`
		} `json:"steps"`
	} `json:"exchanges"`
}

type testCase struct {
	Name  string            `json:"name"`
	ID    string            `json:"id"`
	Given []json.RawMessage `json:"given"`
	When  *struct {
		Command string          `json:"command"`
		Payload json.RawMessage `json:"payload"`
		Context json.RawMessage `json:"context"`
	} `json:"when"`
	Then map[string]json.RawMessage `json:"then"`
}

func readVectors(t *testing.T) *vectors {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "spec", "vectors", "wasm", "probe.json"))
	if err != nil {
		t.Fatal(err)
	}
	v := &vectors{}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestTheProbePassesTheVectors runs them in this process.
func TestTheProbePassesTheVectors(t *testing.T) {
	fresh := func() instance {
		m, err := guest.New(probe.Aggregate, &probe.Options)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	runVectors(t, readVectors(t), fresh)
}

// runVectors runs all cases in one instance, and in one each, and the exchanges.
func runVectors(t *testing.T, v *vectors, fresh func() instance) {
	t.Helper()
	all := fresh()
	description := value(t, all.Describe())
	delete(description.(map[string]any), "sdk")
	if want := value(t, v.Description); !reflect.DeepEqual(description, want) {
		t.Errorf("the description is %v, and not %v", description, want)
	}
	for i, c := range v.Cases {
		runCase(t, c, all, false, int64(3*i+1))
		runCase(t, c, all, true, int64(3*i+2))
		runCase(t, c, fresh(), false, 1)
	}
	for _, x := range v.Exchanges {
		in := fresh()
		for i, s := range x.Steps {
			var reply []byte
			if s.Decide != "" {
				reply = in.Decide([]byte(s.Decide))
			} else {
				reply = in.Evolve([]byte(s.Evolve))
			}
			if !fits(value(t, s.Reply), value(t, reply)) && (s.Or == nil || !fits(value(t, s.Or), value(t, reply))) {
				t.Errorf("%s, step %d: the reply is %s, and not %s", x.Name, i, reply, s.Reply)
			}
		}
	}
}

// runCase runs a case in one request, or event by event with the state going out and in.
func runCase(t *testing.T, c testCase, in instance, stepwise bool, keep int64) {
	t.Helper()
	id, state := c.ID, ""
	if id == "" {
		id = "test"
	}
	events := c.Given
	var reply []byte
	if stepwise {
		for _, e := range events {
			reply = in.Evolve(fmt.Appendf(nil, `{"id":%q%s,"events":[%s],"return":true}`, id, state, e))
			got := map[string]json.RawMessage{}
			if err := json.Unmarshal(reply, &got); err != nil {
				t.Fatal(err)
			}
			if got["error"] != nil {
				checkCase(t, c, reply)
				return
			}
			state = `,"state":` + string(got["state"])
		}
		events = nil
	}
	var given bytes.Buffer
	for i, e := range events {
		if i > 0 {
			given.WriteByte(',')
		}
		given.Write(e)
	}
	head := fmt.Sprintf(`{"id":%q%s,"events":[%s],"keep":%d,"return":true`, id, state, given.Bytes(), keep)
	if c.When == nil {
		checkCase(t, c, in.Evolve([]byte(head+"}")))
		return
	}
	ctx := string(c.When.Context)
	if !strings.Contains(ctx, `"time"`) {
		ctx = `{"time":"2000-01-01T00:00:00Z"}`
	}
	checkCase(t, c, in.Decide(fmt.Appendf(nil, `%s,"command":%q,"payload":%s,"context":%s}`, head, c.When.Command, c.When.Payload, ctx)))
}

func checkCase(t *testing.T, c testCase, reply []byte) {
	t.Helper()
	got := value(t, reply).(map[string]any)
	for member, text := range c.Then {
		want, have := value(t, text), got[member]
		if member == "error" {
			if e := want.(map[string]any); e["code"] == nil {
				e["code"] = "DOMAIN"
			}
		}
		if l, ok := want.([]any); ok && len(l) == 0 && have == nil {
			continue
		}
		if !fits(want, have) {
			t.Errorf("%s: the %s is %v, and not %v; the reply is %s", c.Name, member, have, want, reply)
		}
	}
}

// fits tells whether what a reply has is what is wanted. Of an error, only the members that are wanted count.
func fits(want, have any) bool {
	w, ok := want.(map[string]any)
	h, isObject := have.(map[string]any)
	if !ok || !isObject {
		return reflect.DeepEqual(want, have)
	}
	if w["code"] != nil {
		for name := range w {
			if !reflect.DeepEqual(w[name], h[name]) {
				return false
			}
		}
		return true
	}
	if len(w) != len(h) {
		return false
	}
	for name := range w {
		if !fits(w[name], h[name]) {
			return false
		}
	}
	return true
}

func value(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if len(text) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}
