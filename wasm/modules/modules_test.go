package modules_test

import (
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/modules"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

func TestAModuleIsPublishedAndExecutes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if there, err := modules.Present(t.Context(), r.store); there || err != nil {
		t.Errorf("something is there: %v", err)
	}
	_, err := r.h.ExecuteNamed(t.Context(), "light", "a", "on", nil)
	r.code("a command before", err, aggregate.CodeUnknownCommand)
	done := r.publish(wasmtest.Guest{Description: light("")})
	if !done.New || !done.Active || done.Version.Number != 1 || done.Module.Active != 1 || len(done.Version.Hash) != 64 {
		t.Errorf("published %+v", done)
	}
	if got := r.on("a"); got != "1" {
		t.Errorf("the state is %s", got)
	}
	v, err := r.h.View(t.Context(), "light", "a", aggregate.Moment{})
	if err != nil || string(v.State) != "1" || v.Version != 0 {
		t.Errorf("viewed %+v, %v", v, err)
	}
	v, err = r.h.View(t.Context(), "light", "nobody", aggregate.Moment{})
	if err != nil || string(v.State) != "1" || v.Version != -1 {
		t.Errorf("the state before everything is %s, %v", v.State, err)
	}
	_, err = r.h.ExecuteNamed(t.Context(), "light", "a", "off", nil)
	r.code("an unknown command", err, aggregate.CodeUnknownCommand)
	again := r.publish(wasmtest.Guest{Description: light("")})
	if again.New || !again.Active || again.Version.Number != 1 {
		t.Errorf("published again: %+v", again)
	}
	if there, err := modules.Present(t.Context(), r.store); !there || err != nil {
		t.Errorf("nothing is there: %v", err)
	}
	binary, err := r.h.Binary(t.Context(), "light", 1)
	if err != nil || len(binary) != done.Version.Size {
		t.Errorf("a binary of %d bytes, %v", len(binary), err)
	}
	_, err = r.h.Binary(t.Context(), "light", 2)
	r.code("a version that is not there", err, nacre.CodeNotFound)
	_, err = r.h.Module("dark")
	r.code("a module that is not there", err, nacre.CodeNotFound)
	if list := r.h.List(); len(list) != 1 || list[0].Name != "light" {
		t.Errorf("the list is %+v", list)
	}
}

func TestNamesAreChecked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, name := range []string{"", "a-b", "../a", "_a", "a.b", "a b", strings.Repeat("a", 65)} {
		_, err := r.h.Publish(t.Context(), name, wasmtest.Guest{Description: light("")}.Build(t), nil)
		r.code(name, err, nacre.CodeInvalid)
	}
	_, err := r.h.Publish(t.Context(), "dark", wasmtest.Guest{Description: light("")}.Build(t), nil)
	if _, ok := err.(*modules.Refusal); !ok || !strings.Contains(err.Error(), `calls itself "light"`) {
		t.Errorf("another name: %v", err)
	}
	_, err = r.h.Publish(t.Context(), "light", []byte("no module"), nil)
	if _, ok := err.(*modules.Refusal); !ok {
		t.Errorf("what is no module: %v", err)
	}
	if list := r.h.List(); len(list) != 0 {
		t.Errorf("something was written: %+v", list)
	}
}

func TestWhatIsLookedAtBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.refuse(wasmtest.Guest{Description: light(""), Tests: `[{"name":"it glows","when":{"command":"on"},"then":{"state":2}}]`}, "it glows")
	r.publish(wasmtest.Guest{Description: light(""), Tests: `[{"name":"it glows","when":{"command":"on"},"then":{"state":1}}]`})
	r.on("a")
	r.on("b")
	r.refuse(wasmtest.Guest{Description: light(""), State: "2"}, `stream "light-a"`, `stream "light-b"`, "it was 1, and is 2", "schemaVersion")
	r.refuse(wasmtest.Guest{Description: `{"name":"light","commands":{"on":{}},"events":{"light.lit":{}}}`, Decide: `{}`}, `no longer knows the event "light.on"`)
	newer := `{"name":"light","schemaVersion":2,"commands":{"on":{}},"events":{"light.on":{"schemaVersion":3}}`
	r.refuse(wasmtest.Guest{Description: newer + `}`, State: "2"}, `does not upcast 1`, `"light.on@1"`)
	r.refuse(wasmtest.Guest{Description: newer + `,"upcasts":["light.on@2"]}`, State: "2"}, `"light.on@1"`)
	done := r.publish(wasmtest.Guest{Description: newer + `,"upcasts":["light.on@1"]}`, State: "2", Decide: `{"events":[{"type":"light.on","data":{},"schemaVersion":3}],"state":2}`})
	if done.Version.Number != 2 || r.on("a") != "2" {
		t.Errorf("published %+v", done.Version)
	}
	r.refuse(wasmtest.Guest{Description: light(`,"schemaVersion":3`), State: "3"}, "schemaVersion 1", "below the 3")
	r.publish(wasmtest.Guest{Description: `{"name":"light","schemaVersion":3,"commands":{"on":{}},"events":{"light.lit":{}},"skip":["light.on"]}`, Decide: `{}`, State: "3"})
}

func TestADryRunWritesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	done, err := r.h.Publish(t.Context(), "light", wasmtest.Guest{Description: light("")}.Build(t), &modules.PublishOptions{DryRun: true})
	if err != nil || !done.New || done.Active || done.Version.Number != 1 {
		t.Errorf("got %+v, %v", done, err)
	}
	_, err = r.h.Module("light")
	r.code("the module", err, nacre.CodeNotFound)
	blobs, err := r.store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	_, err = blobs.GetBlob(t.Context(), "modules/"+done.Version.Hash)
	r.code("the blob", err, nacre.CodeNotFound)
}

func TestPinUnpinRollBackRetire(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i, state := range []string{"1", "2", "3"} {
		r.publish(wasmtest.Guest{Description: light(`,"schemaVersion":` + state), State: state})
		if got := r.on("a"); got != state {
			t.Fatalf("version %d has the state %s", i+1, got)
		}
	}
	// Four versions of one state.
	for _, note := range []string{"4", "5"} {
		r.publish(wasmtest.Guest{Description: light(`,"schemaVersion":3`), State: "3", Note: note})
	}
	if m, err := r.h.Rollback(t.Context(), "light", 0); err != nil || m.Active != 4 {
		t.Fatalf("rolled back to %d, %v", m.Active, err)
	}
	if m, err := r.h.Rollback(t.Context(), "light", 0); err != nil || m.Active != 3 {
		t.Fatalf("rolled back to %d, %v", m.Active, err)
	}
	r.on("a")
	if m, err := r.h.Rollback(t.Context(), "light", 5); err != nil || m.Active != 5 {
		t.Fatalf("rolled back to %d, %v", m.Active, err)
	}
	_, err := r.h.Rollback(t.Context(), "light", 9)
	r.code("a version that is not there", err, nacre.CodeNotFound)

	if m, err := r.h.Pin(t.Context(), "light", 4); err != nil || m.Active != 4 || !m.Pinned {
		t.Fatalf("pinned %+v, %v", m, err)
	}
	done := r.publish(wasmtest.Guest{Description: light(`,"schemaVersion":3`), State: "3", Note: "6"})
	if done.Active || !done.New || done.Version.Number != 6 {
		t.Errorf("published to a pinned module: %+v", done)
	}
	r.active(4)
	r.on("a")
	if m, err := r.h.Unpin(t.Context(), "light"); err != nil || m.Active != 6 || m.Pinned {
		t.Errorf("unpinned: %+v, %v", m, err)
	}
	if m, err := r.h.Retire(t.Context(), "light"); err != nil || m.Active != 0 || !m.Retired {
		t.Errorf("retired: %+v, %v", m, err)
	}
	_, err = r.h.ExecuteNamed(t.Context(), "light", "a", "on", nil)
	r.code("a command of a retired module", err, aggregate.CodeUnknownCommand)
	_, err = r.h.View(t.Context(), "light", "a", aggregate.Moment{})
	r.code("a state of a retired module", err, aggregate.CodeUnknownCommand)
	back := r.publish(wasmtest.Guest{Description: light(`,"schemaVersion":3`), State: "3", Note: "6"})
	if back.New || back.Version.Number != 6 || !back.Active {
		t.Errorf("back: %+v", back)
	}
	r.on("a")
	changes, before, after, err := r.h.Diff("light", 1, 6)
	if err != nil || before.Number != 1 || after.Number != 6 || changes[0] != (modules.Change{What: "schemaVersion", Before: "1", After: "3"}) {
		t.Errorf("differences %+v, %v", changes, err)
	}
	_, _, _, err = r.h.Diff("light", 1, 7)
	r.code("a difference to nothing", err, nacre.CodeNotFound)
}

// What one host publishes, others run; and one that is opened later finds everything.
func TestHostsSeeWhatOthersPublish(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := r.open()
	r.publish(wasmtest.Guest{Description: light("")})
	r.until("the other host has version 1", func() bool { m, err := other.Module("light"); return err == nil && m.Active == 1 })
	r.onOf(other, "a")
	r.publish(wasmtest.Guest{Description: light(`,"schemaVersion":2`), State: "2"})
	r.until("the other host has version 2", func() bool { m, err := other.Module("light"); return err == nil && m.Active == 2 })
	if got := r.onOf(other, "a"); got != "2" {
		t.Errorf("the other host has the state %s", got)
	}
	if got := r.onOf(r.open(), "a"); got != "2" {
		t.Errorf("a later host has the state %s", got)
	}
}

func TestABinaryThatWasChangedIsNotRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	done := r.publish(wasmtest.Guest{Description: light("")})
	blobs, err := r.store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	if err := blobs.PutBlob(t.Context(), "modules/"+done.Version.Hash, wasmtest.Guest{Description: light(""), State: "666"}.Build(t)); err != nil {
		t.Fatal(err)
	}
	r.on("a") // it runs already
	_, err = r.open().ExecuteNamed(t.Context(), "light", "a", "on", nil)
	r.code("another binary", err, nacre.CodeDamaged)
	if err := blobs.DeleteBlob(t.Context(), "modules/"+done.Version.Hash); err != nil {
		t.Fatal(err)
	}
	_, err = r.open().ExecuteNamed(t.Context(), "light", "a", "on", nil)
	r.code("no binary", err, nacre.CodeDamaged)
}

func TestAfterCloseNothingIsExecuted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish(wasmtest.Guest{Description: light("")})
	finish(t, r.h.Close)
	_, err := r.h.ExecuteNamed(t.Context(), "light", "a", "on", nil)
	r.code("a command", err, nacre.CodeClosed)
	_, err = r.h.Publish(t.Context(), "light", wasmtest.Guest{Description: light(""), Note: "2"}.Build(t), nil)
	r.code("a publication", err, nacre.CodeClosed)
}

// What goes wrong in a module fails its command, and the version stays.
func TestAModuleThatGoesWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish(wasmtest.Guest{Description: light(""), Decide: `{"error":{"code":"DOMAIN","type":"dark","message":"no bulb","data":{"watts":0}}}`})
	_, err := r.h.ExecuteNamed(t.Context(), "light", "a", "on", nil)
	refused, ok := err.(*wasm.DomainError)
	if !ok || refused.Type != "dark" || refused.Message != "no bulb" || string(refused.Data) != `{"watts":0}` || nacre.CodeOf(err) != "" {
		t.Errorf("got %T %v", err, err)
	}
	r.publish(wasmtest.Guest{Description: light(""), Decide: `{"events":[{"type":"light.off","data":1}]}`})
	_, err = r.h.ExecuteNamed(t.Context(), "light", "a", "on", nil)
	r.code("an event that was not described", err, wasm.CodeReply)
	r.publish(wasmtest.Guest{Description: light(""), Decide: `nonsense`})
	_, err = r.h.ExecuteNamed(t.Context(), "light", "a", "on", nil)
	r.code("what is no reply", err, wasm.CodeReply)
	if v, err := r.store.Version(t.Context(), "light-a"); err != nil || v != -1 {
		t.Errorf("something was written: %d, %v", v, err)
	}
}

func TestLimitsAreTheVersions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.h.Publish(t.Context(), "light", wasmtest.Guest{Description: light("")}.Build(t), &modules.PublishOptions{Limits: wasm.Limits{Memory: 64 << 10}})
	if _, ok := err.(*modules.Refusal); !ok {
		t.Errorf("two pages of memory under a limit of one: %v", err)
	}
	done, err := r.h.Publish(t.Context(), "light", wasmtest.Guest{Description: light("")}.Build(t), &modules.PublishOptions{Limits: wasm.Limits{Memory: 1 << 20}, Actor: "ann"})
	if err != nil || done.Version.Limits.Memory != 1<<20 || done.Version.Actor != "ann" {
		t.Errorf("got %+v, %v", done, err)
	}
	m, err := r.open().Module("light")
	if v, ok := m.Version(1); err != nil || !ok || v.Limits != (wasm.Limits{Memory: 1 << 20}) || v.Actor != "ann" {
		t.Errorf("a later host has %+v, %v", m, err)
	}
}

func TestACommandWithNothingToDoHasAState(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish(wasmtest.Guest{Description: light(""), Decide: `{}`, State: `{"watts":0}`})
	out, err := r.h.ExecuteNamed(t.Context(), "light", "a", "on", nil)
	if err != nil || out.Version != -1 || len(out.Events) != 0 {
		t.Fatalf("got %+v, %v", out, err)
	}
	if state, err := out.State(); err != nil || string(state) != `{"watts":0}` {
		t.Errorf("the state before the first event is %s, %v", state, err)
	}
}
