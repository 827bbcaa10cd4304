package process_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/process"
	"github.com/nacredb/nacre/storage/memstore"
)

type (
	Booked    struct{ Room string }
	Confirmed struct{}
	Reserve   struct{ Room string }
	Cancel    struct{ Why string }
	booking   struct{ Room string }
)

// bookings reserves a room for each booking, and cancels those that nobody confirms.
var bookings = process.Manager[booking]{
	Name:     "bookings",
	Events:   map[string]any{"booking.made": Booked{}, "booking.confirmed": Confirmed{}},
	Commands: map[string]any{"room.reserve": Reserve{}, "booking.cancel": Cancel{}},
	Correlate: func(e codec.Event[any]) (instance string, begins bool) {
		return e.StreamID.Rest(), e.Type == "booking.made"
	},
	React: func(b *booking, e codec.Event[any], do *process.Effects) {
		switch d := e.Data.(type) {
		case Booked:
			b.Room = d.Room
			do.Send(d.Room, Reserve(d))
			do.After(24*time.Hour, "unconfirmed")
		case Confirmed:
			do.Done()
		}
	},
	Timeout: func(_ *booking, timer string, do *process.Effects) {
		do.Send(do.Instance(), Cancel{Why: timer})
		do.Done()
	},
	Rejected: func(_ *booking, _ any, why error, do *process.Effects) {
		do.Send(do.Instance(), Cancel{Why: why.Error()})
		do.Done()
	},
}

// printer is a dispatcher; most programs have an aggregate.Bus.
type printer struct{}

func (printer) Dispatch(_ context.Context, id string, command any) error {
	if c, ok := command.(Reserve); ok && c.Room == "12" {
		return fmt.Errorf("room %s is taken", c.Room)
	}
	fmt.Printf("%s: %+v\n", id, command)
	return nil
}

func Example() {
	store := memstore.Open(nil)
	defer store.Close()
	ctx := context.Background()

	runner, err := process.Start(ctx, store, bookings, printer{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	made, err := store.Append(ctx, "booking-7", nacre.NoStream, nacre.NewEvent("booking.made", Booked{Room: "11"}))
	if err != nil {
		log.Fatal(err)
	}
	if err := runner.WaitFor(ctx, made.Position()); err != nil {
		log.Fatal(err)
	}
	made, err = store.Append(ctx, "booking-8", nacre.NoStream, nacre.NewEvent("booking.made", Booked{Room: "12"}))
	if err != nil {
		log.Fatal(err)
	}
	if err := runner.WaitFor(ctx, made.Position()); err != nil {
		log.Fatal(err)
	}
	if err := runner.Stop(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 11: {Room:11}
	// 8: {Why:room 12 is taken}
}

func ExampleCatchUp() {
	store := memstore.Open(nil)
	defer store.Close()
	ctx := context.Background()
	if _, err := store.Append(ctx, "booking-7", nacre.NoStream, nacre.NewEvent("booking.made", Booked{Room: "11"})); err != nil {
		log.Fatal(err)
	}
	done, err := process.CatchUp(ctx, store, bookings, printer{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%+v\n", done)
	// Output:
	// 11: {Room:11}
	// {Reacted:1 Dispatched:1 Rejected:0 DeadLettered:0}
}
