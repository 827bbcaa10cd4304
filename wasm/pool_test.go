package wasm_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wasm"
)

// until waits for something that other goroutines do.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestInstancesLeaveWhenTheyAreIdle(t *testing.T) {
	t.Parallel()
	e := quiet(t)
	m := compile(t, e, text{}.assemble(t), &wasm.Limits{IdleAfter: 20 * time.Millisecond})
	for range 2 {
		until(t, "idle instances have left, and their memory", func() bool { all, _ := m.Instances(); return all == 0 && e.Memory() == 0 })
		if _, err := m.Decider().Decide(nil, add, now); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInstancesAreBounded(t *testing.T) {
	t.Parallel()
	m := compile(t, quiet(t), text{}.assemble(t), &wasm.Limits{Instances: 2})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 200 {
				if _, err := m.Decider().Decide(nil, add, now); err != nil {
					t.Error(err)
				}
				if n, _ := m.Instances(); n > 2 {
					t.Errorf("there are %d instances", n)
				}
			}
		})
	}
	all.Wait()
}

func TestWhoWaitsForAnInstanceIsToldInTime(t *testing.T) {
	t.Parallel()
	m := compile(t, quiet(t), text{decide: forever}.assemble(t), &wasm.Limits{Instances: 1, Running: time.Hour, Call: 50 * time.Millisecond})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if _, err := m.Decider().Decide(nil, add, now); nacre.CodeOf(err) != nacre.CodeDeadline {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n, idle := m.Instances(); n != idle {
		t.Errorf("of %d instances, %d are idle", n, idle)
	}
}

func TestACallerThatLeavesEndsItsCall(t *testing.T) {
	t.Parallel()
	m := compile(t, quiet(t), text{decide: forever}.assemble(t), &wasm.Limits{Instances: 1, Running: time.Hour, Call: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 3 { // one runs, two wait
		all.Go(func() {
			if _, err := m.Decide(ctx, nil, add, now); nacre.CodeOf(err) != nacre.CodeCanceled {
				t.Error(err)
			}
		})
	}
	until(t, "there is a call", func() bool { all, idle := m.Instances(); return all == 1 && idle == 0 })
	cancel()
	all.Wait()
}

func TestInstancesOfOtherModulesMakeRoom(t *testing.T) {
	t.Parallel()
	const most = 1 << 20 // four instances of four pages each
	e := newEngine(t, &wasm.EngineOptions{Memory: most})
	for i := range 12 {
		description := fmt.Sprintf(`{"name":"m%d","commands":{"add":{}},"events":{"counter.added":{}}}`, i)
		m := compile(t, e, text{description: description}.assemble(t), nil)
		if _, err := m.Decider().Decide(nil, add, now); err != nil {
			t.Fatal(err)
		}
		if used := e.Memory(); used > most {
			t.Errorf("%d bytes are used, of at most %d", used, most)
		}
	}
	_, err := e.Compile(t.Context(), text{memory: `(memory (export "memory") 17)`}.assemble(t), nil)
	if nacre.CodeOf(err) != wasm.CodeMemory {
		t.Errorf("an instance that does not fit gives %v", err)
	}
}

func TestOneModuleHasAShareOfTheMemory(t *testing.T) {
	t.Parallel()
	const most = 4 << 20 // four instances of four pages each are a quarter
	e := newEngine(t, &wasm.EngineOptions{Memory: most})
	spin := "(local $i i32) (loop $again (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $again (i32.lt_u (local.get $i) (i32.const 100000)))) "
	m := compile(t, e, text{decide: spin + place(atDecides, len(plainDecides))}.assemble(t), &wasm.Limits{Instances: 16, Memory: 1 << 20})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 50 {
				if _, err := m.Decider().Decide(nil, add, now); err != nil {
					t.Error(err)
				}
				if used := e.Memory(); used > most/4 {
					t.Errorf("%d bytes are used, of at most %d", used, most/4)
				}
			}
		})
	}
	all.Wait()
	if n, idle := m.Instances(); n != idle || n > 4 {
		t.Errorf("there are %d instances, of which %d are idle", n, idle)
	}
}

func TestMemoryThatGrowsIsCounted(t *testing.T) {
	t.Parallel()
	e := quiet(t)
	// It grows by a page at each command, and writes to the end of it, which has to be zero.
	m := compile(t, e, text{decide: `(local $old i32)
		(local.set $old (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))
		(if (i32.load (local.get $old)) (then unreachable))
		(if (i32.load offset=65532 (local.get $old)) (then unreachable))
		(i32.store offset=65532 (local.get $old) (i32.const 7))
		` + place(atDecides, len(plainDecides))}.assemble(t), &wasm.Limits{Memory: 2 << 20, Instances: 1})
	for i := range 28 {
		if _, err := m.Decider().Decide(nil, add, now); err != nil {
			t.Fatalf("page %d: %v", 4+i, err)
		}
		if used := e.Memory(); used < int64(5+i)<<16 || used > 2<<20 {
			t.Errorf("with %d pages, %d bytes are counted", 5+i, used)
		}
	}
	if _, err := m.Decider().Decide(nil, add, now); nacre.CodeOf(err) != wasm.CodeMemory {
		t.Errorf("the page behind the last gives %v", err)
	}
	if used := e.Memory(); used != 0 {
		t.Errorf("%d bytes are still counted", used)
	}
}

func TestWhatIsClosedTakesNoMoreCalls(t *testing.T) {
	t.Parallel()
	e := quiet(t)
	m := compile(t, e, text{}.assemble(t), nil)
	other := compile(t, e, text{}.assemble(t), nil) // of the same binary
	for range 2 {
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Decider().Decide(nil, add, now); nacre.CodeOf(err) != nacre.CodeClosed {
		t.Errorf("a closed module gives %v", err)
	}
	if _, err := other.Decider().Decide(nil, add, now); err != nil {
		t.Errorf("another module of the same binary gives %v", err)
	}
	for range 2 {
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := other.Decider().Decide(nil, add, now); nacre.CodeOf(err) != nacre.CodeClosed {
		t.Errorf("a module of a closed engine gives %v", err)
	}
	if _, err := e.Compile(t.Context(), text{}.assemble(t), nil); nacre.CodeOf(err) != nacre.CodeClosed {
		t.Errorf("a closed engine gives %v", err)
	}
}

func TestCloseWaitsForCalls(t *testing.T) {
	t.Parallel()
	m := compile(t, quiet(t), text{decide: forever}.assemble(t), &wasm.Limits{Running: 500 * time.Millisecond})
	failed := make(chan error, 1)
	go func() {
		_, err := m.Decider().Decide(nil, add, now)
		failed <- err
	}()
	until(t, "there is a call", func() bool { all, idle := m.Instances(); return all == 1 && idle == 0 })
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-failed:
		if nacre.CodeOf(err) != nacre.CodeDeadline {
			t.Errorf("the call ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the module was closed before its call ended")
	}
}

func TestEngineOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, o := range []wasm.EngineOptions{{Memory: 1}, {SlowAfter: -1}, {StartSlowAfter: -1}, {Quantum: -1}, {Cache: "/dev/null/x"}} {
		if _, err := wasm.NewEngine(t.Context(), &o); nacre.CodeOf(err) != nacre.CodeInvalid {
			t.Errorf("%+v gives %v", o, err)
		}
	}
}

func TestWhatWasCompiledIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		e := newEngine(t, &wasm.EngineOptions{Cache: dir})
		m := compile(t, e, text{}.assemble(t), nil)
		if _, err := m.Decider().Decide(nil, add, now); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWhatAGuestDoesWithoutMemoryIsNotBelieved has a guest that comes to something else where its memory does not grow:
// whether it does, hangs on what others need.
func TestWhatAGuestDoesWithoutMemoryIsNotBelieved(t *testing.T) {
	t.Parallel()
	e := newEngine(t, &wasm.EngineOptions{Memory: 12 << 16, Logger: slog.New(slog.DiscardHandler)})
	busy := compile(t, e, text{decide: forever}.assemble(t), &wasm.Limits{Running: time.Hour, Call: time.Hour})
	grows := "(if (i32.lt_s (memory.grow (i32.const 8)) (i32.const 0)) (then (return " + place(atEvolves, 2) + "))) "
	m := compile(t, e, text{evolves: "{}", decide: grows + place(atDecides, len(plainDecides))}.assemble(t), &wasm.Limits{Memory: 12 << 16})
	ended := make(chan error, 1)
	go func() {
		_, err := busy.Decider().Decide(nil, add, now)
		ended <- err
	}()
	until(t, "the other one is at work", func() bool { all, idle := busy.Instances(); return all == 1 && idle == 0 })
	for range 2 {
		if events, err := m.Decider().Decide(nil, add, now); nacre.CodeOf(err) != wasm.CodeMemory || !strings.Contains(err.Error(), "all together") {
			t.Errorf("without memory it gives %v, %v", events, err)
		}
	}
	ctx, cancel := contextThatEnded()
	defer cancel()
	if err := busy.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := <-ended; nacre.CodeOf(err) != nacre.CodeClosed {
		t.Error(err)
	}
	if events, err := m.Decider().Decide(nil, add, now); err != nil || len(events) != 1 {
		t.Errorf("with memory it gives %v, %v", events, err)
	}
}

// TestModulesThatTakeAllTheMemoryDoNotStarveOthers has modules that grow as far as they can, and then loop for ever.
func TestModulesThatTakeAllTheMemoryDoNotStarveOthers(t *testing.T) {
	t.Parallel()
	e := newEngine(t, &wasm.EngineOptions{Memory: 16 << 20, Logger: slog.New(slog.DiscardHandler)})
	small := compile(t, e, text{}.assemble(t), nil)
	grow := "(loop $more (br_if $more (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0)))) "
	var ends sync.WaitGroup
	var hogs []*wasm.Module
	for i := range 8 {
		description := fmt.Sprintf(`{"name":"m%d","commands":{"add":{}},"events":{"counter.added":{}}}`, i)
		m := compile(t, e, text{description: description, decide: grow + forever}.assemble(t), &wasm.Limits{Memory: 4 << 20, Running: time.Hour, Call: time.Hour})
		hogs = append(hogs, m)
		ends.Go(func() {
			if _, err := m.Decider().Decide(nil, add, now); nacre.CodeOf(err) != nacre.CodeClosed {
				t.Errorf("a loop ended with %v", err)
			}
		})
		until(t, "it is at work", func() bool { all, idle := m.Instances(); return all == 1 && idle == 0 })
	}
	before := int64(0)
	until(t, "they have grown", func() bool {
		used := e.Memory()
		grown := used == before && used > 8<<20
		before = used
		time.Sleep(20 * time.Millisecond)
		return grown
	})
	for range 100 {
		if events, err := small.Decider().Decide(nil, add, now); err != nil || len(events) != 1 {
			t.Fatalf("beside them a command gives %v, %v", events, err)
		}
	}
	ctx, cancel := contextThatEnded()
	defer cancel()
	for _, m := range hogs {
		if err := m.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	ends.Wait()
}
