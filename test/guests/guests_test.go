package guests

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/wasm"
)

func TestVectors(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "spec", "vectors", "wasm", "probe.json"))
	if err != nil {
		t.Fatal(err)
	}
	vectors, err := wasm.ReadVectors(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(vectors.Cases) == 0 || len(vectors.Exchanges) == 0 {
		t.Fatal("the vectors are empty")
	}
	each(t, "probe", nil, func(t *testing.T, _ *sdk, m *wasm.Module) {
		failures, err := m.RunVectors(t.Context(), vectors)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range failures {
			t.Error(f)
		}
	})
}

func TestCounter(t *testing.T) {
	each(t, "counter", nil, func(t *testing.T, s *sdk, m *wasm.Module) {
		text, err := os.ReadFile(s.cases("counter"))
		if err != nil {
			t.Fatal(err)
		}
		cases, err := wasm.ReadCases(text)
		if err != nil {
			t.Fatal(err)
		}
		if len(cases) == 0 {
			t.Fatal("there are no cases")
		}
		failures, err := m.RunCases(t.Context(), cases)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range failures {
			t.Error(f)
		}
		if d := m.Description(); d.Commands["increment"].Description == "" {
			t.Errorf("the description says nothing about increment: %+v", d)
		}
	})
}

func TestATrapIsLoggedFirst(t *testing.T) {
	each(t, "probe", nil, func(t *testing.T, _ *sdk, m *wasm.Module) {
		_, err := m.Decide(t.Context(), nil, wasm.Command{Command: "trap"}, decider.Context{ID: "ann"})
		var call *wasm.CallError
		if !errors.As(err, &call) || call.Code != wasm.CodeTrapped {
			t.Fatalf("the error is %v", err)
		}
		records, _ := call.Logs()
		if len(records) != 1 || !strings.Contains(records[0].Message, "asked to trap") {
			t.Errorf("the records are %+v", records)
		}
		// The next one has another instance.
		events, err := m.Decide(t.Context(), nil, wasm.Command{Command: "add", Payload: []byte(`{"by":1}`)}, decider.Context{ID: "ann"})
		if err != nil || len(events) != 1 {
			t.Errorf("after the trap: %v, %v", events, err)
		}
	})
}

// A small memory, and states that are many, large, or both: nothing grows for ever.
func TestMemoryDoesNotGrow(t *testing.T) {
	calls := 40_000
	if testing.Short() {
		calls = 10_000
	}
	each(t, "probe", &wasm.Limits{Memory: 12 << 20, Instances: 1}, func(t *testing.T, _ *sdk, m *wasm.Module) {
		d := m.Decider()
		const instances = 5000
		states := make([]*wasm.State, instances)
		counts := make([]int, instances)
		for i := range calls {
			at := i * 7919 % instances
			command := wasm.Command{Command: "add", Payload: []byte(`{"by":1}`)}
			if i%50 == 0 {
				text, err := json.Marshal(map[string]string{"text": strings.Repeat("é", i%5000)})
				if err != nil {
					t.Fatal(err)
				}
				command = wasm.Command{Command: "note", Payload: text}
			} else {
				counts[at]++
			}
			events, err := d.Decide(states[at], command, decider.Context{ID: "ann"})
			if err != nil {
				t.Fatalf("call %d: %v", i, err)
			}
			for _, e := range events {
				states[at] = d.Evolve(states[at], e)
			}
		}
		for at, s := range states {
			text, err := s.JSON(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var state struct{ Count int }
			if err := json.Unmarshal(text, &state); err != nil {
				t.Fatal(err)
			}
			if state.Count != counts[at] {
				t.Fatalf("instance %d counted %d of %d", at, state.Count, counts[at])
			}
		}
	})
}
