package entity_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/memory"
	"github.com/nacredb/nacre/query"
	"github.com/nacredb/nacre/storage/memstore"
)

type artist struct {
	ID   string
	Name string
}

type album struct {
	ID     string `entity:"id"`
	Name   string
	Year   int               `entity:"year,index"`
	Plays  int64             `entity:",counter"`
	Tags   []string          `entity:",set"`
	Tracks []string          `entity:",list"`
	Notes  map[string]string `entity:",map"`
	Artist entity.Ref[artist]
}

func of[T any](t *testing.T, w *world, name string) *entity.Collection[T] {
	t.Helper()
	c, err := entity.Of[T](t.Context(), w.DB, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// empty has no collections.
func empty(t *testing.T) *world {
	t.Helper()
	store := memstore.Open(nil)
	t.Cleanup(func() { _ = store.Close() })
	w := &world{t, store, nil}
	w.reopen(memory.Open())
	return w
}

func openDB(t testing.TB) *entity.DB {
	t.Helper()
	store := memstore.Open(nil)
	db, err := entity.Open(t.Context(), store, memory.Open(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = db.Close()
		_ = store.Close()
	})
	return db
}

// typed opens collections that nobody declared before.
func typed(t *testing.T) (*world, *entity.Collection[album], *entity.Collection[artist]) {
	t.Helper()
	w := empty(t)
	artists := of[artist](t, w, "artists")
	return w, of[album](t, w, "albums"), artists
}

// last is the data of the newest event.
func (w *world) last() string {
	w.t.Helper()
	for e, err := range w.store.Read(w.t.Context(), nil, &nacre.ReadOptions{Backwards: true, Limit: 1}) {
		if err != nil {
			w.t.Fatal(err)
		}
		return string(e.Data)
	}
	return ""
}

func (w *world) head() nacre.Position {
	w.t.Helper()
	head, err := w.store.Head(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return head.Position
}

func TestTyped(t *testing.T) {
	t.Parallel()
	w, albums, artists := typed(t)
	ctx := t.Context()
	muse, err := artists.Create(ctx, &artist{Name: "Muse"})
	if err != nil {
		t.Fatal(err)
	}
	a := &album{Name: "Origin", Year: 2001, Tags: []string{"rock", "prog"}, Tracks: []string{"New Born", "Bliss"}, Notes: map[string]string{"a": "1"}, Artist: entity.Ref[artist](muse)}
	id, err := albums.Create(ctx, a)
	if err != nil || a.ID != id || id == "" {
		t.Fatal(id, a.ID, err)
	}
	got, err := albums.Get(ctx, id)
	want := *a
	want.Tags = []string{"prog", "rock"}
	if err != nil || !reflect.DeepEqual(got, &want) {
		t.Fatalf("got %+v, %v", got, err)
	}
	by, err := got.Artist.Follow(ctx, artists)
	if err != nil || by.Name != "Muse" || by.ID != muse {
		t.Errorf("got %+v, %v", by, err)
	}

	_, err = (&album{}).Artist.Follow(ctx, artists)
	code(t, err, nacre.CodeNotFound)

	before := w.head()
	if err := albums.Edit(ctx, id, func(*album) error { return nil }); err != nil {
		t.Fatal(err)
	}
	err = albums.Edit(ctx, id, func(a *album) error {
		a.Tags = []string{"rock", "rock", "prog"} // the same set
		return nil
	})
	if err != nil || w.head() != before {
		t.Errorf("nothing was changed, and written: %s, %v", w.last(), err)
	}
	err = albums.Edit(ctx, id, func(a *album) error {
		a.Year, a.Plays = 2002, a.Plays+3
		a.Tags = append(a.Tags[1:], "live")
		a.Tracks = append(a.Tracks[1:], "Plug In Baby")
		a.Notes["b"], a.Artist = "2", ""
		delete(a.Notes, "a")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.is(id, `{"name":"Origin","notes":{"b":"2"},"plays":3,"tags":["live","rock"],"tracks":["Bliss","Plug In Baby"],"year":2002}`)
	if data := w.last(); strings.Contains(data, `"name"`) || strings.Contains(data, "Bliss") || !strings.Contains(data, `"plays":{"add":3}`) {
		t.Errorf("the edit wrote %s", data)
	}

	err = albums.Edit(ctx, id, func(a *album) error {
		a.Year = 1
		return errors.New("no")
	})
	if err == nil || err.Error() != "no" {
		t.Errorf("got %v", err)
	}
	code(t, albums.Edit(ctx, id, func(a *album) error { a.ID = "x"; return nil }), nacre.CodeInvalid)
	code(t, albums.Edit(ctx, "none", func(*album) error { return nil }), nacre.CodeNotFound)
	_, err = albums.Create(ctx, &album{ID: id})
	code(t, err, entity.CodeExists)
	_, err = albums.Create(ctx, nil)
	code(t, err, nacre.CodeInvalid)
	history, err := w.History(ctx, "albums", id, nil)
	if err != nil || len(history) != 2 {
		t.Fatal(history, err)
	}
	if then, err := albums.At(ctx, id, history[0].EventID); err != nil || then.Year != 2001 || then.ID != id {
		t.Errorf("at first it was %+v, %v", then, err)
	}
	if err := albums.Delete(ctx, id); err != nil {
		t.Fatal(err)
	}
	_, err = albums.Get(ctx, id)
	code(t, err, entity.CodeDeleted)
	if history, err = w.History(ctx, "albums", id, nil); err != nil {
		t.Fatal(err)
	}
	_, err = albums.At(ctx, id, history[2].EventID)
	code(t, err, entity.CodeDeleted)
	_, err = albums.At(ctx, id, nacre.NewID())
	code(t, err, nacre.CodeNotFound)
	if err := albums.Restore(ctx, id); err != nil {
		t.Fatal(err)
	}
	if got, err = albums.Get(ctx, id); err != nil || got.Year != 2002 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTypedTransaction(t *testing.T) {
	t.Parallel()
	w, albums, artists := typed(t)
	ctx := t.Context()
	ann := albums.With(&entity.TxOptions{Actor: "ann"})
	if _, err := ann.Create(ctx, &album{ID: "a", Name: "A"}); err != nil {
		t.Fatal(err)
	}
	c, err := w.Transact(ctx, &entity.TxOptions{Actor: "bob"}, func(tx *entity.Tx) error {
		muse, err := artists.In(tx).Create(ctx, &artist{Name: "Muse"})
		if err != nil {
			return err
		}
		for range 2 {
			err = albums.In(tx).Edit(ctx, "a", func(a *album) error {
				a.Artist, a.Plays = entity.Ref[artist](muse), a.Plays+1
				return nil
			})
			if err != nil {
				return err
			}
		}
		a, err := albums.In(tx).Get(ctx, "a")
		if err != nil {
			return err
		}
		by, err := a.Artist.Follow(ctx, artists.In(tx))
		if err != nil || by.Name != "Muse" || a.Plays != 2 {
			t.Errorf("the transaction reads %+v, %+v, %v", a, by, err)
		}
		return nil
	})
	if err != nil || len(c.Events) != 2 || string(c.Events[1].Metadata) != `{"actor":"bob"}` {
		t.Fatalf("got %+v, %v", c, err)
	}
	other := empty(t)
	_, err = albums.In(other.Begin(nil)).Get(ctx, "a")
	code(t, err, nacre.CodeInvalid)
	if _, err := w.Transact(ctx, nil, func(tx *entity.Tx) error { return albums.In(tx).Delete(ctx, "a") }); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Transact(ctx, nil, func(tx *entity.Tx) error { return albums.In(tx).Restore(ctx, "a") }); err != nil {
		t.Fatal(err)
	}
}

// Edits of one entity from many sides lose nothing, whatever its kind, and leave no conflict.
func TestTypedEditsAtOnce(t *testing.T) {
	t.Parallel()
	_, albums, _ := typed(t)
	ctx := t.Context()
	if _, err := albums.Create(ctx, &album{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 10 {
				err := albums.Edit(ctx, "a", func(a *album) error {
					a.Year++
					a.Plays++
					a.Tags = append(a.Tags, fmt.Sprint(i))
					a.Tracks = append(a.Tracks, fmt.Sprint(i))
					if a.Notes == nil {
						a.Notes = map[string]string{}
					}
					a.Notes[fmt.Sprint(i)] += "x"
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	a, err := albums.Get(ctx, "a")
	if err != nil || a.Year != 80 || a.Plays != 80 || len(a.Tags) != 8 || len(a.Tracks) != 80 || a.Notes["3"] != "xxxxxxxxxx" {
		t.Errorf("got %+v, %v", a, err)
	}
}

// Two transactions that saw the same: what each of them added and removed counts, and elements that stayed are there once.
func TestTypedEditsMerge(t *testing.T) {
	t.Parallel()
	w, albums, _ := typed(t)
	ctx := t.Context()
	_, err := albums.Create(ctx, &album{
		ID: "a", Tags: []string{"x", "y"}, Tracks: []string{"1", "2", "3", "4"}, Plays: 10, Notes: map[string]string{"k": "v", "l": "w"},
	})
	if err != nil {
		t.Fatal(err)
	}
	txs := []*entity.Tx{w.Begin(nil), w.Begin(nil)}
	for i, do := range []func(a *album) error{
		func(a *album) error {
			a.Plays, a.Tags, a.Tracks = a.Plays+5, []string{"y", "z"}, []string{"2", "3", "4", "5"}
			a.Notes = map[string]string{"k": "V", "l": "w"}
			return nil
		},
		func(a *album) error {
			a.Plays, a.Tags, a.Tracks = a.Plays-1, []string{"x", "y", "w"}, []string{"0", "1", "2", "4"}
			a.Notes = map[string]string{"k": "v", "m": "n"}
			return nil
		},
	} {
		if err := albums.In(txs[i]).Edit(ctx, "a", do); err != nil {
			t.Fatal(err)
		}
	}
	for _, tx := range txs {
		if _, err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
	}
	w.is("a", `{"name":"","notes":{"k":"V","m":"n"},"plays":14,"tags":["w","y","z"],"tracks":["0","2","4","5"],"year":0}`)
}

func TestTypedQueries(t *testing.T) {
	t.Parallel()
	w, albums, artists := typed(t)
	ctx := t.Context()
	if _, err := artists.Create(ctx, &artist{ID: "muse", Name: "Muse"}); err != nil {
		t.Fatal(err)
	}
	_, err := w.Transact(ctx, nil, func(tx *entity.Tx) error {
		for i := range 1500 {
			a := &album{ID: fmt.Sprintf("a%04d", i), Year: 1000 + i, Artist: "muse"}
			if i%2 == 0 {
				a.Artist = ""
			}
			if _, err := albums.In(tx).Create(ctx, a); err != nil || i == 999 {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if _, err := albums.Create(ctx, &album{ID: fmt.Sprintf("b%04d", i), Year: 5000 + i}); err != nil {
			t.Fatal(err)
		}
	}
	years := func(text string, args ...any) (years []int) {
		t.Helper()
		for a, err := range albums.Query(ctx, text, args...) {
			if err != nil {
				t.Fatal(err)
			}
			years = append(years, a.Year)
		}
		return years
	}
	if got := years("ORDER BY year DESC"); len(got) != 1050 || got[0] != 5049 || got[1049] != 1000 {
		t.Errorf("got %d entities", len(got))
	}
	type year int
	if got := years("year > ? AND artist = ?", year(1996), entity.Ref[artist]("muse")); !slices.Equal(got, []int{1997, 1999}) {
		t.Errorf("got %v", got)
	}
	named := query.Args{Named: map[string]any{"y": []year{1000, 1001, 1002}}}
	if got := years("year IN :y AND artist.name = 'Muse'", named); !slices.Equal(got, []int{1001}) {
		t.Errorf("got %v", got)
	}
	if got := years("ORDER BY year LIMIT 3"); len(got) != 3 {
		t.Errorf("got %v", got)
	}
	for a, err := range albums.Query(ctx, "") {
		if err != nil || a == nil {
			t.Fatal(err)
		}
		break
	}
	if n, err := albums.Count(ctx, "year >= ?", 5000); n != 50 || err != nil {
		t.Errorf("counted %d, %v", n, err)
	}
	if a, err := albums.First(ctx, "year > ? ORDER BY year", 3000); err != nil || a.Year != 5000 || a.ID != "b0000" {
		t.Errorf("got %+v, %v", a, err)
	}
	_, err = albums.First(ctx, "year > 9000")
	code(t, err, nacre.CodeNotFound)
	page, err := albums.QueryPage(ctx, "ORDER BY year", &entity.QueryOptions{Most: 7})
	if err != nil || len(page.Entities) != 7 || page.Next == "" || page.Position == 0 {
		t.Errorf("got %+v, %v", page, err)
	}
	for _, wrong := range []string{"SELECT year", "year >", "SELECT count(*)"} {
		for _, err := range albums.Query(ctx, wrong) {
			code(t, err, nacre.CodeInvalid)
		}
		_, err = albums.First(ctx, wrong)
		code(t, err, nacre.CodeInvalid)
		_, err = albums.QueryPage(ctx, wrong, nil)
		code(t, err, nacre.CodeInvalid)
	}
	_, err = albums.Count(ctx, "year > 1 LIMIT 3")
	code(t, err, nacre.CodeInvalid)
}

func TestTypedWatch(t *testing.T) {
	t.Parallel()
	_, albums, _ := typed(t)
	if _, err := albums.Create(t.Context(), &album{ID: "a", Year: 1}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for a, err := range albums.Watch(ctx, "a") {
		n++
		switch n {
		case 1:
			if err := albums.Edit(ctx, "a", func(a *album) error { a.Year++; return nil }); err != nil {
				t.Fatal(err)
			}
		case 2:
			if err != nil || a.Year != 2 {
				t.Fatal(a, err)
			}
			if err := albums.Delete(ctx, "a"); err != nil {
				t.Fatal(err)
			}
		case 3:
			if a != nil || err != nil {
				t.Errorf("got %+v, %v", a, err)
			}
			cancel()
		default:
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	}
	if n != 4 {
		t.Errorf("it was told %d times", n)
	}
}
