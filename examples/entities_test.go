package examples_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/memory"
	"github.com/nacredb/nacre/storage/memstore"
)

// The examples here stand in docs/entities.md.

type Seat struct {
	ID    string `entity:"id"`
	Taken string // by whom
}

type User struct {
	ID    string `entity:"id"`
	Email string `entity:"email,index"`
	Age   string // somebody thought so
}

type Note struct {
	ID     string `entity:"id"`
	Owner  string
	Public bool
}

// opened is a DB in memory.
func opened(ctx context.Context) *entity.DB { return openedWith(ctx, nil) }

func openedWith(ctx context.Context, o *entity.Options) *entity.DB {
	db, err := entity.Open(ctx, memstore.Open(nil), memory.Open(), o)
	if err != nil {
		panic(err)
	}
	return db
}

// collection declares a collection of a Go type.
func collection[T any](ctx context.Context, db *entity.DB, name string) *entity.Collection[T] {
	c, err := entity.Of[T](ctx, db, name, nil)
	if err != nil {
		panic(err)
	}
	return c
}

// Two take the last seat at once. Where that must not merge, the transaction is strict.
func Example_strict() {
	ctx := context.Background()
	db := opened(ctx)
	defer db.Close()
	seats := collection[Seat](ctx, db, "seats")
	if _, err := seats.Create(ctx, &Seat{ID: "12a"}); err != nil {
		panic(err)
	}

	take := func(who string, meanwhile func()) error {
		_, err := db.Transact(ctx, &entity.TxOptions{Actor: who, Strict: true}, func(tx *entity.Tx) error {
			seat, err := seats.In(tx).Get(ctx, "12a")
			if err != nil {
				return err
			}
			if seat.Taken != "" {
				return fmt.Errorf("%s has it", seat.Taken)
			}
			meanwhile()
			return seats.In(tx).Edit(ctx, "12a", func(s *Seat) error { s.Taken = who; return nil })
		})
		return err
	}
	err := take("ann", func() {
		fmt.Println("bob:", take("bob", func() {}))
	})
	fmt.Println("ann:", nacre.CodeOf(err))
	fmt.Println("ann, again:", take("ann", func() {}))
	// Output:
	// bob: <nil>
	// ann: APPEND_CONDITION_FAILED
	// ann, again: bob has it
}

// An address for one user only: the events that give it away bear a tag, and there must not be one of that tag.
func Example_unique() {
	ctx := context.Background()
	db := opened(ctx)
	defer db.Close()
	users := collection[User](ctx, db, "users")

	register := func(email string) error {
		tag := "email:" + email
		once := &entity.TxOptions{
			Tags:      []string{tag},
			Condition: &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Categories: []string{"users"}, Tags: []string{tag}}}},
		}
		_, err := users.With(once).Create(ctx, &User{Email: email})
		return err
	}
	fmt.Println(register("ann@example.org"))
	fmt.Println(nacre.CodeOf(register("ann@example.org")))
	// Output:
	// <nil>
	// APPEND_CONDITION_FAILED
}

// Rules of who may read and write which entities, by what is known of the caller.
func Example_policies() {
	ctx := context.Background()
	db := opened(ctx)
	defer db.Close()
	collection[Note](ctx, db, "notes")

	err := db.SetPolicies(ctx, "notes", entity.Policies{
		Read:  "owner = :sub OR public OR 'admin' IN :roles",
		Write: "owner = :sub",
	}, nil)
	if err != nil {
		panic(err)
	}
	caller := func(sub string, roles ...any) *entity.Caller {
		return &entity.Caller{Claims: map[string]any{"sub": sub, "roles": roles}}
	}
	create := func(who *entity.Caller, values string) error {
		_, err := db.Apply(ctx, &entity.TxOptions{Caller: who}, entity.Edit{Do: "create", Collection: "notes", Values: json.RawMessage(values)})
		return err
	}
	fmt.Println("ann:", create(caller("ann"), `{"owner":"ann"}`))
	fmt.Println("bob, for himself:", create(caller("bob"), `{"owner":"bob","public":true}`))
	fmt.Println("bob, for ann:", nacre.CodeOf(create(caller("bob"), `{"owner":"ann"}`)))
	for _, who := range []*entity.Caller{caller("ann"), caller("bob"), caller("eve", "admin")} {
		page, err := db.Query(ctx, "notes", "", &entity.QueryOptions{Caller: who})
		if err != nil {
			panic(err)
		}
		fmt.Println(who.Claims["sub"], "sees", len(page.Entities))
	}
	// Output:
	// ann: <nil>
	// bob, for himself: <nil>
	// bob, for ann: POLICY_DENIED
	// ann sees 2
	// bob sees 1
	// eve sees 2
}

// What happened to rows is a store that can be read and followed.
func Example_changes() {
	ctx := context.Background()
	db := opened(ctx)
	defer db.Close()
	seats := collection[Seat](ctx, db, "seats")
	if _, err := seats.Create(ctx, &Seat{ID: "12a"}); err != nil {
		panic(err)
	}
	if err := seats.Edit(ctx, "12a", func(s *Seat) error { s.Taken = "ann"; return nil }); err != nil {
		panic(err)
	}

	for e, err := range db.Changes().Read(ctx, nacre.Filter{{Types: []string{"seats.changed"}}}, nil) {
		if err != nil {
			panic(err)
		}
		var change entity.Change
		if err := json.Unmarshal(e.Data, &change); err != nil {
			panic(err)
		}
		fmt.Println(e.GlobalPosition, e.StreamID, string(change.Old), string(change.New))
	}
	// Output:
	// 3 seats-12a {"taken":""} {"taken":"ann"}
}

// Person is what became of User: a name that was better, a type that was right, and something new.
type Person struct {
	ID      string `entity:"id"`
	Address string `entity:"address,was=email"`
	Age     int    `entity:"age,from=age"`
	City    string `entity:"city,default=Bern"`
}

// Another schema shows the same events in another way.
func Example_schemas() {
	ctx := context.Background()
	db := opened(ctx)
	defer db.Close()
	users := collection[User](ctx, db, "users")
	if _, err := users.Create(ctx, &User{ID: "ann", Email: "ann@example.org", Age: "41"}); err != nil {
		panic(err)
	}

	people := collection[Person](ctx, db, "users")
	ann, err := people.Get(ctx, "ann")
	fmt.Printf("%+v %v\n", *ann, err)
	// Output:
	// {ID:ann Address:ann@example.org Age:41 City:Bern} <nil>
}
