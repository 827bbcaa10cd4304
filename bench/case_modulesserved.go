package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nacredb/nacre"
)

const (
	wasmCallers = 64
	wasmGoal    = 0.70
	// hostile is how many modules loop for ever, and how many beside them do not.
	hostile    = 10
	damageGoal = 2.0
	startAim   = time.Second

	nativeName = "native Go aggregate"
)

// wasmCommands compares commands over HTTP to modules with those to an aggregate that is compiled into the server.
func wasmCommands(ctx context.Context, s *settings, r *report, dir string, guests []guest) (err error) {
	native, err := startServerOf(ctx, task{Dir: filepath.Join(dir, "native"), Aggregates: aggregatesNative})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, native.stop()) }()
	sandboxed, err := startServerOf(ctx, task{Dir: filepath.Join(dir, "modules"), Aggregates: aggregatesModules, Compiled: compiledIn(dir)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sandboxed.stop()) }()

	var lanes []lane
	add := func(name string, on *serving, store, payload string, binary []byte) error {
		c := newCaller(on, store, wasmCallers)
		if err := c.create(ctx, store); err != nil {
			return err
		}
		if binary != nil {
			if err := c.publish(ctx, counterName, binary); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		log, err := on.open(store)
		if err != nil {
			return err
		}
		lanes = append(lanes, commandLane(name, c, log, payload))
		return nil
	}
	if err := add(nativeName, native, "native", "{}", nil); err != nil {
		return err
	}
	for _, g := range guests {
		if err := add("module, "+g.name, sandboxed, "in-"+strings.ToLower(g.name), g.payload, g.binary); err != nil {
			return err
		}
	}
	const what = "commands over HTTP, 64 callers"
	got, err := rotate(ctx, r, what, s.rounds, s.slice, lanes)
	if err != nil {
		return err
	}
	t := r.section("WebAssembly: "+what, fmt.Sprintf("One command a request, %s aggregate instances, each answered when its event is durable, with the state behind it. Servers in processes of "+
		"their own, which differ in nothing but their aggregates; the counter in Go is the same source natively and as a module. After each slice the log has grown by what was acknowledged.",
		thousands(manyAccounts)), rateHead("of native")...)
	for _, l := range lanes {
		ratio := got[l.name].rate() / got[nativeName].rate()
		t.row(append(append([]string{l.name}, rateCells(got[l.name])...), percent(ratio))...)
		if l.name != nativeName {
			r.ratio("durable commands/s over HTTP, 64 callers, "+l.name+", against a native Go aggregate", ratio, wasmGoal)
		}
	}
	return nil
}

// commandLane executes commands, and looks after each slice that the log holds what was acknowledged.
func commandLane(name string, c *caller, log *nacre.Store, payload string) lane {
	ws := newWriters(wasmCallers, "commands", nil)
	return lane{name, func(ctx context.Context, d time.Duration) (out slice, err error) {
		before, err := log.Head(ctx)
		if err != nil {
			return out, err
		}
		out, err = driveFor(ctx, ws, d, func(ctx context.Context, w *writer) (int, error) {
			w.taken++
			n := (w.number*7919 + w.taken*wasmCallers) % manyAccounts
			return 1, c.execute(ctx, counterName, strconv.Itoa(n), increment, payload)
		})
		if err != nil {
			return out, err
		}
		after, err := log.Head(ctx)
		if err == nil && int64(after.Position-before.Position) != out.events {
			err = fmt.Errorf("%d commands were acknowledged, and the log grew by %d events", out.events, after.Position-before.Position)
		}
		return out, err
	}}
}

// wasmDamage measures how much longer commands take while others loop for ever.
func wasmDamage(ctx context.Context, s *settings, r *report, dir string, guests []guest) (err error) {
	spinner, err := buildSpinner(ctx)
	if err != nil {
		return err
	}
	on, err := startServerOf(ctx, task{Dir: filepath.Join(dir, "data"), Aggregates: aggregatesModules, Compiled: compiledIn(dir)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, on.stop()) }()
	c := newCaller(on, storeName, 2*hostile)
	defer c.leave()
	for i := range hostile {
		if err := c.publish(ctx, numbered(counterName, i), renamed(guests[0].binary, counterName, numbered(counterName, i))); err != nil {
			return err
		}
		if err := c.publish(ctx, numbered(spinnerName, i), renamed(spinner, spinnerName, numbered(spinnerName, i))); err != nil {
			return err
		}
	}
	ws := newWriters(hostile, "beside", nil)
	tails := map[string][]float64{}
	measure := func(ctx context.Context, name string, d time.Duration) (slice, error) {
		out, err := driveFor(ctx, ws, d, func(ctx context.Context, w *writer) (int, error) {
			w.taken++
			return 1, c.execute(ctx, numbered(counterName, w.number), strconv.Itoa(w.taken%100), increment, guests[0].payload)
		})
		tails[name] = append(tails[name], out.waits.quantile(0.99).Seconds())
		return out, err
	}
	const alone, beside = "alone", "beside 10 that loop for ever"
	lanes := []lane{
		{alone, func(ctx context.Context, d time.Duration) (slice, error) { return measure(ctx, alone, d) }},
		{beside, func(ctx context.Context, d time.Duration) (slice, error) {
			end := loopForEver(ctx, c)
			out, err := measure(ctx, beside, d)
			return out, errors.Join(err, end())
		}},
	}
	what := fmt.Sprintf("%d modules", hostile)
	got, err := rotate(ctx, r, "WebAssembly: "+what, s.rounds, 4*s.slice, lanes)
	if err != nil {
		return err
	}
	t := r.section("WebAssembly: "+what+" beside others that loop for ever", fmt.Sprintf("A caller a module, over HTTP, commands of the counter in Go, durable, in slices of %s. "+
		"Beside them %d callers ask %d other modules for commands that never end, with default limits: each such call is ended after it ran for 1 s or took 10 s, is answered with 504, and asked for again. "+
		"p99 is the median of the slices' own.", 4*s.slice, hostile, hostile), rateHead("p99 of the slices")...)
	for _, l := range lanes {
		tails[l.name] = slices.Clone(tails[l.name][1:]) // the first one warms up
		t.row(append(append([]string{l.name}, rateCells(got[l.name])...), short(time.Duration(median(tails[l.name])*1e9)))...)
	}
	ratio := median(tails[beside]) / median(tails[alone])
	r.holds("p99 of 10 modules' commands beside 10 that loop for ever, of their p99 alone", fmt.Sprintf("below %.1f times", damageGoal), times(ratio), ratio < damageGoal)
	return nil
}

// loopForEver asks every spinner for commands until end is called, which waits for the last answers.
func loopForEver(ctx context.Context, c *caller) (end func() error) {
	stop := make(chan struct{})
	failed := make([]error, hostile)
	var all sync.WaitGroup
	for i := range hostile {
		all.Go(func() {
			for failed[i] == nil {
				failed[i] = c.do(ctx, http.MethodPost, "/aggregates/"+numbered(spinnerName, i)+"/x/commands/spin", []byte(`{"payload":{}}`), http.StatusGatewayTimeout)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	return func() error {
		close(stop)
		all.Wait()
		return errors.Join(failed...)
	}
}

// wasmStart measures how long a server takes from its start until each of its modules has executed a command.
func wasmStart(ctx context.Context, s *settings, r *report, dir string, guests []guest) error {
	do := task{Dir: filepath.Join(dir, "data"), Aggregates: aggregatesModules, Compiled: compiledIn(dir)}
	g := guests[0]
	// run starts the server, and calls use with it.
	run := func(use func(c *caller) error) (took time.Duration, err error) {
		start := time.Now()
		on, err := startServerOf(ctx, do)
		if err != nil {
			return 0, err
		}
		c := newCaller(on, storeName, s.modules)
		defer c.leave()
		err = use(c)
		took = time.Since(start)
		return took, errors.Join(err, on.stop())
	}
	if _, err := run(func(c *caller) error {
		for i := range s.modules {
			if err := c.publish(ctx, numbered(counterName, i), renamed(g.binary, counterName, numbered(counterName, i))); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	one := func(c *caller, i int) error {
		return c.execute(ctx, numbered(counterName, i), "first", increment, g.payload)
	}
	inTurn := func(c *caller) error {
		for i := range s.modules {
			if err := one(c, i); err != nil {
				return err
			}
		}
		return nil
	}
	atOnce := func(c *caller) error {
		failed := make([]error, s.modules)
		var all sync.WaitGroup
		for i := range s.modules {
			all.Go(func() { failed[i] = one(c, i) })
		}
		all.Wait()
		return errors.Join(failed...)
	}
	what := fmt.Sprintf("start of a server with %d modules", s.modules)
	t := r.section("WebAssembly: "+what, fmt.Sprintf("From the start of the process until the first command of each was acknowledged. Each module is the counter in Go under another name, "+
		"of %d KiB. Warm: what they were compiled to is on the disk. The slowest of %d starts.", len(g.binary)>>10, s.rounds), "first commands", "slowest", "fastest")
	for _, way := range []struct {
		name string
		use  func(*caller) error
		aims bool
	}{{"all at once", atOnce, true}, {"one after the other", inTurn, false}, {"none", func(*caller) error { return nil }, false}} {
		var all []time.Duration
		for range s.rounds {
			took, err := run(way.use)
			if err != nil {
				return err
			}
			all = append(all, took)
		}
		slowest := slices.Max(all)
		r.say("%s, first commands %s: %s", what, way.name, short(slowest))
		t.row(way.name, short(slowest), short(slices.Min(all)))
		if way.aims {
			r.figure(what+", cache warm, until the first command of each", short(startAim), short(slowest), slowest <= startAim)
		}
	}
	return nil
}
