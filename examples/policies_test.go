package examples_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
)

// step is what somebody does in a recipe of docs/policies.md, and what comes of it.
type step struct {
	who          *entity.Caller
	do, id, what string
	want         nacre.Code // or, of "sees", the ids
}

func who(sub string, claims ...any) *entity.Caller {
	c := &entity.Caller{Claims: map[string]any{"sub": sub}}
	for i := 0; i < len(claims); i += 2 {
		c.Claims[claims[i].(string)] = claims[i+1]
	}
	return c
}

type list = []any

// Each recipe of docs/policies.md does what stands there: the policies are read off the page.
func TestTheRecipesForPolicies(t *testing.T) {
	const denied, absent, exists, no = entity.CodeDenied, nacre.CodeNotFound, entity.CodeExists, nacre.Code("")
	ann, bob, eve := who("ann"), who("bob"), who("eve")
	for name, steps := range map[string][]step{
		"owner": {
			{ann, "create", "a", `{"owner":"ann"}`, no},
			{bob, "create", "b", `{"owner":"ann"}`, denied},
			{bob, "create", "c", `{}`, denied},
			{bob, "create", "a", `{"owner":"bob"}`, exists},
			{bob, "sees", "", "", ""},
			{ann, "sees", "", "", "a"},
			{bob, "patch", "a", `{"set":{"text":"x"}}`, absent},
			{ann, "patch", "a", `{"set":{"text":"x"}}`, no},
			{ann, "patch", "a", `{"set":{"owner":"bob"}}`, denied},
			{bob, "delete", "a", "", absent},
			{&entity.Caller{}, "sees", "", "", ""},
			{&entity.Caller{}, "create", "d", `{}`, denied},
			{nil, "patch", "a", `{"set":{"owner":"bob"}}`, no},
			{bob, "sees", "", "", "a"},
		},
		"public": {
			{ann, "create", "a", `{"owner":"ann"}`, no},
			{ann, "create", "b", `{"owner":"ann","public":true}`, no},
			{bob, "sees", "", "", "b"},
			{bob, "patch", "b", `{"set":{"text":"x"}}`, denied},
			{ann, "patch", "b", `{"set":{"public":false}}`, no},
			{bob, "sees", "", "", ""},
		},
		"team": {
			{who("ann", "teams", list{"red", "blue"}), "create", "a", `{"team":"red"}`, no},
			{who("ann", "teams", list{"red", "blue"}), "patch", "a", `{"set":{"team":"blue"}}`, no},
			{who("bob", "teams", list{"blue"}), "sees", "", "", "a"},
			{who("bob", "teams", "blue"), "sees", "", "", "a"},
			{who("bob", "teams", list{"blue"}), "patch", "a", `{"set":{"team":"red"}}`, denied},
			{who("eve", "teams", list{}), "sees", "", "", ""},
			{eve, "sees", "", "", ""},
		},
		"shared": {
			{ann, "create", "a", `{"owner":"ann","members":["bob"]}`, no},
			{bob, "patch", "a", `{"set":{"text":"x"}}`, no},
			{eve, "sees", "", "", ""},
			{bob, "patch", "a", `{"add":{"members":["eve"]}}`, no},
			{eve, "sees", "", "", "a"},
			{eve, "patch", "a", `{"remove":{"members":["eve"]}}`, denied},
			{eve, "patch", "a", `{"set":{"owner":"eve"}}`, no}, // who may write may write every property
			{ann, "sees", "", "", ""},
		},
		"role": {
			{who("ann", "roles", list{"editor"}), "create", "a", `{"text":"x"}`, no},
			{who("bob", "roles", list{"reader"}), "sees", "", "", "a"},
			{who("bob", "roles", list{"reader"}), "patch", "a", `{"set":{"text":"y"}}`, denied},
			{who("bob", "roles", "editor"), "patch", "a", `{"set":{"text":"y"}}`, no},
			{who("bob", "roles", "an editor"), "sees", "", "", ""},
			{eve, "sees", "", "", ""},
		},
		"tenant": {
			{who("ann", "tenant", "acme"), "create", "a", `{"tenant":"acme","owner":"ann"}`, no},
			{who("ann", "tenant", "acme"), "create", "b", `{"tenant":"other","owner":"ann"}`, denied},
			{who("ann", "tenant", "other"), "sees", "", "", ""},
			{who("root", "tenant", "acme", "roles", list{"admin"}), "patch", "a", `{"set":{"text":"x"}}`, no},
			{who("root", "tenant", "other", "roles", list{"admin"}), "patch", "a", `{"set":{"text":"x"}}`, absent},
		},
		"archive": {
			{ann, "create", "a", `{"text":"x"}`, no},
			{ann, "patch", "a", `{"set":{"text":"y"}}`, no},
			{ann, "patch", "a", `{"set":{"archived":true}}`, denied}, // it would not be hers to write as it becomes
			{who("cleo", "roles", list{"archivist"}), "patch", "a", `{"set":{"archived":true}}`, no},
			{ann, "patch", "a", `{"set":{"text":"z"}}`, denied},
			{ann, "delete", "a", "", denied},
			{ann, "sees", "", "", "a"},
			{who("cleo", "roles", list{"archivist"}), "patch", "a", `{"set":{"archived":false}}`, no},
			{ann, "delete", "a", "", no},
		},
		"frozen": {
			{nil, "create", "a", `{"text":"x"}`, no},
			{ann, "sees", "", "", "a"},
			{ann, "create", "b", `{}`, denied},
			{ann, "patch", "a", `{"set":{"text":"y"}}`, denied},
			{ann, "delete", "a", "", denied},
			{nil, "patch", "a", `{"set":{"text":"y"}}`, no},
		},
		"dropbox": {
			{ann, "create", "a", `{"owner":"ann","text":"x"}`, no},
			{ann, "sees", "", "", ""},
			{ann, "patch", "a", `{"set":{"text":"y"}}`, absent},
			{ann, "delete", "a", "", absent},
			{ann, "create", "b", `{"owner":"bob"}`, denied},
			{who("kim", "roles", list{"keeper"}), "sees", "", "", "a"},
			{who("kim", "roles", list{"keeper"}), "delete", "a", "", no},
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := opened(t.Context())
			defer db.Close()
			if _, err := db.Declare(t.Context(), "notes", json.RawMessage(block(t, "notes.json")), nil); err != nil {
				t.Fatal(err)
			}
			var p entity.Policies
			if err := json.Unmarshal([]byte(block(t, name+".json")), &p); err != nil {
				t.Fatal(err)
			}
			if err := db.SetPolicies(t.Context(), "notes", p, nil); err != nil {
				t.Fatal(err)
			}
			for i, s := range steps {
				if got := s.take(t.Context(), db); got != s.want {
					t.Errorf("step %d: %s %s %s comes to %q, not %q", i, s.do, s.id, s.what, got, s.want)
				}
			}
		})
	}
}

// take makes a step, and gives the error's code or the ids that are seen.
func (s *step) take(ctx context.Context, db *entity.DB) nacre.Code {
	if s.do == "sees" {
		page, err := db.Query(ctx, "notes", "ORDER BY id", &entity.QueryOptions{Caller: s.who})
		if err != nil {
			return nacre.CodeOf(err)
		}
		var ids []string
		for _, v := range page.Entities {
			ids = append(ids, v.ID)
		}
		return nacre.Code(strings.Join(ids, " "))
	}
	e := entity.Edit{Do: s.do, Collection: "notes", ID: s.id}
	switch s.do {
	case "create":
		e.Values = json.RawMessage(s.what)
	case "patch":
		e.Patch = json.RawMessage(s.what)
	}
	_, err := db.Apply(ctx, &entity.TxOptions{Caller: s.who}, e)
	return nacre.CodeOf(err)
}

// block is a file that docs/policies.md has.
func block(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json "+name+"\n")
	text, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatalf("docs/policies.md has no block %s", name)
	}
	return text
}

// Policies are looked at when somebody writes, and for callers only: an entity may be what no policy would have let them write.
func Example_policiesOfAdmission() {
	ctx := context.Background()
	db := opened(ctx)
	defer db.Close()
	_, err := db.Declare(ctx, "rooms", json.RawMessage(`{"properties":{"guests":{"kind":"counter","type":"int64"}}}`), nil)
	if err != nil {
		panic(err)
	}
	if err := db.SetPolicies(ctx, "rooms", entity.Policies{Write: "guests <= 10"}, nil); err != nil {
		panic(err)
	}
	create := entity.Edit{Do: "create", Collection: "rooms", ID: "blue", Values: json.RawMessage(`{"guests":6}`)}
	six := entity.Edit{Do: "patch", Collection: "rooms", ID: "blue", Patch: json.RawMessage(`{"add":{"guests":6}}`)}

	ann := &entity.TxOptions{Caller: &entity.Caller{Claims: map[string]any{"sub": "ann"}}}
	_, err = db.Apply(ctx, ann, create)
	fmt.Println(err)
	_, err = db.Apply(ctx, ann, six)
	fmt.Println(nacre.CodeOf(err))
	_, err = db.Apply(ctx, nil, six) // nobody asks
	fmt.Println(err)
	less := six
	less.Patch = json.RawMessage(`{"add":{"guests":-6}}`)
	_, err = db.Apply(ctx, ann, less) // as it is, it is not hers to write
	fmt.Println(nacre.CodeOf(err))
	// Output:
	// <nil>
	// POLICY_DENIED
	// <nil>
	// POLICY_DENIED
}

// What a query of a caller counts is what he may read.
func Example_policiesCount() {
	ctx := context.Background()
	db := opened(ctx)
	defer db.Close()
	notes := collection[Note](ctx, db, "notes")
	for i := range 10 {
		if _, err := notes.Create(ctx, &Note{Owner: []string{"ann", "bob", "bob"}[i%3]}); err != nil {
			panic(err)
		}
	}
	if err := db.SetPolicies(ctx, "notes", entity.Policies{Read: "owner = :sub"}, nil); err != nil {
		panic(err)
	}
	who := &entity.Caller{Claims: map[string]any{"sub": "ann", "roles": []any{"editor"}}}

	page, err := db.Query(ctx, "notes", "SELECT owner, count(*) GROUP BY owner", &entity.QueryOptions{Caller: who})
	if err != nil {
		panic(err)
	}
	rows, err := json.Marshal(page.Table.Rows)
	fmt.Println(string(rows), err)

	live, err := db.Live(ctx, "notes", "SELECT count(*)", &entity.LiveOptions{Caller: who})
	if err != nil {
		panic(err)
	}
	defer live.Close()
	notice, err := live.Next(ctx)
	if err != nil {
		panic(err)
	}
	rows, err = json.Marshal(notice.Table.Rows)
	fmt.Println(string(rows), err)

	_, err = db.Transact(ctx, &entity.TxOptions{Caller: who, Actor: "ann"}, func(tx *entity.Tx) error {
		_, err := notes.In(tx).Create(ctx, &Note{Owner: "ann"})
		return err
	})
	fmt.Println(err)
	// Output:
	// [["ann",4]] <nil>
	// [[4]] <nil>
	// <nil>
}
