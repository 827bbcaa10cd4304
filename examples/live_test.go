package examples_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/query"
)

// The examples here stand in docs/live.md.

// Task is what the live queries are about.
type Task struct {
	ID    string `entity:"id"`
	Votes int64  `entity:",counter"`
	Done  bool   `entity:",default=false"`
}

// after is a result after a notice, of the result before.
func after(list []*query.Object, n *entity.Notice) []*query.Object {
	if n.Reset {
		list = nil
	}
	for _, d := range n.Changes {
		list = slices.DeleteFunc(list, func(row *query.Object) bool { return row.ID() == d.ID })
		if d.Row != nil {
			list = slices.Insert(list, d.Index, d.Row)
		}
	}
	return list
}

// tasks are three tasks.
func tasks(ctx context.Context) (*entity.DB, *entity.Collection[Task]) {
	db := opened(ctx)
	list := collection[Task](ctx, db, "tasks")
	for i, id := range []string{"boat", "milk", "tea"} {
		if _, err := list.Create(ctx, &Task{ID: id, Votes: int64(i)}); err != nil {
			panic(err)
		}
	}
	return db, list
}

func vote(ctx context.Context, list *entity.Collection[Task], id string, votes int64) {
	if err := list.Edit(ctx, id, func(t *Task) error { t.Votes += votes; return nil }); err != nil {
		panic(err)
	}
}

// next prints the next notice, and gives it.
func next(ctx context.Context, live *entity.Live) *entity.Notice {
	notice, err := live.Next(ctx)
	if err != nil {
		panic(err)
	}
	var told []string
	for _, change := range notice.Changes {
		told = append(told, fmt.Sprint(change.Kind, " ", change.ID, " ", change.Index))
	}
	fmt.Print(notice.Position, ": ", strings.Join(told, ", "), "\n")
	return notice
}

func ids(list []*query.Object) (out []string) {
	for _, row := range list {
		out = append(out, row.ID())
	}
	return out
}

// A result that is kept in a list is the query's, at the notice's position.
func Example_live() {
	ctx := context.Background()
	db, list := tasks(ctx)
	defer db.Close()

	live, err := db.Live(ctx, "tasks", "NOT done ORDER BY votes DESC, id LIMIT 2", nil)
	if err != nil {
		panic(err)
	}
	defer live.Close()
	result := after(nil, next(ctx, live))
	fmt.Println(ids(result))
	vote(ctx, list, "boat", 5)
	result = after(result, next(ctx, live))
	fmt.Println(ids(result))
	// Output:
	// 4: initial tea 0, initial milk 1
	// [tea milk]
	// 5: add boat 0, remove milk 2
	// [boat tea]
}

// Who is slow is told what all that happened comes to.
func Example_slow() {
	ctx := context.Background()
	db, list := tasks(ctx)
	defer db.Close()
	live, err := db.Live(ctx, "tasks", "ORDER BY votes DESC LIMIT 1", nil)
	if err != nil {
		panic(err)
	}
	defer live.Close()
	next(ctx, live)
	other, err := db.Live(ctx, "tasks", "", nil)
	if err != nil {
		panic(err)
	}

	for range 1000 {
		vote(ctx, list, "boat", 1)
	}
	for n, err := range other.All(ctx) {
		if err != nil {
			panic(err)
		}
		if n.Position == 1004 {
			break // what one is told, all others can be told
		}
	}
	next(ctx, live)
	// Output:
	// 4: initial tea 0
	// 1004: add boat 0, remove tea 1
}

// Another query in the place of the one that there was.
func Example_replace() {
	ctx := context.Background()
	db, _ := tasks(ctx)
	defer db.Close()
	live, err := db.Live(ctx, "tasks", "votes > 1", nil)
	if err != nil {
		panic(err)
	}
	defer live.Close()
	next(ctx, live)

	args := query.Args{Positional: []any{1}}
	err = live.Replace(ctx, "tasks", "votes <= ? ORDER BY id", &entity.LiveOptions{Args: args})
	if err != nil {
		panic(err)
	}
	fmt.Println(next(ctx, live).Reset)
	// Output:
	// 4: initial tea 0
	// 4: initial boat 0, initial milk 1
	// true
}

// A query with columns has a table, all of it, whenever it has changed.
func Example_liveTable() {
	ctx := context.Background()
	db, list := tasks(ctx)
	defer db.Close()
	live, err := db.Live(ctx, "tasks", "SELECT count(*) AS tasks, sum(votes)", nil)
	if err != nil {
		panic(err)
	}
	for range 2 {
		notice, err := live.Next(ctx)
		if err != nil {
			panic(err)
		}
		rows, err := json.Marshal(notice.Table.Rows)
		fmt.Println(notice.Table.Columns, string(rows), err)
		vote(ctx, list, "tea", 10)
	}
	// Output:
	// [tasks sum(votes)] [[3,3]] <nil>
	// [tasks sum(votes)] [[3,13]] <nil>
}

// A query ends when the schema does not have what it asks for any more.
func Example_liveEnd() {
	ctx := context.Background()
	db, _ := tasks(ctx)
	defer db.Close()
	live, err := db.Live(ctx, "tasks", "votes > 1", nil)
	if err != nil {
		panic(err)
	}
	next(ctx, live)

	if _, err := db.Declare(ctx, "tasks", json.RawMessage(`{"properties":{"done":{"kind":"register","type":"bool"}}}`), nil); err != nil {
		panic(err)
	}
	_, err = live.Next(ctx)
	fmt.Println(nacre.CodeOf(err), err)

	live, err = db.Live(ctx, "tasks", "", nil)
	if err != nil {
		panic(err)
	}
	live.Close()
	_, err = live.Next(ctx)
	fmt.Println(nacre.CodeOf(err))
	// Output:
	// 4: initial tea 0
	// INVALID_ARGUMENT query: line 1, column 1: expected a property, found votes: the schema does not have it; text stands in single quotes: 'votes'
	// STORE_CLOSED
}

// What docs/live.md says under "When the ground moves".
func TestLiveQueriesWhenTheGroundMoves(t *testing.T) {
	ctx := t.Context()
	db, list := tasks(ctx)
	defer db.Close()
	if _, err := db.Declare(ctx, "plans", json.RawMessage(`{"properties":{"task":{"kind":"reference","type":"ref","of":"tasks"}}}`), nil); err != nil {
		t.Fatal(err)
	}
	who := &entity.LiveOptions{Caller: &entity.Caller{Claims: map[string]any{"least": 1}}}
	follow := func(collection, text string) *entity.Live {
		live, err := db.Live(ctx, collection, text, who)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(live.Close)
		return live
	}
	told := func(live *entity.Live, want string) {
		t.Helper()
		n, err := live.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range n.Changes {
			got = append(got, fmt.Sprint(d.Kind, " ", d.ID))
		}
		if strings.Join(got, ", ") != want || n.Reset {
			t.Errorf("told %q, reset %v; want %q", got, n.Reset, want)
		}
	}
	rows, referring := follow("tasks", "ORDER BY id"), follow("plans", "task.votes > 1")
	told(rows, "initial boat, initial milk, initial tea")
	told(referring, "")

	// A schema that means the same for the query, but for a default.
	schema := `{"properties":{"votes":{"kind":"counter","type":"int64"},"done":{"kind":"register","type":"bool"},"label":{"kind":"register","type":"text","default":"new"}}}`
	if _, err := db.Declare(ctx, "tasks", json.RawMessage(schema), nil); err != nil {
		t.Fatal(err)
	}
	told(rows, "update boat, update milk, update tea")

	// Policies: what may not be read any more is removed, and comes back.
	policy := func(read string) {
		t.Helper()
		if err := db.SetPolicies(ctx, "tasks", entity.Policies{Read: read}, nil); err != nil {
			t.Fatal(err)
		}
	}
	policy("votes >= :least")
	told(rows, "remove boat")
	// Who follows a reference there has no answer any more.
	if _, err := referring.Next(ctx); nacre.CodeOf(err) != entity.CodeDenied {
		t.Errorf("the query across the reference ends with %v", err)
	}
	policy("votes > :least")
	told(rows, "remove milk")
	policy("")
	told(rows, "add boat, add milk")
	vote(ctx, list, "boat", 1)
	told(rows, "update boat")
}
