package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre/wasm"
)

// eachRuns is how many commands an instance executes before its memory is looked at.
const eachRuns = 5000

// wasmMemory measures what an instance costs that waits in the pool, in a process of its own.
func wasmMemory(ctx context.Context, s *settings, r *report, dir string, guests []guest) error {
	if !hasAnonymousRSS {
		r.remark("what instances of modules cost is not known: this system does not tell a process' anonymous memory")
		return nil
	}
	t := r.section("WebAssembly: memory of an instance in the pool", fmt.Sprintf("The growth of a process' anonymous memory from 1 to %d idle instances, by instance. Each has executed %d commands "+
		"on %d counters; the collector has run, and memory that it freed was given back. \"Declared\" is what the guest's own memory has, touched or not.", s.sandboxes, eachRuns, keptCounters),
		"guest", "module", "an instance", "declared")
	for _, g := range guests {
		file := filepath.Join(dir, g.name+".wasm")
		if err := os.WriteFile(file, g.binary, 0o600); err != nil {
			return err
		}
		c, err := startChild(ctx, task{What: childGuest, Module: file, Compiled: compiledIn(dir), Payload: g.payload, Instances: s.sandboxes})
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		if err := errors.Join(c.input.Close(), c.cmd.Wait()); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		r.say("an instance of the counter in %s: %s", g.name, kibi(c.told.Resident))
		t.row(g.name, kibi(int64(len(g.binary))), kibi(c.told.Resident), kibi(c.told.Linear))
		if g.memory > 0 {
			r.figure("memory of an instance in the pool, "+g.name, kibi(g.memory), kibi(c.told.Resident), c.told.Resident <= g.memory)
		}
	}
	return nil
}

// holding makes calls take long, so that many are at work at once.
const holding = 700 * time.Millisecond

// guest is what a child does that runs a module in many instances.
func (do *task) guest(t *told) (err error) {
	ctx := context.Background()
	binary, err := os.ReadFile(do.Module)
	if err != nil {
		return err
	}
	var held atomic.Bool
	engine, err := wasm.NewEngine(ctx, &wasm.EngineOptions{
		Cache: do.Compiled, Logger: slog.New(slog.DiscardHandler), Memory: 4 << 30,
		SlowAfter: time.Hour, StartSlowAfter: time.Hour,
		// The engine looks at the clock while a call has an instance.
		Clock: func() time.Time {
			if held.Load() {
				time.Sleep(holding)
			}
			return time.Now()
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close(ctx)) }()
	m, err := engine.Compile(ctx, binary, &wasm.Limits{Instances: do.Instances, IdleAfter: -1, Running: time.Hour, Call: time.Hour})
	if err != nil {
		return err
	}
	one := newGuestCalls(m, do.Payload)
	if err := one.calls(ctx, eachRuns); err != nil {
		return err
	}
	before, err := settledMemory()
	if err != nil {
		return err
	}
	linear := engine.Memory()

	held.Store(true)
	all := make([]*guestCalls, do.Instances)
	failed := make([]error, do.Instances)
	var together sync.WaitGroup
	for i := range all {
		all[i] = newGuestCalls(m, do.Payload)
		together.Go(func() { failed[i] = all[i].one(ctx, 0, false) })
	}
	together.Wait()
	held.Store(false)
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if n, _ := m.Instances(); n != do.Instances {
		return fmt.Errorf("there are %d instances, not %d: is the machine busy?", n, do.Instances)
	}
	for _, calls := range all { // their states are where the first one was
		if err := calls.calls(ctx, eachRuns); err != nil {
			return err
		}
	}
	after, err := settledMemory()
	if err != nil {
		return err
	}
	more := int64(do.Instances - 1)
	t.Resident, t.Linear = (after-before)/more, (engine.Memory()-linear)/more
	return nil
}

// calls executes commands.
func (g *guestCalls) calls(ctx context.Context, n int) error {
	for i := range n {
		if err := g.one(ctx, i%keptCounters, false); err != nil {
			return err
		}
	}
	return nil
}

// settledMemory is this process' anonymous memory once everything was collected.
func settledMemory() (int64, error) {
	for range 2 { // what finalizers let go, the second one finds
		debug.FreeOSMemory()
	}
	return anonymousRSS()
}
