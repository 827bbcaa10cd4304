package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	domain "github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/wasm"
)

const (
	// keptCounters is how many counters are at work in an instance: fewer than it keeps states.
	keptCounters = 100

	goCallsAim = 100_000
	// smallCallsAim is that of the faster of the guests without a large run-time library.
	smallCallsAim = 300_000
)

// wasmCase measures aggregates that are WebAssembly modules.
func wasmCase(ctx context.Context, s *settings, r *report, dir string) error {
	if err := s.room(r, "the case wasm", dir, 8<<30); err != nil {
		return err
	}
	guests, err := buildGuests(ctx, r)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context, *settings, *report, string, []guest) error{
		wasmCalls, wasmCommands, wasmDamage, wasmStart, wasmMemory,
	} {
		if err := inFolder(dir, "step", func(dir string) error { return step(ctx, s, r, dir, guests) }); err != nil {
			return err
		}
	}
	return nil
}

// compiledIn is where all steps of the case keep what modules are compiled to. It is no step's own, so that none compiles
// what another one has.
func compiledIn(step string) string { return filepath.Join(filepath.Dir(step), "compiled") }

// wasmCalls measures what modules do on one core, without a store.
func wasmCalls(ctx context.Context, s *settings, r *report, dir string, guests []guest) (err error) {
	engine, err := wasm.NewEngine(ctx, &wasm.EngineOptions{Cache: compiledIn(dir), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() {
		if closed := engine.Close(context.WithoutCancel(ctx)); err == nil {
			err = closed
		}
	}()
	var lanes []lane
	for _, g := range guests {
		m, err := engine.Compile(ctx, g.binary, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		lanes = append(lanes,
			lane{g.name + ", states kept", newGuestCalls(m, g.payload).lane(false)},
			lane{g.name + ", states out and in", newGuestCalls(m, g.payload).lane(true)})
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const what = "decide and evolve"
	got, err := rotate(ctx, r, what, s.rounds, s.slice, lanes)
	if err != nil {
		return err
	}
	t := r.section("WebAssembly: "+what+", one core", fmt.Sprintf("The SDKs' counters, %d of them in turn, without a store: from a payload to the event and the state behind it. "+
		"\"Out and in\": the state is asked for after each command, and given as JSON to the next; that is two calls.", keptCounters),
		"guest", "commands/s, median", "spread", "each")
	for _, l := range lanes {
		m := got[l.name]
		t.row(append(append([]string{l.name}, rateCells(m)[:2]...), short(time.Duration(1e9/m.rate())))...)
	}
	const kept = ", states kept"
	rate := func(g guest) float64 { return got[g.name+kept].rate() }
	aim := func(g guest, least float64) {
		r.figure("decide and evolve on one core, "+g.name+kept+", calls/s", count(least), count(rate(g)), rate(g) >= least)
	}
	aim(guests[0], goCallsAim)
	if small := guests[1:]; len(small) > 0 { // Rust or AssemblyScript
		aim(slices.MaxFunc(small, func(a, b guest) int { return cmp.Compare(rate(a), rate(b)) }), smallCallsAim)
	}
	return nil
}

// guestCalls are counters of a module.
type guestCalls struct {
	m       *wasm.Module
	d       domain.Decider[*wasm.State, wasm.Command, wasm.Event]
	payload []byte
	states  [keptCounters]*wasm.State
	ids     [keptCounters]string
	sum     int
}

func newGuestCalls(m *wasm.Module, payload string) *guestCalls {
	g := &guestCalls{m: m, d: m.Decider(), payload: []byte(payload)}
	for i := range g.ids {
		g.ids[i] = strconv.Itoa(i)
	}
	return g
}

// lane calls for a while, and looks at what came of it.
func (g *guestCalls) lane(outAndIn bool) func(context.Context, time.Duration) (slice, error) {
	return func(ctx context.Context, d time.Duration) (out slice, err error) {
		start := time.Now()
		for out.elapsed < d && ctx.Err() == nil {
			for i := range g.states {
				if err := g.one(ctx, i, outAndIn); err != nil {
					return out, err
				}
			}
			out.events += keptCounters
			out.elapsed = time.Since(start)
		}
		g.sum += int(out.events)
		return out, g.check(ctx)
	}
}

func (g *guestCalls) one(ctx context.Context, i int, outAndIn bool) error {
	command, err := wasm.Command{}.Read(increment, g.payload, 1)
	if err != nil {
		return err
	}
	events, err := g.m.Decide(ctx, g.states[i], command.(wasm.Command), domain.Context{ID: g.ids[i], Time: time.Now()})
	if err != nil {
		return err
	}
	for _, e := range events {
		g.states[i] = g.d.Evolve(g.states[i], e)
	}
	if !outAndIn {
		return nil
	}
	text, err := g.states[i].JSON(ctx)
	if err != nil {
		return err
	}
	g.states[i] = &wasm.State{}
	return g.states[i].UnmarshalJSON(text)
}

// check compares the counters with how many commands there were.
func (g *guestCalls) check(ctx context.Context) error {
	sum := 0
	for _, s := range g.states {
		text, err := s.JSON(ctx)
		if err != nil {
			return err
		}
		n, err := counterOf(text)
		if err != nil {
			return err
		}
		sum += n
	}
	if sum != g.sum {
		return fmt.Errorf("the counters come to %d after %d commands", sum, g.sum)
	}
	return ctx.Err()
}

// counterOf reads a counter's state: a number in Go, an object in the others.
func counterOf(state []byte) (int, error) {
	var n int
	if json.Unmarshal(state, &n) == nil {
		return n, nil
	}
	var o struct{ Count int }
	err := json.Unmarshal(state, &o)
	return o.Count, err
}
