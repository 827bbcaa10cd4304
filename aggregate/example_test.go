package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/storage/memstore"
)

// The model of the examples: a seat that can be booked once.
type (
	seatCommand interface {
		decide(seat) ([]seatEvent, error)
	}
	seatEvent interface{ evolve(seat) seat }

	book     struct{ Guest string }
	giveBack struct{}

	booked    struct{ Guest string }
	givenBack struct{}

	seat struct{ Guest string }
)

var errTaken = errors.New("the seat is taken")

func (c book) decide(s seat) ([]seatEvent, error) {
	if s.Guest != "" {
		return nil, errTaken
	}
	return []seatEvent{booked(c)}, nil
}

func (giveBack) decide(s seat) ([]seatEvent, error) {
	if s.Guest == "" {
		return nil, nil // there is nothing to do
	}
	return []seatEvent{givenBack{}}, nil
}

func (e booked) evolve(seat) seat  { return seat(e) }
func (givenBack) evolve(seat) seat { return seat{} }

var seats = decider.Decider[seat, seatCommand, seatEvent]{
	Category: "seat",
	Decide:   func(s seat, c seatCommand, _ decider.Context) ([]seatEvent, error) { return c.decide(s) },
	Evolve:   func(s seat, e seatEvent) seat { return e.evolve(s) },
	Commands: map[string]seatCommand{"book": book{}, "giveBack": giveBack{}},
	Events:   map[string]seatEvent{"seat.booked": booked{}, "seat.givenBack": givenBack{}},
}

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "seats")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := filestore.Open(dir, nil)
	if err != nil {
		panic(err)
	}
	defer func() { _ = store.Close() }()

	repository := aggregate.New(store, seats, nil)
	defer func() { _ = repository.Close(ctx) }()

	seat := repository.Get("12a")
	result, err := seat.Execute(ctx, book{Guest: "ann"})
	if err != nil {
		panic(err)
	}
	fmt.Println(result.State.Guest, "at version", result.Version)

	_, err = seat.Execute(ctx, book{Guest: "bob"})
	fmt.Println(err == errTaken, err)
	// Output:
	// ann at version 0
	// true the seat is taken
}

// A command with an id takes place once, and has its first result when it is given again.
func ExampleHandle_Execute_again() {
	store := memstore.Open(nil)
	defer func() { _ = store.Close() }()
	repository := aggregate.New(store, seats, nil)
	ctx := decider.With(context.Background(), decider.Context{CommandID: "booking-7", Actor: "ann"})
	for range 2 {
		result, err := repository.Get("12a").Execute(ctx, book{Guest: "ann"})
		fmt.Println(result.State.Guest, result.Version, result.Duplicate, err)
	}
	// Output:
	// ann 0 false <nil>
	// ann 0 true <nil>
}

func ExampleHandle_StateAtVersion() {
	store := memstore.Open(nil)
	defer func() { _ = store.Close() }()
	ctx := context.Background()
	seat := aggregate.New(store, seats, nil).Get("12a")
	for _, c := range []seatCommand{book{"ann"}, giveBack{}, book{"bob"}} {
		if _, err := seat.Execute(ctx, c); err != nil {
			panic(err)
		}
	}
	before, _ := seat.StateAtVersion(ctx, 0)
	now, _ := seat.State(ctx)
	fmt.Println(before.Guest, now.Guest)
	// Output: ann bob
}

func ExampleBus() {
	store := memstore.Open(nil)
	defer func() { _ = store.Close() }()
	bus := aggregate.NewBus(aggregate.New(store, seats, nil)).Use(
		aggregate.Authorization(func(ctx context.Context, _ *aggregate.Call) error {
			if decider.From(ctx).Actor == "" {
				return errors.New("who are you?")
			}
			return nil
		}),
		aggregate.Retry(5, 50*time.Millisecond),
	)

	err := bus.Dispatch(context.Background(), "12a", book{Guest: "ann"})
	fmt.Println(nacre.CodeOf(err))

	ctx := decider.With(context.Background(), decider.Context{Actor: "ann"})
	outcome, err := bus.ExecuteNamed(ctx, "seat", "12a", "book", []byte(`{"Guest":"ann"}`))
	state, _ := outcome.State()
	fmt.Println(outcome.Stream, string(state), err)
	// Output:
	// FORBIDDEN
	// seat-12a {"Guest":"ann"} <nil>
}
