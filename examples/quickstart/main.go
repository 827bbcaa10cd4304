// Quickstart keeps orders in a directory: it appends, is refused, repeats itself without harm, reads back
// and folds. Run it twice: what it wrote is there.
//
//	go run ./examples/quickstart data/default
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
)

func main() {
	dir := "data/default"
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := run(context.Background(), os.Stdout, dir); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, dir string) error {
	store, err := filestore.Open(dir, nil)
	if err != nil {
		return err
	}
	defer store.Close()

	// A fact, unless the order is there already.
	placed := nacre.NewEvent("order.placed", map[string]any{"total": 99.99}).WithTags("customer:ann")
	_, err = store.Append(ctx, "order-7", nacre.NoStream, placed)
	if conflict, ok := errors.AsType[*nacre.ConflictError](err); ok {
		fmt.Fprintln(out, "order-7 is there, at version", conflict.Current)
	} else if err != nil {
		return err
	}

	// Two streams, both or neither; with ids of our own it can be repeated without harm.
	paid, err := store.Commit(ctx, nil,
		nacre.Append{Stream: "payment-7", Events: []nacre.Event{
			nacre.NewEvent("payment.taken", map[string]any{"order": "order-7", "amount": 99.99}).WithID("payment-7-taken"),
		}},
		nacre.Append{Stream: "order-7", Events: []nacre.Event{
			nacre.NewEvent("order.paid", map[string]any{"payment": "payment-7"}).WithID("order-7-paid"),
		}})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "paid at position", paid[1].Position(), "repeated:", paid[0].Duplicate)

	// Ann may have one open order: refused if another was placed meanwhile.
	oneOrder := &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Types: []string{"order.placed"}, Tags: []string{"customer:ann"}}}}
	_, err = store.Commit(ctx, oneOrder, nacre.Append{Stream: "order-8", Events: []nacre.Event{placed}})
	fmt.Fprintln(out, "a second order:", nacre.CodeOf(err))

	// State is a fold.
	state := map[string]any{}
	for e, err := range store.ReadStream(ctx, "order-7", nil) {
		if err != nil {
			return err
		}
		state["status"] = e.Type
		if err := json.Unmarshal(e.Data, &state); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "order-7 is", state["status"], "for", state["total"])

	// Everything of a kind, across streams, in the order in which it happened.
	for e, err := range store.Read(ctx, nacre.Filter{{Types: []string{"payment.*"}}}, nil) {
		if err != nil {
			return err
		}
		fmt.Fprintln(out, e.GlobalPosition, e.StreamID, e.Type, string(e.Data))
	}
	return nil
}
