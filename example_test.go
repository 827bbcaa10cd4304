package nacre_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/memstore"
)

func Example() {
	ctx := context.Background()
	store := memstore.Open(nil) // storage/filestore.Open(dir, nil) keeps one in a directory
	defer store.Close()

	_, err := store.Append(ctx, "order-1", nacre.NoStream,
		nacre.NewEvent("order.placed", map[string]any{"total": 12.5}).WithTags("customer:7"),
		nacre.NewEvent("order.paid", nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	for e, err := range store.ReadStream(ctx, "order-1", nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.GlobalPosition, e.StreamPosition, e.Type, string(e.Data))
	}
	// Output:
	// 1 0 order.placed {"total":12.5}
	// 2 1 order.paid null
}

func ExampleStore_Append_conflict() {
	ctx := context.Background()
	store := memstore.Open(nil)
	defer store.Close()
	placed := nacre.NewEvent("order.placed", nil)
	if _, err := store.Append(ctx, "order-1", nacre.NoStream, placed); err != nil {
		fmt.Println(err)
	}

	_, err := store.Append(ctx, "order-1", nacre.NoStream, placed)
	fmt.Println(nacre.CodeOf(err))
	if conflict, ok := errors.AsType[*nacre.ConflictError](err); ok {
		fmt.Println("expected", conflict.Expected, "found", conflict.Current)
	}
	// Output:
	// VERSION_CONFLICT
	// expected no_stream found 0
}

// Appending the same id again is how a client retries without knowing whether the first attempt
// took place.
func ExampleEvent_WithID() {
	ctx := context.Background()
	store := memstore.Open(nil)
	defer store.Close()
	placed := nacre.NewEvent("order.placed", nil).WithID("request-4711")
	for range 2 {
		a, err := store.Append(ctx, "order-1", nacre.NoStream, placed)
		fmt.Println(a.Position(), a.Duplicate, err)
	}
	// Output:
	// 1 false <nil>
	// 1 true <nil>
}

// A condition guards a rule that spans streams: here, that a name is given once.
func ExampleStore_Commit_condition() {
	ctx := context.Background()
	store := memstore.Open(nil)
	defer store.Close()
	unused := &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Types: []string{"user.named"}, Tags: []string{"name:ann"}}}}
	for _, id := range []nacre.StreamID{"user-1", "user-2"} {
		_, err := store.Commit(ctx, unused, nacre.Append{
			Stream: id, Events: []nacre.Event{nacre.NewEvent("user.named", "ann").WithTags("name:ann")},
		})
		fmt.Printf("%s %q\n", id, nacre.CodeOf(err))
	}
	// Output:
	// user-1 ""
	// user-2 "APPEND_CONDITION_FAILED"
}

func ExampleStore_Read() {
	ctx := context.Background()
	store := memstore.Open(nil)
	defer store.Close()
	for i, id := range []nacre.StreamID{"order-1", "order-2", "stock-a"} {
		if _, err := store.Append(ctx, id, nacre.Any, nacre.NewEvent("seen", i).WithTags("customer:7")); err != nil {
			fmt.Println(err)
		}
	}
	orders := nacre.Filter{{Categories: []string{"order"}, Tags: []string{"customer:7"}}}
	for e, err := range store.Read(ctx, orders, &nacre.ReadOptions{Backwards: true, Limit: 10}) {
		fmt.Println(e.StreamID, err)
	}
	// Output:
	// order-2 <nil>
	// order-1 <nil>
}

func ExampleStore_Subscribe() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store := memstore.Open(nil)
	defer store.Close()
	if _, err := store.Append(ctx, "order-1", nacre.Any, nacre.NewEvent("order.placed", nil), nacre.NewEvent("order.paid", nil)); err != nil {
		fmt.Println(err)
	}

	o := &nacre.SubscribeOptions{Progress: func(seen nacre.Position, caughtUp bool) {
		fmt.Println("seen", seen, caughtUp) // what to resume after
		cancel()
	}}
	for e, err := range store.Subscribe(ctx, nil, o) {
		if err != nil {
			fmt.Println(nacre.CodeOf(err))
			break
		}
		fmt.Println(e.Type)
	}
	// Output:
	// order.placed
	// order.paid
	// seen 2 true
	// CANCELED
}

func ExampleMatchType() {
	fmt.Println(nacre.MatchType("order.*", "order.line.added"))
	fmt.Println(nacre.MatchType("*.placed", "order.placed"))
	fmt.Println(nacre.MatchType("order.*", "order"))
	// Output:
	// true
	// true
	// false
}
