package projection_test

import (
	"context"
	"fmt"
	"log"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/storage/memstore"
)

type placed struct{ Total float64 }

func Example() {
	ctx := context.Background()
	store := memstore.Open(nil)
	defer store.Close()

	revenue := projection.Projection[placed, *float64]{
		Name:   "revenue",
		Events: map[string]placed{"order.placed": {}},
		Apply: func(_ context.Context, sum *float64, e codec.Event[placed]) error {
			*sum += e.Data.Total
			return nil
		},
	}
	model := projection.NewMemory[float64](store, nil)
	running, err := projection.Start(ctx, store, revenue, model, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = running.Stop(ctx) }()

	done, err := store.Append(ctx, "order-1", nacre.NoStream, nacre.NewEvent("order.placed", placed{Total: 30}))
	if err != nil {
		log.Fatal(err)
	}
	if err := running.WaitFor(ctx, done.Position()); err != nil { // one's own write is there
		log.Fatal(err)
	}
	model.View(func(sum *float64) { fmt.Println(*sum) })
	// Output: 30
}

func ExampleFold() {
	ctx := context.Background()
	store := memstore.Open(nil)
	defer store.Close()
	for range 3 {
		if _, err := store.Append(ctx, "order-1", nacre.Any, nacre.NewEvent("order.placed", placed{Total: 10})); err != nil {
			log.Fatal(err)
		}
	}
	sum, at, err := projection.Fold(ctx, store, projection.OfStream("order-1"), map[string]placed{"order.placed": {}}, nil, 0.0,
		func(sum float64, e codec.Event[placed]) float64 { return sum + e.Data.Total })
	fmt.Println(sum, at, err)
	// Output: 30 3 <nil>
}
