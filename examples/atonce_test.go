package examples_test

import (
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre/entity"
)

// Each row of the table "Two at once" in docs/entities.md.
func TestTwoAtOnceIsAsTheGuideSays(t *testing.T) {
	const boat = `{"title":"Boat","labels":["old"],"steps":["sand","paint"]}`
	for _, c := range []struct {
		name     string
		ann, bob []string // patches, each in a transaction; all of them begin with the same
		want     string   // values
		conflict string   // property and key
	}{
		{
			"registers that differ",
			[]string{`{"set":{"title":"Sailing boat"}}`},
			[]string{`{"set":{"title":"Old boat"}}`},
			`{"labels":["old"],"steps":["sand","paint"],"title":"Old boat"}`, "title ",
		},
		{
			"registers that agree",
			[]string{`{"set":{"title":"Old boat"}}`},
			[]string{`{"set":{"title":"Old boat"}}`},
			`{"labels":["old"],"steps":["sand","paint"],"title":"Old boat"}`, "",
		},
		{
			"counters",
			[]string{`{"add":{"votes":1}}`},
			[]string{`{"add":{"votes":10}}`},
			`{"labels":["old"],"steps":["sand","paint"],"title":"Boat","votes":11}`, "",
		},
		{
			"sets, other elements",
			[]string{`{"add":{"labels":["urgent"]}}`},
			[]string{`{"remove":{"labels":["old"]}}`},
			`{"labels":["urgent"],"steps":["sand","paint"],"title":"Boat"}`, "",
		},
		{
			"sets, one element",
			[]string{`{"add":{"labels":["red"]}}`},
			[]string{`{"add":{"labels":["red"]}}`, `{"remove":{"labels":["red"]}}`},
			`{"labels":["old","red"],"steps":["sand","paint"],"title":"Boat"}`, "",
		},
		{
			"maps, other keys",
			[]string{`{"add":{"notes":{"who":"ann"}}}`},
			[]string{`{"add":{"notes":{"where":"shed"}}}`},
			`{"labels":["old"],"notes":{"where":"shed","who":"ann"},"steps":["sand","paint"],"title":"Boat"}`, "",
		},
		{
			"maps, one key",
			[]string{`{"add":{"notes":{"where":"garage"}}}`},
			[]string{`{"add":{"notes":{"where":"shed"}}}`},
			`{"labels":["old"],"notes":{"where":"shed"},"steps":["sand","paint"],"title":"Boat"}`, "notes where",
		},
		{
			"lists, other places",
			[]string{`{"add":{"steps":{"at":0,"values":["buy brush"]}}}`},
			[]string{`{"add":{"steps":["launch"]}}`},
			`{"labels":["old"],"steps":["buy brush","sand","paint","launch"],"title":"Boat"}`, "",
		},
		{
			"lists, one place",
			[]string{`{"add":{"steps":{"at":1,"values":["a1","a2"]}}}`},
			[]string{`{"add":{"steps":{"at":1,"values":["b1","b2"]}}}`},
			`{"labels":["old"],"steps":["sand","a1","a2","b1","b2","paint"],"title":"Boat"}`, "",
		},
		{
			"lists, an element set and removed",
			[]string{`{"set":{"steps":{"at":0,"value":"sandpaper"}}}`},
			[]string{`{"remove":{"steps":[0]}}`},
			`{"labels":["old"],"steps":["paint"],"title":"Boat"}`, "",
		},
		{
			"lists, an element set twice",
			[]string{`{"set":{"steps":{"at":0,"value":"sandpaper"}}}`},
			[]string{`{"set":{"steps":{"at":0,"value":"scrape"}}}`},
			`{"labels":["old"],"steps":["scrape","paint"],"title":"Boat"}`, "steps ",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := twoAtOnce(t, boat)
			w.edit(c.ann, c.bob)
			view, err := w.db.Get(t.Context(), "cards", "boat")
			if err != nil || string(view.Values) != c.want {
				t.Errorf("got %+v, %v, not %s", view, err, c.want)
			}
			conflicts, err := w.db.Conflicts(t.Context(), "cards", "boat")
			if err != nil || (c.conflict != "") != (len(conflicts) == 1) || len(conflicts) > 1 {
				t.Fatalf("conflicts %+v, %v", conflicts, err)
			}
			for _, got := range conflicts {
				key := got.Key
				if got.Kind == "list" {
					key = ""
				}
				if got.Property+" "+key != c.conflict || len(got.Survivors) != 2 || got.Survivors[1].Author != "bob" || !got.Survivors[1].Shown {
					t.Errorf("the conflict is %+v", got)
				}
			}
		})
	}

	t.Run("edited and deleted", func(t *testing.T) {
		w := twoAtOnce(t, boat)
		ann, bob := w.db.Begin(nil), w.db.Begin(nil)
		for _, err := range []error{
			ann.Patch(t.Context(), "cards", "boat", json.RawMessage(`{"set":{"title":"Ship"}}`)),
			bob.Delete(t.Context(), "cards", "boat"),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		w.commit(ann)
		w.commit(bob)
		if _, err := w.db.Get(t.Context(), "cards", "boat"); err == nil {
			t.Error("it is not deleted")
		}
		if _, err := w.db.Apply(t.Context(), nil, entity.Edit{Do: "restore", Collection: "cards", ID: "boat"}); err != nil {
			t.Fatal(err)
		}
		if view, err := w.db.Get(t.Context(), "cards", "boat"); err != nil || string(view.Values) != `{"labels":["old"],"steps":["sand","paint"],"title":"Ship"}` {
			t.Errorf("restored, it is %+v, %v", view, err)
		}
	})
}

// cards is a collection with one card.
type cards struct {
	t  *testing.T
	db *entity.DB
}

func twoAtOnce(t *testing.T, values string) cards {
	t.Helper()
	start, ticks := time.Now(), atomic.Int64{}
	db := openedWith(t.Context(), &entity.Options{Now: func() time.Time { return start.Add(time.Duration(ticks.Add(1)) * time.Millisecond) }})
	t.Cleanup(func() { _ = db.Close() })
	w := cards{t, db}
	_, err := db.Declare(t.Context(), "cards", json.RawMessage(`{"properties":{
		"title":{"kind":"register","type":"text"},"votes":{"kind":"counter","type":"int64"},"labels":{"kind":"set","type":"text"},
		"steps":{"kind":"list","type":"text"},"notes":{"kind":"map","type":"text"}}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Apply(t.Context(), nil, entity.Edit{Do: "create", Collection: "cards", ID: "boat", Values: json.RawMessage(values)}); err != nil {
		t.Fatal(err)
	}
	return w
}

// edit has both make their first edits of what is there, before either commits. Where bob makes several, each sees the one before,
// and none of them sees ann's.
func (w cards) edit(ann, bob []string) {
	w.t.Helper()
	begin := func(actor, patch string) *entity.Tx {
		tx := w.db.Begin(&entity.TxOptions{Actor: actor})
		if err := tx.Patch(w.t.Context(), "cards", "boat", json.RawMessage(patch)); err != nil {
			w.t.Fatal(err)
		}
		return tx
	}
	late := begin("ann", ann[0])
	if len(bob) == 1 {
		other := begin("bob", bob[0])
		w.commit(late)
		w.commit(other)
		return
	}
	for _, patch := range bob {
		w.commit(begin("bob", patch))
	}
	w.commit(late)
}

func (w cards) commit(tx *entity.Tx) {
	w.t.Helper()
	if _, err := tx.Commit(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}
