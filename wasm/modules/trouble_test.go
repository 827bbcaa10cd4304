package modules_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/modules"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

// A caller that leaves, or a disk that errs for a moment, takes no module out of use.
func TestWhatCouldNotBeReadForAMomentIsReadAgain(t *testing.T) {
	t.Parallel()
	d := newMemory(t)
	r := newRigOn(t, nacre.NewStore(d, nil), nil)
	r.publish(wasmtest.Guest{Description: light("")})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.h.Publish(gone, "light", wasmtest.Guest{Description: light(""), Note: "2"}.Build(t), nil); err == nil {
		t.Error("a caller that has left publishes")
	}
	r.on("a")
	d.companion.breaks(errors.New("the disk errs"))
	_, err := r.h.Rollback(t.Context(), "light", 1)
	r.code("rolling back on a disk that errs", err, nacre.CodeInternal)
	d.companion.breaks(nil)
	r.on("a")
	r.active(1)
}

// Where nobody is told what was written, the version takes over all the same.
func TestACallerThatLeavesWhileItsVersionIsWritten(t *testing.T) {
	t.Parallel()
	d := newMemory(t)
	r := newRigOn(t, nacre.NewStore(d, nil), nil)
	r.publish(wasmtest.Guest{Description: light("")})
	ctx, cancel := context.WithCancel(t.Context())
	d.onPut(func(string) { d.companion.breaks(errors.New("the disk errs")) })
	_, err := r.h.Publish(ctx, "light", wasmtest.Guest{Description: light(`,"schemaVersion":2`), State: "2"}.Build(t), nil)
	cancel()
	r.code("what was written could not be read", err, nacre.CodeInternal)
	d.companion.breaks(nil)
	r.until("version 2 is active", func() bool { m, err := r.h.Module("light"); return err == nil && m.Active == 2 })
	if got := r.on("a"); got != "2" {
		t.Errorf("the state is %s", got)
	}
}

func TestALostBinaryIsPublishedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	one := wasmtest.Guest{Description: light("")}
	done := r.publish(one)
	r.on("a")
	blobs, err := r.store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	key := "modules/" + done.Version.Hash
	for what, lose := range map[string]func() error{
		"lost":    func() error { return blobs.DeleteBlob(t.Context(), key) },
		"damaged": func() error { return blobs.PutBlob(t.Context(), key, []byte("damaged")) },
	} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
		h := r.open()
		_, err := h.ExecuteNamed(t.Context(), "light", "a", "on", nil)
		r.code("a command, the binary being "+what, err, nacre.CodeDamaged)
		_, err = h.Publish(t.Context(), "light", wasmtest.Guest{Description: light(""), Note: "2"}.Build(t), nil)
		r.code("another version, the binary being "+what, err, wasm.CodeRefused)
		if again, err := h.Publish(t.Context(), "light", one.Build(t), nil); err != nil || again.New || !again.Active {
			t.Fatalf("it was %s, and is published again: %+v, %v", what, again, err)
		}
		if got := r.onOf(h, "a"); got != "1" {
			t.Errorf("the state is %s", got)
		}
	}
	// Of a version that is not active, too.
	r.publish(wasmtest.Guest{Description: light(""), Note: "2"})
	if err := blobs.DeleteBlob(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	r.publish(one)
	r.active(1)
	r.onOf(r.open(), "a")
}

// Snapshots of an earlier version are read by no other one that has the same schemaVersion and other states.
func TestStatesOfASchemaVersionStayTheSame(t *testing.T) {
	t.Parallel()
	schema := func(n, state string) wasmtest.Guest {
		return wasmtest.Guest{Description: light(`,"schemaVersion":` + n), State: state}
	}
	keeping := &modules.Options{Aggregate: &aggregate.Options{SnapshotEvery: 1}}
	t.Run("an active one of another schema version", func(t *testing.T) {
		t.Parallel()
		r := newRigWith(t, keeping)
		r.publish(schema("1", "1"))
		r.on("a")
		r.publish(schema("2", "2"))
		r.refuse(schema("1", "2"), "version 1", `stream "light-a"`, "it was 1, and is 2")
		r.publish(schema("3", "3"))
		r.refuse(schema("2", "3"), "version 2")
		if done := r.publish(wasmtest.Guest{Description: light(""), Note: "as version 1"}); done.Version.Number != 4 {
			t.Errorf("published %+v", done)
		}
	})
	t.Run("one that is retired", func(t *testing.T) {
		t.Parallel()
		r := newRigWith(t, keeping)
		r.publish(schema("1", "1"))
		r.on("a")
		r.on("a")
		if _, err := r.h.Retire(t.Context(), "light"); err != nil {
			t.Fatal(err)
		}
		r.refuse(schema("1", "2"), "version 1", "it was 1, and is 2")
		r.publish(schema("2", "2"))
		if got := r.on("a"); got != "2" {
			t.Errorf("the state is %s", got)
		}
	})
	t.Run("one whose binary is lost", func(t *testing.T) {
		t.Parallel()
		r := newRigWith(t, keeping)
		first := r.publish(schema("1", "1"))
		r.on("a")
		if _, err := r.h.Retire(t.Context(), "light"); err != nil {
			t.Fatal(err)
		}
		blobs, err := r.store.Blobs()
		if err != nil {
			t.Fatal(err)
		}
		if err := blobs.DeleteBlob(t.Context(), "modules/"+first.Version.Hash); err != nil {
			t.Fatal(err)
		}
		r.refuse(schema("1", "2"), "version 1", "raise it")
		r.publish(schema("2", "2"))
	})
}

// A version that was active before becomes so again, though the one after it has other states and says so.
func TestRollingBackOverASchemaVersion(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, &modules.Options{Aggregate: &aggregate.Options{SnapshotEvery: 1}})
	for _, n := range []string{"1", "2"} {
		r.publish(wasmtest.Guest{Description: light(`,"schemaVersion":` + n), State: n})
		r.on("a")
	}
	if m, err := r.h.Rollback(t.Context(), "light", 0); err != nil || m.Active != 1 {
		t.Fatalf("rolled back: %+v, %v", m, err)
	}
	v, err := r.h.View(t.Context(), "light", "a", aggregate.Moment{})
	if err != nil || string(v.State) != "1" {
		t.Errorf("the state is %s, %v", v.State, err)
	}
}

func TestRollingBackBehindARetirement(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, note := range []string{"1", "2"} {
		r.publish(wasmtest.Guest{Description: light(""), Note: note})
	}
	if _, err := r.h.Retire(t.Context(), "light"); err != nil {
		t.Fatal(err)
	}
	r.publish(wasmtest.Guest{Description: light(""), Note: "2"})
	r.active(2)
	if m, err := r.h.Rollback(t.Context(), "light", 0); err != nil || m.Active != 1 {
		t.Errorf("rolled back to %d, %v", m.Active, err)
	}
	_, err := r.h.Rollback(t.Context(), "light", 0)
	r.code("nothing was active before version 1", err, nacre.CodeInvalid)
}

// Two hosts, as two processes have them, both look at the module before either of them writes.
func TestOfTwoHostsThatPublishAtOnceOneIsTold(t *testing.T) {
	t.Parallel()
	d := newMemory(t)
	r := newRigOn(t, nacre.NewStore(d, nil), nil)
	r.publish(wasmtest.Guest{Description: light("")})
	var both sync.WaitGroup
	both.Add(2)
	d.onPut(func(string) { both.Done(); both.Wait() })
	hosts := []*modules.Host{r.h, r.open()}
	var errs [2]error
	var done [2]modules.Published
	var wg sync.WaitGroup
	for i, note := range []string{"2", "3"} {
		binary := wasmtest.Guest{Description: light(""), Note: note}.Build(t)
		wg.Go(func() { done[i], errs[i] = hosts[i].Publish(t.Context(), "light", binary, nil) })
	}
	wg.Wait()
	d.onPut(nil)
	lost := 0
	if errs[0] == nil {
		lost = 1
	}
	r.code("the one that was slower", errs[lost], nacre.CodeVersionConflict)
	if errs[1-lost] != nil || !done[1-lost].New || done[1-lost].Version.Number != 2 {
		t.Errorf("the other one: %+v, %v", done[1-lost], errs[1-lost])
	}
	for _, h := range hosts {
		r.until("both have version 2", func() bool { m, err := h.Module("light"); return err == nil && m.Active == 2 })
		r.onOf(h, "a")
	}
	note := []string{"2", "3"}[lost]
	again, err := hosts[lost].Publish(t.Context(), "light", wasmtest.Guest{Description: light(""), Note: note}.Build(t), nil)
	if err != nil || again.Version.Number != 3 || !again.Active {
		t.Errorf("tried again: %+v, %v", again, err)
	}
}

// A store that is restored from a backup has other modules, which run.
func TestACompanionLogThatWasSetBack(t *testing.T) {
	t.Parallel()
	d := newMemory(t)
	r := newRigOn(t, nacre.NewStore(d, nil), nil)
	r.publish(wasmtest.Guest{Description: light("")})
	backup := memstore.Open(nil)
	t.Cleanup(func() { finish(t, func(context.Context) error { return backup.Close() }) })
	for e, err := range r.store.System().ReadStream(t.Context(), "module-light", nil) {
		if err == nil {
			_, err = backup.System().Append(t.Context(), e.StreamID, nacre.Any, nacre.Event{Type: e.Type, Data: e.Data})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	r.publish(wasmtest.Guest{Description: light(`,"schemaVersion":2`), State: "2"})
	dark := wasmtest.Guest{Description: `{"name":"dark","commands":{"on":{}},"events":{"light.on":{}}}`}
	if _, err := r.h.Publish(t.Context(), "dark", dark.Build(t), nil); err != nil {
		t.Fatal(err)
	}
	if got := r.on("a"); got != "2" {
		t.Fatalf("the state is %s", got)
	}
	d.companion.becomes(system(t, backup.Driver()))
	r.until("version 1 is active", func() bool { m, err := r.h.Module("light"); return err == nil && m.Active == 1 })
	r.until("the other module is not there", func() bool { _, err := r.h.Module("dark"); return nacre.CodeOf(err) == nacre.CodeNotFound })
	if got := r.on("a"); got != "1" {
		t.Errorf("the state is %s", got)
	}
	// The next version 2 is another one.
	r.publish(wasmtest.Guest{Description: light(`,"schemaVersion":3`), State: "3"})
	if got := r.on("a"); got != "3" {
		t.Errorf("the state is %s", got)
	}
}

func TestAStoreWithoutACompanionLogHasNoModules(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	store := nacre.NewStore(struct{ nacre.Driver }{memstore.Open(nil).Driver()}, nil)
	t.Cleanup(func() { finish(t, func(context.Context) error { return store.Close() }) })
	_, err := modules.Open(t.Context(), store, r.engine, nil)
	r.code("a host", err, nacre.CodeUnsupported)
	there, err := modules.Present(t.Context(), store)
	if there || err != nil {
		t.Errorf("something is there: %v, %v", there, err)
	}
}

func TestLimitsOfLessThanAMillisecond(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	binary := wasmtest.Guest{Description: light("")}.Build(t)
	short := &modules.PublishOptions{Limits: wasm.Limits{Running: 1500 * time.Microsecond}}
	done, err := r.h.Publish(t.Context(), "light", binary, short)
	if err != nil || done.Version.Limits.Running != 2*time.Millisecond {
		t.Errorf("got %+v, %v", done.Version, err)
	}
	if again, err := r.h.Publish(t.Context(), "light", binary, short); err != nil || again.New {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	for _, l := range []wasm.Limits{{Memory: -1}, {Depth: -1}, {Reply: -1}, {Running: -1}, {Call: -time.Second}} {
		_, err := r.h.Publish(t.Context(), "light", binary, &modules.PublishOptions{Limits: l})
		r.code("a limit below zero", err, nacre.CodeInvalid)
	}
}

func TestWhenAVersionWasPublishedIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish(wasmtest.Guest{Description: light("")})
	if _, err := r.h.Pin(t.Context(), "light", 1); err != nil {
		t.Fatal(err)
	}
	if done := r.publish(wasmtest.Guest{Description: light(""), Note: "2"}); done.Version.PublishedAt.IsZero() {
		t.Errorf("version 2 of a pinned module: %+v", done.Version)
	}
}

// One module of which the companion log is damaged is out of use; the others are not.
func TestADamagedModule(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]nacre.Event{
		"a version that is not there": {Type: "module.activated", Data: []byte(`{"version":9}`)},
		"a version out of turn":       {Type: "module.published", Data: []byte(`{"version":7,"hash":"x","description":{}}`)},
		"no description":              {Type: "module.published", Data: []byte(`{"version":2,"hash":"x"}`)},
		"another shape":               {Type: "module.activated", Data: []byte(`[]`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.publish(wasmtest.Guest{Description: light("")})
			dark := wasmtest.Guest{Description: `{"name":"dark","commands":{"on":{}},"events":{"light.on":{}}}`}
			if _, err := r.h.Publish(t.Context(), "dark", dark.Build(t), nil); err != nil {
				t.Fatal(err)
			}
			if _, err := r.store.System().Append(t.Context(), "module-light", nacre.Any, e); err != nil {
				t.Fatal(err)
			}
			r.until("it is out of use", func() bool { _, err := r.h.Module("light"); return nacre.CodeOf(err) == nacre.CodeDamaged })
			for _, h := range []*modules.Host{r.h, r.open()} {
				_, err := h.ExecuteNamed(t.Context(), "light", "a", "on", nil)
				r.code("a command", err, nacre.CodeDamaged)
				_, err = h.Publish(t.Context(), "light", wasmtest.Guest{Description: light(""), Note: "2"}.Build(t), nil)
				r.code("a publication", err, nacre.CodeDamaged)
				_, err = h.Retire(t.Context(), "light")
				r.code("a retirement", err, nacre.CodeDamaged)
				if list := h.List(); len(list) != 1 || list[0].Name != "dark" {
					t.Errorf("the list is %+v", list)
				}
				if _, err := h.ExecuteNamed(t.Context(), "dark", "a", "on", nil); err != nil {
					t.Errorf("the other module: %v", err)
				}
			}
		})
	}
	t.Run("what is not known is passed over", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.publish(wasmtest.Guest{Description: light("")})
		if _, err := r.store.System().Append(t.Context(), "module-light", nacre.Any, nacre.Event{Type: "module.praised", Data: []byte(`[]`)}); err != nil {
			t.Fatal(err)
		}
		r.publish(wasmtest.Guest{Description: light(""), Note: "2"})
		r.on("a")
	})
}
