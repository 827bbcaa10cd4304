package modules_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/modules"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

// do executes a command of a counter, and gives the events that it led to.
func (r *rig) do(h *modules.Host, id, command, payload string) string {
	r.Helper()
	out, err := h.ExecuteNamed(r.Context(), "counter", id, command, json.RawMessage(payload))
	if err != nil {
		r.Fatal(err)
	}
	var events []string
	for _, e := range out.Events {
		events = append(events, e.Type+" "+string(e.Data))
	}
	return strings.Join(events, " ")
}

func TestAComponentOfThaloIsPublished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	done, err := r.h.Publish(t.Context(), "counter", wasmtest.Counter(t, wasmtest.Agg), nil)
	if err != nil || !done.Active || !done.Version.Description.Open {
		t.Fatalf("published %+v, %v", done, err)
	}
	for i := range 3 {
		if got, want := r.do(r.h, "ann", "Add", fmt.Sprint(i)), fmt.Sprint("Added ", i); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	_, err = r.h.View(t.Context(), "counter", "ann", aggregate.Moment{})
	r.code("the state", err, wasm.CodeNoState)
	if strings.Contains(err.Error(), "json") {
		t.Errorf("the state: %v", err)
	}
	_, err = r.h.View(t.Context(), "counter", "nobody", aggregate.Moment{})
	r.code("the state before everything", err, wasm.CodeNoState)
	_, err = r.h.ExecuteNamed(t.Context(), "counter", "ann", "Unknown", nil)
	r.code("an unknown command", err, aggregate.CodeUnknownCommand)

	// Another process finds it, and makes the entity of its events.
	if got := r.do(r.open(), "ann", "Show", "null"); got != "Shown 3" {
		t.Errorf("another process: %q", got)
	}
	// The other generation takes over, with what the first one wrote.
	done, err = r.h.Publish(t.Context(), "counter", wasmtest.Counter(t, wasmtest.Entity), nil)
	if err != nil || !done.Active || done.Version.Number != 2 {
		t.Fatalf("upgraded %+v, %v", done, err)
	}
	if got := r.do(r.h, "ann", "Show", "null"); got != "Shown 3" {
		t.Errorf("after the upgrade: %q", got)
	}
	if _, err := r.h.Rollback(t.Context(), "counter", 1); err != nil {
		t.Fatal(err)
	}
	if got := r.do(r.h, "ann", "Add", "4"); got != "Added 4" {
		t.Errorf("rolled back: %q", got)
	}
}

func TestAComponentThatCannotReadTheStreamsIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for id, event := range map[nacre.StreamID]string{"counter-ann": "Added", "counter-bob": "Xed"} {
		if _, err := r.store.Append(t.Context(), id, nacre.Any, nacre.Event{Type: event, Data: json.RawMessage("1")}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.h.Publish(t.Context(), "counter", wasmtest.Counter(t, wasmtest.Entity), nil)
	r.code("it cannot apply an event", err, wasm.CodeRefused)
	if err == nil || !strings.Contains(err.Error(), `"counter-bob"`) || strings.Contains(err.Error(), `"counter-ann"`) {
		t.Errorf("the reasons are %v", err)
	}
	_, err = r.h.Publish(t.Context(), "my-counter", wasmtest.Counter(t, wasmtest.Entity), nil)
	if err == nil {
		t.Error("a name that is no category is taken")
	}
	if _, err := r.h.Publish(t.Context(), "counter", wasmtest.Counter(t, wasmtest.Entity, `(i32.const 88)`, `(i32.const 99)`), nil); err != nil {
		t.Errorf("one that can: %v", err)
	}
}
