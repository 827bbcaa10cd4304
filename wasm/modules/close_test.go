package modules_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/modules"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

const again = "(loop $again (br $again)) unreachable"

// looping is a module whose command never ends.
func looping(t *testing.T) []byte { return stuck(t, again, "unreachable") }

// stuck is a module that decides and evolves in some way.
func stuck(t *testing.T, decide, evolve string) []byte {
	t.Helper()
	const description = `{"name":"light","commands":{"on":{}},"events":{"light.on":{}}}`
	return wasmtest.Assemble(t, `
	(module
	  (memory (export "memory") 1)
	  (data (i32.const 0) "{\"name\":\"light\",\"commands\":{\"on\":{}},\"events\":{\"light.on\":{}}}")
	  (func (export "nacre_abi") (result i32) (i32.const 1))
	  (func (export "nacre_alloc") (param $size i32) (result i32) (i32.const 4096))
	  (func (export "nacre_describe") (result i64) (i64.const `+strconv.Itoa(len(description))+`))
	  (func (export "nacre_decide") (param $p i32) (param $n i32) (result i64) `+decide+`)
	  (func (export "nacre_evolve") (param $p i32) (param $n i32) (result i64) `+evolve+`))`)
}

// publishPatient publishes what may run for long.
func (r *rig) publishPatient(binary []byte) {
	r.Helper()
	if _, err := r.h.Publish(r.Context(), "light", binary, &modules.PublishOptions{
		Limits: wasm.Limits{Running: time.Hour, Call: time.Hour},
	}); err != nil {
		r.Fatal(err)
	}
}

// begun gives a host of a module that executes a command which never ends.
func begun(t *testing.T) (r *rig, result chan error) {
	t.Helper()
	asked := make(chan struct{}, 1) // the time of a command is asked for when it has its version
	r = newRigWith(t, &modules.Options{Aggregate: &aggregate.Options{Clock: func() time.Time {
		select {
		case asked <- struct{}{}:
		default:
		}
		return time.Now()
	}}})
	r.publishPatient(looping(t))
	result = make(chan error, 1)
	go func() {
		_, err := r.h.ExecuteNamed(context.WithoutCancel(t.Context()), "light", "a", "on", nil)
		result <- err
	}()
	<-asked
	return r, result
}

// What has not ended when the time for that is over is ended, and nobody waits any more.
func TestClosingEndsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	r, executing := begun(t)
	results := make(chan error, 20)
	var waiting sync.WaitGroup
	ctx := context.WithoutCancel(t.Context())
	waiting.Go(func() { // the next version waits for the command that does not end
		_, err := r.h.Publish(ctx, "light", wasmtest.Guest{Description: light(""), Note: "2"}.Build(t), nil)
		results <- err
	})
	r.until("version 2 is written", func() bool { m, err := r.h.Module("light"); return err == nil && m.Active == 2 })
	for range 5 {
		waiting.Go(func() {
			_, err := r.h.ExecuteNamed(ctx, "light", "b", "on", nil)
			results <- err
		})
		waiting.Go(func() {
			_, err := r.h.Rollback(ctx, "light", 1)
			results <- err
		})
	}
	soon, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if err := r.h.Close(soon); nacre.CodeOf(err) != nacre.CodeDeadline {
		t.Errorf("closing: %v", err)
	}
	r.code("the command that never ends", <-executing, nacre.CodeClosed)
	waiting.Wait()
	close(results)
	for err := range results {
		r.code("who waited", err, nacre.CodeClosed)
	}
}

// A caller that does not stay until the version before has ended is told so, and the next one finds the new version.
func TestACallerThatDoesNotWaitForTheNextVersion(t *testing.T) {
	t.Parallel()
	r, executing := begun(t)
	leaving, leave := context.WithCancel(t.Context())
	defer leave()
	published := make(chan error, 1)
	go func() {
		_, err := r.h.Publish(leaving, "light", wasmtest.Guest{Description: light(""), Note: "2"}.Build(t), nil)
		published <- err
	}()
	r.until("version 2 is written", func() bool { m, err := r.h.Module("light"); return err == nil && m.Active == 2 })
	leave()
	r.code("a publication that does not wait", <-published, nacre.CodeDeadline)
	ctx := context.WithoutCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := r.h.ExecuteNamed(ctx, "light", "b", "on", nil)
		result <- err
	}()
	past, cancel := context.WithTimeout(ctx, 0)
	defer cancel()
	if err := r.h.Close(past); nacre.CodeOf(err) != nacre.CodeDeadline {
		t.Errorf("closing: %v", err)
	}
	r.code("the command that never ends", <-executing, nacre.CodeClosed)
	r.code("the one behind it", <-result, nacre.CodeClosed)
	if v, err := r.store.Version(t.Context(), "light-a"); err != nil || v != -1 {
		t.Errorf("something was written: %d, %v", v, err)
	}
}

// Who looks at a state, of a long stream perhaps, holds up nobody who commands.
func TestALookDoesNotHoldUpTheNextVersion(t *testing.T) {
	t.Parallel()
	looking := make(chan struct{}, 1)
	d := newMemory(t)
	r := newRigOn(t, nacre.NewStore(d, nil), nil)
	r.publishPatient(stuck(t, "unreachable", again))
	if _, err := r.store.Append(t.Context(), "light-a", nacre.Any, nacre.NewEvent("light.on", struct{}{})); err != nil {
		t.Fatal(err)
	}
	d.onRead(func() {
		select {
		case looking <- struct{}{}:
		default:
		}
	})
	result := make(chan error, 1)
	go func() {
		_, err := r.h.View(context.WithoutCancel(t.Context()), "light", "a", aggregate.Moment{})
		result <- err
	}()
	<-looking
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if m, err := r.h.Retire(soon, "light"); err != nil || m.Active != 0 {
		t.Fatalf("retired: %+v, %v", m, err)
	}
	select {
	case err := <-result:
		t.Errorf("the look has ended: %v", err)
	default:
	}
	past, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if err := r.h.Close(past); nacre.CodeOf(err) != nacre.CodeDeadline {
		t.Errorf("closing: %v", err)
	}
	r.code("the look", <-result, nacre.CodeClosed)
}
