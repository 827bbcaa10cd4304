package entity_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
)

var seed = flag.Uint64("typed.seed", 0, "of the random edits; 0 takes one by the clock")

func TestEditor(t *testing.T) {
	t.Parallel()
	w, albums, _ := typed(t)
	ctx := t.Context()
	if _, err := albums.Create(ctx, &album{ID: "a", Year: 1, Tracks: []string{"1", "2"}}); err != nil {
		t.Fatal(err)
	}
	err := albums.Change(ctx, "a", func(e *entity.Editor[album]) error {
		e.Add("plays", 2, 3)
		e.Remove("plays", 1)
		e.Add("tags", "x", "y")
		e.Remove("tags", "x")
		e.Add("tracks", "3")
		e.Insert("tracks", 0, "0", "½")
		e.Remove("tracks", 1)
		e.Replace("tracks", 1, "one")
		e.Put("notes", "k", "v")
		e.Set("name", e.Value().ID+"!")
		e.Set("year", nil)
		e.Set("artist", entity.Ref[artist]("muse"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.is("a", `{"artist":"muse","name":"a!","notes":{"k":"v"},"plays":4,"tags":["y"],"tracks":["0","one","2","3"]}`)
	err = albums.Change(ctx, "a", func(e *entity.Editor[album]) error {
		e.Set("artist", entity.Ref[artist](""))
		e.Set("notes", map[string]string{"l": "w"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.is("a", `{"name":"a!","notes":{"l":"w"},"plays":4,"tags":["y"],"tracks":["0","one","2","3"]}`)
	code(t, albums.Change(ctx, "none", func(*entity.Editor[album]) error { return nil }), nacre.CodeNotFound)
	before := w.head()
	for name, wrong := range map[string]func(e *entity.Editor[album]){
		"no such property": func(e *entity.Editor[album]) { e.Set("nome", 1); e.Set("name", "b") },
		"type":             func(e *entity.Editor[album]) { e.Add("plays", "1") },
		"value":            func(e *entity.Editor[album]) { e.Set("name", make(chan int)) },
		"index":            func(e *entity.Editor[album]) { e.Insert("tracks", 9, "x") },
		"text":             func(e *entity.Editor[album]) { e.Put("notes", "\xff", "x") },
		"name":             func(e *entity.Editor[album]) { e.Set("\xff", "x") },
		"kind":             func(e *entity.Editor[album]) { e.Add("name", "x") },
	} {
		err := albums.Change(ctx, "a", func(e *entity.Editor[album]) error { wrong(e); return nil })
		if nacre.CodeOf(err) != nacre.CodeInvalid || w.head() != before {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What was set in two branches is a conflict, until somebody sets what is shown.
func TestEditorSettles(t *testing.T) {
	t.Parallel()
	w, albums, _ := typed(t)
	ctx := t.Context()
	if _, err := albums.Create(ctx, &album{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	txs := []*entity.Tx{w.Begin(nil), w.Begin(nil)}
	for i, tx := range txs {
		if err := albums.In(tx).Edit(ctx, "a", func(a *album) error { a.Year = 10 + i; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for _, tx := range txs {
		if _, err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
	}
	before := w.head()
	if err := albums.Edit(ctx, "a", func(*album) error { return nil }); err != nil || w.head() != before {
		t.Errorf("an edit without a change wrote %s, %v", w.last(), err)
	}
	err := albums.Change(ctx, "a", func(e *entity.Editor[album]) error { e.Set("year", e.Value().Year); return nil })
	if err != nil || w.head() != before+1 || strings.Count(w.last(), `","`) != 1 {
		t.Errorf("settling wrote %s, %v", w.last(), err)
	}
}

// Lists keep what stayed: of what an edit did not touch, no value is written again.
func TestListsKeepWhatStayed(t *testing.T) {
	t.Parallel()
	type item struct{ N int }
	type thing struct {
		ID    string
		Texts []string `entity:",list"`
		Items []item   `entity:",list"`
	}
	w := empty(t)
	things := of[thing](t, w, "things")
	ctx := t.Context()
	if _, err := things.Create(ctx, &thing{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		before, after []string
		inserts       []string
		removes       int
	}{
		{nil, []string{"a", "b", "c", "d"}, []string{"a", "b", "c", "d"}, 0},
		{[]string{"a", "b", "c", "d"}, []string{"b", "c", "d", "e"}, []string{"e"}, 1},
		{[]string{"b", "c", "d", "e"}, []string{"b", "x", "d", "y", "e"}, []string{"x", "y"}, 1},
		{[]string{"b", "x", "d", "y", "e"}, []string{"e", "b"}, []string{"b"}, 4},
		{[]string{"e", "b"}, []string{}, nil, 2},
	} {
		err := things.Edit(ctx, "a", func(v *thing) error {
			if len(c.before) > 0 && !slices.Equal(v.Texts, c.before) {
				t.Errorf("the list is %v, want %v", v.Texts, c.before)
			}
			v.Texts = c.after
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var data map[string]struct {
			Insert []struct{ Values []string }
			Remove []string
		}
		if err := json.Unmarshal([]byte(w.last()), &data); err != nil {
			t.Fatal(err)
		}
		var inserts []string
		for _, run := range data["texts"].Insert {
			inserts = append(inserts, run.Values...)
		}
		if slices.Sort(inserts); !slices.Equal(inserts, c.inserts) || len(data["texts"].Remove) != c.removes {
			t.Errorf("from %v to %v: %s", c.before, c.after, w.last())
		}
	}
	for _, items := range [][]item{{{1}, {2}, {3}}, {{1}, {9}, {3}}} {
		if err := things.Edit(ctx, "a", func(v *thing) error { v.Items = items; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if data := w.last(); !strings.Contains(data, `"set":{`) || strings.Contains(data, `"remove":[`) || strings.Contains(data, `"N":3`) {
		t.Errorf("an element that changed is another one: %s", data)
	}
}

// Whatever is edited, what comes back is what was left there.
func TestRandomEdits(t *testing.T) {
	t.Parallel()
	type part struct{ N, M int }
	type thing struct {
		ID    string
		Count int            `entity:",counter"`
		Set   []int          `entity:",set"`
		List  []int          `entity:",list"`
		Parts []part         `entity:",list"`
		Map   map[string]int `entity:",map"`
		Text  *string
		JSON  map[string][]int
		At    time.Time
	}
	n := *seed
	if n == 0 {
		n = rand.Uint64()
	}
	t.Logf("replay: go test ./entity/ -run TestRandomEdits -typed.seed=%d", n)
	r := rand.New(rand.NewPCG(n, n))
	w := empty(t)
	things := of[thing](t, w, "things")
	ctx := t.Context()
	if _, err := things.Create(ctx, &thing{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	numbers := func(list []int) []int {
		list = slices.Clone(list)
		for range r.IntN(4) {
			switch at := r.IntN(len(list) + 1); {
			case r.IntN(2) == 0:
				list = slices.Insert(list, at, r.IntN(5))
			case at < len(list):
				list = slices.Delete(list, at, at+1)
			}
		}
		return list
	}
	var want thing
	for range 400 {
		before := w.head()
		changed := false
		err := things.Edit(ctx, "a", func(v *thing) error {
			was := fmt.Sprintf("%#v", *v)
			if v.Map == nil {
				v.Map = map[string]int{}
			}
			for range r.IntN(3) {
				switch r.IntN(8) {
				case 0:
					v.Count += r.IntN(9) - 4
				case 1:
					v.Set = numbers(v.Set)
				case 2:
					v.List = numbers(v.List)
				case 3:
					v.Parts = slices.Clone(v.Parts)
					if len(v.Parts) > 0 && r.IntN(2) == 0 {
						v.Parts[r.IntN(len(v.Parts))].M++
					} else {
						v.Parts = slices.Insert(v.Parts, r.IntN(len(v.Parts)+1), part{N: r.IntN(9)})
					}
				case 4:
					v.Map[fmt.Sprint(r.IntN(5), "\"")] = r.IntN(9)
					delete(v.Map, fmt.Sprint(r.IntN(5), "\""))
				case 5:
					if v.Text = nil; r.IntN(2) == 0 {
						v.Text = new(fmt.Sprint(r.IntN(3)))
					}
				case 6:
					v.JSON = map[string][]int{"x": numbers(nil)}
				default:
					v.At = time.UnixMicro(r.Int64N(1 << 50)).UTC()
				}
			}
			slices.Sort(v.Set)
			v.Set = slices.Compact(v.Set)
			want = *v
			changed = was != fmt.Sprintf("%#v", *v)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := things.Get(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []*thing{got, &want} {
			if len(v.Set) == 0 {
				v.Set = nil
			}
			if len(v.List) == 0 {
				v.List = nil
			}
			if len(v.Parts) == 0 {
				v.Parts = nil
			}
			if len(v.Map) == 0 {
				v.Map = nil
			}
		}
		slices.Sort(got.Set)
		if !reflect.DeepEqual(got, &want) {
			t.Fatalf("got  %+v\nwant %+v\nby %s", *got, want, w.last())
		}
		if wrote := w.head() - before; wrote > 1 || wrote == 1 && !changed {
			t.Errorf("%d events for a change of %v", wrote, changed)
		}
	}
}

func BenchmarkTyped(b *testing.B) {
	w, albums := filled(b)
	ctx := b.Context()
	b.Run("Get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := albums.Get(ctx, "a1"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("GetJSON", func(b *testing.B) { // without the type, for comparison
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.Get(ctx, "albums", "a1"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Edit", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := albums.Edit(ctx, "a1", func(a *album) error { a.Year++; return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, rows := range map[string]func() int{
		"Query": func() (n int) {
			for _, err := range albums.Query(ctx, "") {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			return n
		},
		"QueryJSON": func() int {
			page, err := w.Query(ctx, "albums", "", nil)
			if err != nil {
				b.Fatal(err)
			}
			return len(page.Entities)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n += rows()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/row")
		})
	}
}

func filled(b *testing.B) (*entity.DB, *entity.Collection[album]) {
	b.Helper()
	db := openDB(b)
	artists, err := entity.Of[artist](b.Context(), db, "artists", nil)
	if err != nil {
		b.Fatal(err, artists)
	}
	albums, err := entity.Of[album](b.Context(), db, "albums", nil)
	if err != nil {
		b.Fatal(err)
	}
	_, err = db.Transact(b.Context(), nil, func(tx *entity.Tx) error {
		for i := range 1000 {
			a := album{ID: fmt.Sprintf("a%d", i), Name: "Origin of Symmetry", Year: 2001, Tags: []string{"rock"}, Tracks: []string{"New Born", "Bliss"}}
			if _, err := albums.In(tx).Create(b.Context(), &a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return db, albums
}
