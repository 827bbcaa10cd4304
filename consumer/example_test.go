package consumer_test

import (
	"context"
	"fmt"
	"log"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/storage/memstore"
)

func ExampleRun() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	store := memstore.Open(nil)
	defer store.Close()
	hub, err := delivery.Open(ctx, store, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer hub.Close(context.Background())
	_, _, err = hub.Create(ctx, &delivery.Spec{
		Name: "shipping", Kind: delivery.KindGroup, Filter: nacre.Filter{{Types: []string{"order.*"}}}, Start: delivery.Start{Earliest: true},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, what := range []string{"order.placed", "order.paid", "order.shipped"} {
		if _, err := store.Append(ctx, "order-1", nacre.Any, nacre.NewEvent(what, nil)); err != nil {
			log.Fatal(err)
		}
	}

	err = consumer.Run(ctx, hub.Group("shipping"), func(_ context.Context, d consumer.Delivery) error {
		fmt.Println(d.Event.Type, "attempt", d.Attempt)
		switch d.Event.Type {
		case "order.paid":
			if d.Attempt == 1 {
				return fmt.Errorf("the printer is off") // it comes again
			}
		case "order.shipped":
			stop() // Run returns when this is done
		}
		return nil
	}, nil)
	fmt.Println(err)
	// Output:
	// order.placed attempt 1
	// order.paid attempt 1
	// order.paid attempt 2
	// order.shipped attempt 1
	// <nil>
}
