// Counter is the smallest aggregate: one command, one event, a number.
//
//	go run ./examples/counter data/default
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/storage/filestore"
)

type (
	Increment   struct{}
	Incremented struct{}
)

var Counter = decider.Decider[int, Increment, Incremented]{
	Category: "counter",
	Decide: func(int, Increment, decider.Context) ([]Incremented, error) {
		return []Incremented{{}}, nil
	},
	Evolve: func(count int, _ Incremented) int { return count + 1 },
	Events: map[string]Incremented{"counter.incremented": {}},
}

func main() {
	if err := run(context.Background(), os.Stdout, append(os.Args, "data/default")[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, dir string) error {
	store, err := filestore.Open(dir, nil)
	if err != nil {
		return err
	}
	defer store.Close()
	counters := aggregate.New(store, Counter, nil)
	result, err := counters.Get("visits").Execute(ctx, Increment{})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "visits:", result.State, "at version", result.Version)
	return nil
}
