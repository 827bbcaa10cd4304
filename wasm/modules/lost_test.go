package modules_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wasm/modules"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

// What is new in a version keeps nobody from going back, as long as nothing of it was written.
func TestGoingBackBeforeAnythingNewWasWritten(t *testing.T) {
	t.Parallel()
	old := wasmtest.Guest{}
	off := `{"name":"light","commands":{"on":{}},"events":{"light.on":{},"light.off":{}}}`
	raised := `{"name":"light","commands":{"on":{}},"events":{"light.on":{"schemaVersion":2}},"upcasts":["light.on@1"]}`
	for name, c := range map[string]struct {
		next     wasmtest.Guest
		event    nacre.Event // that makes going back impossible
		metadata string
	}{
		"a type":           {wasmtest.Guest{Description: off}, nacre.Event{Type: "light.off", Data: []byte("{}")}, ""},
		"a schema version": {wasmtest.Guest{Description: raised, Decide: `{"state":1}`}, nacre.Event{Type: "light.on", Data: []byte("{}")}, `{"schemaVersion":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.publish(old)
			for i := range 3 {
				r.on(strconv.Itoa(i))
			}
			r.publish(c.next)
			if m, err := r.h.Rollback(t.Context(), "light", 0); err != nil || m.Active != 1 {
				t.Fatalf("nothing new was written, and going back gives version %d, %v", m.Active, err)
			}
			if m, err := r.h.Rollback(t.Context(), "light", 2); err != nil || m.Active != 2 {
				t.Fatalf("forth again: version %d, %v", m.Active, err)
			}
			// Of another category it does not count.
			c.event.Metadata = []byte(c.metadata)
			for _, stream := range []nacre.StreamID{"lamp-1", "light-new"} {
				_, back := r.h.Rollback(t.Context(), "light", 1)
				if back != nil {
					t.Fatalf("before %s was written to: %v", stream, back)
				}
				if _, err := r.h.Rollback(t.Context(), "light", 2); err != nil {
					t.Fatal(err)
				}
				if _, err := r.store.Append(t.Context(), stream, nacre.Any, c.event); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := r.h.Rollback(t.Context(), "light", 1); err == nil {
				t.Error("something new was written, and going back was taken")
			} else if _, ok := err.(*modules.Refusal); !ok {
				t.Errorf("got %v", err)
			}
			r.active(2)
		})
	}
}

// The version that is left may write what is new in it until the very end: then there is no way back.
func TestNothingNewIsWrittenWhileSomebodyGoesBack(t *testing.T) {
	t.Parallel()
	off := `{"name":"light","commands":{"on":{}},"events":{"light.on":{},"light.off":{}}}`
	next := wasmtest.Guest{Description: off, Decide: `{"events":[{"type":"light.off","data":{}}],"state":1}`}
	back := 0
	for range 40 {
		r := newRig(t)
		r.publish(wasmtest.Guest{})
		r.publish(next)
		done := make(chan error, 1)
		go func() {
			_, err := r.h.ExecuteNamed(context.Background(), "light", "a", "on", nil)
			done <- err
		}()
		m, err := r.h.Rollback(t.Context(), "light", 0)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		written := false
		for _, err := range r.store.Read(t.Context(), nacre.Filter{{Types: []string{"light.off"}}}, nil) {
			if err != nil {
				t.Fatal(err)
			}
			written = true
		}
		if _, refused := err.(*modules.Refusal); refused != written || !refused && (err != nil || m.Active != 1) {
			t.Fatalf("the new event is there: %v; going back came to version %d, %v", written, m.Active, err)
		}
		if !written {
			back++
			r.on("a")
		}
	}
	t.Logf("%d of 40 went back", back)
}
