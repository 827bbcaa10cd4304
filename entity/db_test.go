package entity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/memory"
	"github.com/nacredb/nacre/query"
	"github.com/nacredb/nacre/storage/memstore"
)

const albums = `{"properties":{
	"name":{"kind":"register","type":"text"},
	"year":{"kind":"register","type":"int64"},
	"plays":{"kind":"counter","type":"int64"},
	"tags":{"kind":"set","type":"text"},
	"tracks":{"kind":"list","type":"text"},
	"artist":{"kind":"reference","type":"ref","of":"artists"}},
	"indexes":[["year","name"]]}`

const artists = `{"properties":{"name":{"kind":"register","type":"text"}}}`

type world struct {
	t     *testing.T
	store *nacre.Store
	*entity.DB
}

func open(t *testing.T) *world {
	t.Helper()
	store := memstore.Open(nil)
	t.Cleanup(func() { _ = store.Close() })
	w := &world{t, store, nil}
	w.reopen(memory.Open())
	for name, schema := range map[string]string{"albums": albums, "artists": artists} {
		if _, err := w.Declare(t.Context(), name, json.RawMessage(schema), nil); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) reopen(tables entity.Tables) {
	w.t.Helper()
	db, err := entity.Open(w.t.Context(), w.store, tables, &entity.Options{Logger: slog.New(slog.NewTextHandler(w.t.Output(), nil))})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = db.Close() })
	w.DB = db
}

func (w *world) create(collection, id, values string) entity.Commit {
	w.t.Helper()
	c, err := w.Transact(w.t.Context(), nil, func(tx *entity.Tx) error {
		_, err := tx.Create(w.t.Context(), collection, id, json.RawMessage(values))
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) patch(id, patch string) entity.Commit {
	w.t.Helper()
	done, err := w.Apply(w.t.Context(), nil, entity.Edit{Do: "patch", Collection: "albums", ID: id, Patch: json.RawMessage(patch)})
	if err != nil {
		w.t.Fatal(err)
	}
	return done.Commit
}

func (w *world) is(id, want string) {
	w.t.Helper()
	v, err := w.Get(w.t.Context(), "albums", id)
	if err != nil {
		w.t.Fatal(err)
	}
	if string(v.Values) != want {
		w.t.Errorf("%s is %s, want %s", id, v.Values, want)
	}
}

func (w *world) ids(text string, o *entity.QueryOptions) []string {
	w.t.Helper()
	page, err := w.Query(w.t.Context(), "albums", text, o)
	if err != nil {
		w.t.Fatal(err)
	}
	ids := []string{}
	for _, v := range page.Entities {
		ids = append(ids, v.ID)
	}
	return ids
}

func code(t *testing.T, err error, want nacre.Code) {
	t.Helper()
	if nacre.CodeOf(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEntities(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := t.Context()
	w.create("albums", "a", `{"name":"Origin of Symmetry","year":2001,"tags":["rock"]}`)
	w.is("a", `{"name":"Origin of Symmetry","tags":["rock"],"year":2001}`)
	w.patch("a", `{"set":{"year":2002},"add":{"tags":["live"],"plays":3,"tracks":["New Born"]}}`)
	w.is("a", `{"name":"Origin of Symmetry","plays":3,"tags":["live","rock"],"tracks":["New Born"],"year":2002}`)
	if c := w.patch("a", `{"set":{"year":2002}}`); c.Last != 0 {
		t.Errorf("nothing was changed, and written: %+v", c)
	}
	if got := w.ids("name LIKE 'Origin%' AND year > 2000", nil); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the query gives %v", got)
	}
	if _, err := w.Apply(ctx, nil, entity.Edit{Do: "delete", Collection: "albums", ID: "a"}); err != nil {
		t.Fatal(err)
	}
	_, err := w.Get(ctx, "albums", "a")
	code(t, err, entity.CodeDeleted)
	if got := w.ids("", nil); len(got) > 0 {
		t.Errorf("the query gives %v", got)
	}
	_, err = w.Apply(ctx, nil, entity.Edit{Do: "create", Collection: "albums", ID: "a"})
	code(t, err, entity.CodeExists)
	if _, err := w.Apply(ctx, nil, entity.Edit{Do: "restore", Collection: "albums", ID: "a"}); err != nil {
		t.Fatal(err)
	}
	if got := w.ids("year = 2002", nil); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the query gives %v", got)
	}
	_, err = w.Get(ctx, "albums", "b")
	code(t, err, nacre.CodeNotFound)
	_, err = w.Get(ctx, "songs", "b")
	code(t, err, nacre.CodeNotFound)
	_, err = w.Query(ctx, "albums", "year >", nil)
	code(t, err, nacre.CodeInvalid)
	_, err = w.Apply(ctx, nil, entity.Edit{Do: "patch", Collection: "albums", ID: "a", Patch: json.RawMessage(`{"set":{"nome":1}}`)})
	code(t, err, nacre.CodeInvalid)
}

// What is got in a transaction stays as it was, with its own writes, and others see them when all of them are there.
func TestTransactions(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := t.Context()
	w.create("albums", "a", `{"name":"A","year":1}`)
	w.create("albums", "b", `{"name":"B","year":1}`)
	tx := w.Begin(&entity.TxOptions{Actor: "ann"})
	for _, id := range []string{"a", "b"} {
		if err := tx.Patch(ctx, "albums", id, json.RawMessage(`{"set":{"year":2}}`)); err != nil {
			t.Fatal(err)
		}
	}
	w.patch("a", `{"set":{"name":"AA"}}`)
	v, err := tx.Get(ctx, "albums", "a")
	if err != nil || string(v.Values) != `{"name":"A","year":2}` {
		t.Errorf("the transaction reads %s, %v", v.Values, err)
	}
	w.is("a", `{"name":"AA","year":1}`)
	c, err := tx.Commit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.is("a", `{"name":"AA","year":2}`)
	w.is("b", `{"name":"B","year":2}`)
	if len(c.Events) != 2 || c.Events[0].TransactionSize != 2 || c.Events[1].TransactionID != c.TransactionID || c.Last != c.First+1 ||
		c.Events[0].Type != "albums.changed" || string(c.Events[0].Metadata) != `{"actor":"ann"}` {
		t.Errorf("the commit is %+v", c)
	}
	_, err = tx.Commit(ctx)
	code(t, err, nacre.CodeClosed)

	strict := w.Begin(&entity.TxOptions{Strict: true})
	if _, err := strict.Get(ctx, "albums", "a"); err != nil {
		t.Fatal(err)
	}
	if err := strict.Patch(ctx, "albums", "b", json.RawMessage(`{"set":{"year":3}}`)); err != nil {
		t.Fatal(err)
	}
	w.patch("a", `{"set":{"name":"AAA"}}`)
	_, err = strict.Commit(ctx)
	code(t, err, nacre.CodeConditionFailed)
	w.is("b", `{"name":"B","year":2}`)

	rolled := w.Begin(nil)
	if _, err := rolled.Create(ctx, "albums", "c", nil); err != nil {
		t.Fatal(err)
	}
	rolled.Rollback()
	_, err = w.Get(ctx, "albums", "c")
	code(t, err, nacre.CodeNotFound)
}

// Edits in a user's terms of one entity, from many sides at once, lose nothing and leave no conflict.
func TestEditsAtOnce(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.create("albums", "a", `{"name":"A"}`)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range 20 {
				w.patch("a", fmt.Sprintf(`{"add":{"plays":1,"tags":["%d"]},"set":{"year":%d}}`, i, k))
			}
		})
	}
	all.Wait()
	w.is("a", `{"name":"A","plays":160,"tags":["0","1","2","3","4","5","6","7"],"year":19}`)
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := open(t)
	for i := range 25 {
		w.create("albums", fmt.Sprintf("a%02d", i), fmt.Sprintf(`{"year":%d}`, i/3))
	}
	for _, text := range []string{"ORDER BY year", "ORDER BY year LIMIT 17", "LIMIT 3", "ORDER BY year LIMIT 10 OFFSET 4", ""} {
		whole := w.ids(text, nil)
		var got []string
		after := ""
		for {
			page, err := w.Query(t.Context(), "albums", text, &entity.QueryOptions{Most: 4, After: after})
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range page.Entities {
				got = append(got, v.ID)
			}
			if after = page.Next; after == "" {
				break
			}
		}
		if !slices.Equal(got, whole) {
			t.Errorf("%q gives %v in pages, and %v at once", text, got, whole)
		}
	}
	page, err := w.Query(t.Context(), "albums", "SELECT year, count(*) WHERE year > :y GROUP BY year ORDER BY year", &entity.QueryOptions{Args: query.Args{Named: map[string]any{"y": 6}}})
	if err != nil || len(page.Table.Rows) != 2 {
		t.Errorf("got %+v, %v", page, err)
	}
	_, err = w.Query(t.Context(), "albums", "ORDER BY year", &entity.QueryOptions{After: "x"})
	code(t, err, nacre.CodeInvalid)
}

func TestWatch(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.create("albums", "a", `{"year":1}`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for v, err := range w.Watch(ctx, "albums", "a") {
		n++
		if n < 4 && err != nil {
			t.Fatal(err)
		}
		switch n {
		case 1:
			w.patch("a", `{"set":{"year":2}}`)
		case 2:
			if string(v.Values) != `{"year":2}` {
				t.Errorf("got %s", v.Values)
			}
			if _, err := w.Apply(t.Context(), nil, entity.Edit{Do: "delete", Collection: "albums", ID: "a"}); err != nil {
				t.Fatal(err)
			}
		case 3:
			if !v.Deleted || v.Values != nil {
				t.Errorf("got %+v", v)
			}
			cancel()
		case 4:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
	}
	if n != 4 {
		t.Errorf("it was told %d times", n)
	}
}

// Tables that begin anew come to the same.
func TestTablesAreMadeAgain(t *testing.T) {
	t.Parallel()
	w := open(t)
	for i := range 30 {
		w.create("albums", fmt.Sprint(i), fmt.Sprintf(`{"name":"n%d","year":%d}`, i, i%7))
		w.patch(fmt.Sprint(i/2), `{"add":{"plays":1}}`)
	}
	before, err := w.Query(t.Context(), "albums", "ORDER BY year, name", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	w.reopen(memory.Open())
	after, err := w.Query(t.Context(), "albums", "ORDER BY year, name", nil)
	if err != nil || fmt.Sprintf("%+v", before.Entities) != fmt.Sprintf("%+v", after.Entities) {
		t.Errorf("before: %+v\nafter: %+v, %v", before, after, err)
	}
	_, err = w.Declare(t.Context(), "albums", json.RawMessage(`{"properties":{"title":{"id":"name","kind":"register","type":"text"}}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.ids("title = 'n3'", nil); !slices.Equal(got, []string{"3"}) {
		t.Errorf("after a rename the query gives %v", got)
	}
	w.is("3", `{"title":"n3"}`)
}
