// Counter runs the smallest aggregate on an embedded store.
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
	"github.com/nacredb/nacre/examples/counter/model"
	"github.com/nacredb/nacre/storage/filestore"
)

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
	counters := aggregate.New(store, model.Counter, nil)
	result, err := counters.Get("visits").Execute(ctx, model.Increment{})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "visits:", result.State, "at version", result.Version)
	return nil
}
