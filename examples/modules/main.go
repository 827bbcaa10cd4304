// Modules runs WebAssembly aggregates in this process, on an embedded store: it publishes a counter, has it execute
// commands, follows its events with a read model, and has a process manager send it commands.
//
//	nacre wasm build ./examples/counter/wasm -o counter.wasm
//	go run ./examples/modules counter.wasm data/default
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/process"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/modules"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: modules FILE [FOLDER]")
	}
	if err := run(context.Background(), os.Stdout, os.Args[1], append(os.Args, "data/default")[2]); err != nil {
		log.Fatal(err)
	}
}

// Incremented is what this program reads of the module's events.
type Incremented struct{}

// Counts are by counter, as the read model has them.
var Counts = projection.Projection[Incremented, *map[string]int]{
	Name:   "counts",
	Events: map[string]Incremented{"counter.incremented": {}},
	Apply: func(_ context.Context, counts *map[string]int, e codec.Event[Incremented]) error {
		if *counts == nil {
			*counts = map[string]int{}
		}
		(*counts)[e.StreamID.Rest()]++
		return nil
	},
}

// total is the counter that counts what all others do.
const total = "total"

// Totals increments the total for each increment of another counter.
var Totals = process.Manager[struct{}]{
	Name:   "totals",
	Events: map[string]any{"counter.incremented": Incremented{}},
	Correlate: func(e codec.Event[any]) (instance string, begins bool) {
		if e.StreamID.Rest() == total {
			return "", false
		}
		return e.ID, true
	},
	React: func(_ *struct{}, _ codec.Event[any], do *process.Effects) {
		do.Send(total, aggregate.NamedCommand{Category: "counter", Command: "increment", Payload: []byte("{}")})
		do.Done()
	},
}

func run(ctx context.Context, out io.Writer, file, dir string) (err error) {
	store, err := filestore.Open(dir, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	engine, err := wasm.NewEngine(ctx, &wasm.EngineOptions{Cache: filepath.Join(filepath.Dir(dir), ".cache", "wasm")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close(ctx)) }()
	host, err := modules.Open(ctx, store, engine, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close(ctx)) }()

	binary, err := os.ReadFile(file) //nolint:gosec // the file is the user's to name
	if err != nil {
		return err
	}
	published, err := host.Publish(ctx, "counter", binary, nil)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "version", published.Version.Number, "is active:", published.Active)

	bus := aggregate.NewBus().Else(host)
	counts := projection.NewMemory[map[string]int](store, nil)
	follows, err := projection.Start(ctx, store, Counts, counts, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, follows.Stop(ctx)) }()
	sends, err := process.Start(ctx, store, Totals, bus, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sends.Stop(ctx)) }()

	var last nacre.Position
	for _, id := range []string{"north", "south", "north"} {
		done, err := bus.ExecuteNamed(ctx, "counter", id, "increment", []byte("{}"))
		if err != nil {
			return err
		}
		state, err := done.State()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %s at version %d\n", id, state, done.Version)
		last = done.Position
	}

	// The manager has sent its commands, and the table has all that they led to.
	if err := sends.WaitFor(ctx, last); err != nil {
		return err
	}
	head, err := store.Head(ctx)
	if err != nil {
		return err
	}
	if err := follows.WaitFor(ctx, head.Position); err != nil {
		return err
	}
	counts.View(func(c *map[string]int) { fmt.Fprintln(out, *c) })
	return nil
}
