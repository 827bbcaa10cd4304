package tablestest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/merge"
)

func albums() *merge.Schema {
	return &merge.Schema{
		Properties: registers("name text", "year int64", "extra json"),
		Indexes:    [][]string{{"year", "name"}, {"name"}},
	}
}

func (s *suite) empty() {
	s.check()
	ctx := s.t.Context()
	if w, err := s.tables.Waiting(ctx); err != nil || len(w) > 0 {
		s.t.Errorf("Waiting: %v, %v", w, err)
	}
	if state, err := s.tables.Load(ctx, "album", "album-1"); state != nil || err != nil {
		s.t.Errorf("Load: %q, %v", state, err)
	}
	s.batch().declare("album", albums()).write()
	s.ids("album", "")
	s.ask("album", "SELECT count(*)")
	s.ask("album", "SELECT year, count(*) GROUP BY year")
}

func (s *suite) marksAndWaiting() {
	for _, want := range [][]nacre.Position{{1, 5, 9}, {1, 2, 9, 12}, nil, {}, {7}, {7, 1 << 62}} {
		b := s.batch()
		b.Waiting = want
		b.write()
		got, err := s.tables.Waiting(s.t.Context())
		if want == nil {
			want = []nacre.Position{1, 2, 9, 12} // as before
		}
		if err != nil || !slices.Equal(got, want) {
			s.t.Fatalf("Waiting: %v, %v, want %v", got, err, want)
		}
		s.check()
	}
	// A log that was restored: another epoch, and back to the beginning of it.
	s.mark = entity.Mark{Epoch: "another", Position: 3}
	if err := s.tables.Write(s.t.Context(), &entity.Batch{Mark: s.mark}); err != nil {
		s.t.Fatal(err)
	}
	s.check()
}

func (s *suite) keepsStates() {
	long := `{"x":"` + strings.Repeat("long ", 100_000) + `"}`
	s.batch().put("note", "note-1", `{"a":1}`).put("note", "note-2", `{}`).put("other", "note-1", long).write()
	s.check()
	s.batch().put("note", "note-1", long).put("other", "note-1", `{"x":"\u0000"}`).write()
	s.check()
	b := s.batch()
	b.Rows = []entity.TableRow{{Collection: "note", ID: "note-3", State: []byte{}}, {Collection: "note", ID: "note-4", State: []byte("\x00\xff\x00")}}
	b.write()
	if state, err := s.tables.Load(s.t.Context(), "note", "note-3"); state == nil || len(state) > 0 || err != nil {
		s.t.Errorf("an empty state: %v, %v", state, err)
	}
	if state, err := s.tables.Load(s.t.Context(), "note", "note-4"); string(state) != "\x00\xff\x00" || err != nil {
		s.t.Errorf("a state of bytes: %q, %v", state, err)
	}
	if state, err := s.tables.Load(s.t.Context(), "Note", "note-1"); state != nil || err != nil {
		s.t.Errorf("of another collection: %q, %v", state, err)
	}
}

func (s *suite) rowsComeAndGo() {
	s.batch().declare("album", albums()).
		put("album", "album-2", `{"name":"b","year":1}`).put("album", "album-1", `{"name":"a","year":2}`).write()
	s.ids("album", "", "album-1", "album-2")
	s.ids("album", "year = 1", "album-2")
	s.batch().put("album", "album-1", `{"name":"a","year":2,"$gone":true}`).write()
	s.ids("album", "", "album-2")
	s.ids("album", "name = 'a'")
	s.check()
	s.batch().put("album", "album-1", `{"name":"c","year":0}`).put("album", "album-2", `{"name":"b"}`).write()
	s.ids("album", "ORDER BY year", "album-2", "album-1")
	s.ids("album", "year = 1")
	s.check()
	s.batch().put("album", "album-3", `{"$gone":1}`).write()
	s.ids("album", "", "album-1", "album-2")
	s.check()
}

// whatTablesHave says something true, false or nothing about what the tables have of a row, and changes some of its
// properties, all or none: whatever was said, rows are found by what they have.
func (s *suite) whatTablesHave() {
	states := []string{
		`{"name":"a","year":1}`, `{"name":"a","year":2}`, `{"name":"b","year":2}`, `{"name":"another","year":8}`,
		`{"name":"a"}`, `{"year":1}`, `{}`, `{"name":"a","year":1,"$gone":true}`,
	}
	s.batch().declare("album", albums()).write()
	n := 0
	for _, before := range states {
		for _, after := range states {
			for said := range hints(nil) {
				id := fmt.Sprintf("album-%03d", n)
				n++
				s.batch().put("album", id, before).write()
				was := values(s.schemas["album"], before)
				b := s.batch().put("album", id, after)
				b.Rows[0].Was = hints(was)[said]
				b.write()
			}
		}
	}
	for _, text := range []string{
		"", "name = 'a'", "name = 'b'", "name = 'another'", "name IS NULL", "year = 1", "year = 2", "year = 7", "year = 8", "year IS NULL",
		"year > 0 ORDER BY year, name", "ORDER BY name DESC", "SELECT name, year, count(*) GROUP BY name, year",
	} {
		if p, err := s.tryPlan("album", text); err == nil {
			if _, err := s.compare("album", p, nil); err != nil {
				s.t.Errorf("%s: %v", text, err)
			}
		} else {
			s.t.Errorf("%s: %v", text, err)
		}
	}
	s.check()
}

func (s *suite) batchesAreWhole() {
	s.batch().declare("album", albums()).put("album", "album-1", `{"name":"a"}`).write()
	mark, state := s.mark, s.states["album"]["album-1"]
	fails := errors.New("a row that cannot be made")
	b := s.batch().declare("artist", &merge.Schema{Properties: registers("name text")}).put("artist", "artist-1", `{"name":"x"}`).
		declare("album", albums()).put("album", "album-1", `{"name":"b"}`)
	b.Declared[1].Row = func(*entity.TableRow) error { return fails }
	b.Waiting = []nacre.Position{4}
	if err := s.tables.Write(s.t.Context(), &b.Batch); !errors.Is(err, fails) {
		s.t.Fatalf("Write: %v, want the row's error", err)
	}
	s.mark, s.states["album"]["album-1"] = mark, state
	delete(s.schemas, "artist")
	delete(s.states, "artist")
	s.check()
	if state, err := s.tables.Load(s.t.Context(), "artist", "artist-1"); state != nil || err != nil {
		s.t.Errorf("of a batch that failed: %q, %v", state, err)
	}
	if w, err := s.tables.Waiting(s.t.Context()); len(w) > 0 || err != nil {
		s.t.Errorf("of a batch that failed: waiting are %v, %v", w, err)
	}
	s.batch().declare("artist", &merge.Schema{Properties: registers("name text")}).put("artist", "artist-1", `{"name":"x"}`).write()
	s.check()
}

func (s *suite) undeclared() {
	s.batch().declare("album", albums()).put("note", "note-1", `{}`).write()
	p := s.plan("album", "")
	_, err := s.tables.Query(s.t.Context(), "note", p, nil)
	wantCode(s.t, "a query of a collection without a table", err, nacre.CodeNotFound)
	_, err = s.tables.Query(s.t.Context(), "nothing", p, nil)
	wantCode(s.t, "a query of a collection that never was", err, nacre.CodeNotFound)
	b := s.batch()
	b.Rows = []entity.TableRow{{Collection: "note", ID: "note-1", State: []byte(`{}`), Values: []byte(`{}`)}}
	wantCode(s.t, "a row without a table", s.tables.Write(s.t.Context(), &b.Batch), nacre.CodeNotFound)
	s.mark.Position--
	s.mark.EventID = "event-1"
	s.check()
}

func (s *suite) nothingIsShared() {
	b := s.batch().declare("album", albums()).put("album", "album-1", `{"name":"a"}`)
	b.Waiting = []nacre.Position{1}
	b.write()
	spoil := func(text []byte) {
		for i := range text {
			text[i] = '#'
		}
	}
	spoil(b.Rows[0].State)
	spoil(b.Rows[0].Values)
	b.Waiting[0] = 9
	ctx := s.t.Context()
	for range 2 {
		state, err := s.tables.Load(ctx, "album", "album-1")
		if err != nil {
			s.t.Fatal(err)
		}
		if string(state) != `{"name":"a"}` {
			s.t.Fatalf("the state is %q", state)
		}
		spoil(state)
		spoil(s.ask("album", "").Rows[0].State())
		waiting, err := s.tables.Waiting(ctx)
		if err != nil || waiting[0] != 1 {
			s.t.Fatalf("Waiting: %v, %v", waiting, err)
		}
		waiting[0] = 9
	}
	s.check()
}

func (s *suite) schemasChange() {
	s.batch().put("album", "album-1", `{"name":"a","year":1,"year~2":"1"}`).put("album", "album-2", `{"name":"b","year":2,"$gone":1}`).write()
	// States first, then a schema.
	s.batch().declare("album", albums()).put("album", "album-3", `{"name":"c","year":3}`).write()
	s.ids("album", "year > 0", "album-1", "album-3")
	s.check()
	// Added, removed, other indexes.
	s.batch().declare("album", &merge.Schema{Properties: registers("year int64", "label text"), Indexes: [][]string{{"label", "year"}, {"year"}}}).write()
	s.ids("album", "label IS NULL ORDER BY year DESC", "album-3", "album-1")
	s.check()
	// Renamed, and the name given to another property.
	renamed := &merge.Schema{Properties: map[string]merge.SchemaProperty{
		"title": property("name", "register", "text"), "name": property("label", "register", "text"),
	}, Indexes: [][]string{{"title"}, {"name", "title"}}}
	s.batch().declare("album", renamed).put("album", "album-1", `{"name":"z","label":"l"}`).write()
	s.ids("album", "name IS NULL OR title = 'z' ORDER BY title DESC", "album-1", "album-3")
	s.check()
	// Retyped: the same name, another id and type.
	retyped := &merge.Schema{Properties: map[string]merge.SchemaProperty{"year": property("year~2", "register", "text")}, Indexes: [][]string{{"year"}}}
	s.batch().declare("album", retyped).put("album", "album-1", `{"year~2":"1977"}`).write()
	s.ids("album", "year LIKE '19%'", "album-1")
	s.check()
	// The same again, with nothing but an index gone, twice in one batch.
	s.batch().declare("album", retyped).declare("album", &merge.Schema{Properties: retyped.Properties}).write()
	s.ids("album", "year = '1977'", "album-1")
	s.check()
	// No properties at all.
	s.batch().declare("album", &merge.Schema{}).write()
	s.ids("album", "", "album-1", "album-3")
	s.check()
}

func (s *suite) declaredOfManyStates() {
	n := under(2500, 600)
	b := s.batch()
	for i := range n {
		b.put("album", fmt.Sprintf("album-%04d", i), fmt.Sprintf(`{"name":"n%d","year":%d}`, i%7, i))
	}
	b.write()
	s.batch().declare("album", albums()).put("album", "album-0007", `{"name":"changed"}`).write()
	s.check()
	s.ask("album", "SELECT name, count(*), sum(year) GROUP BY name")
	s.ask("album", "year > 100 ORDER BY name, year DESC LIMIT 20 OFFSET 10")
}

func (s *suite) anyIDs() {
	b := s.batch().declare("album", albums())
	all := []string{"album-1", "album-É", "album-é", "album-", "album", "album-\U0001f600", "album-a", "album-A", "album-'quote", "album- space", "album-%", strings.Repeat("i", 256)}
	for _, id := range all {
		b.put("album", id, `{"name":"same"}`)
	}
	b.write()
	s.check()
	slices.Sort(all)
	s.ids("album", "ORDER BY name", all...)
	for _, id := range all {
		r := s.ask("album", "id = ?", id)
		if len(r.Rows) != 1 || r.Rows[0].ID() != id {
			s.t.Errorf("by the id %q: %d rows", id, len(r.Rows))
		}
	}
}

func (s *suite) references() {
	of := func(collection string) merge.SchemaProperty {
		return merge.SchemaProperty{ID: collection, Kind: "reference", Type: "ref", Of: collection}
	}
	s.batch().
		declare("artist", &merge.Schema{Properties: map[string]merge.SchemaProperty{"name": property("name", "register", "text"), "country": of("country")}, Indexes: [][]string{{"name"}}}).
		declare("Artist", &merge.Schema{Properties: registers("name text")}).
		declare("album", &merge.Schema{Properties: map[string]merge.SchemaProperty{"artist": of("artist"), "Artist": of("Artist")}, Indexes: [][]string{{"artist"}}}).
		declare("country", &merge.Schema{Properties: registers("name text", "map json")}).
		put("country", "country-1", `{"name":"x","map":{"big":true}}`).
		put("artist", "artist-1", `{"name":"one","country":"country-1"}`).
		put("artist", "artist-2", `{"name":"two","country":"country-2"}`).
		put("artist", "artist-3", `{"name":"three","country":"country-1","$gone":1}`).
		put("Artist", "artist-1", `{"name":"another one"}`).
		put("album", "album-1", `{"artist":"artist-1","Artist":"artist-2"}`).
		put("album", "album-2", `{"artist":"artist-2","Artist":"artist-1"}`).
		put("album", "album-3", `{"artist":"artist-3"}`).
		put("album", "album-4", `{"artist":7}`).
		write()
	s.ids("album", "artist.name = 'one'", "album-1")
	s.ids("album", "Artist.name = 'another one'", "album-2")
	s.ids("album", "artist.country.map.big", "album-1")
	s.ids("album", "artist.name IS NULL", "album-3", "album-4")
	s.ask("album", "SELECT artist.country.name, count(*) GROUP BY artist.country.name ORDER BY count(*) DESC")
	s.ask("album", "SELECT id, artist.name, Artist.name WHERE TRUE ORDER BY artist.name DESC")
	s.batch().put("artist", "artist-1", `{"name":"first"}`).write()
	s.ids("album", "artist.name >= 'a' ORDER BY artist.name", "album-1", "album-2")
}

func (s *suite) aggregates() {
	b := s.batch().declare("album", &merge.Schema{
		Properties: registers("n int64", "f float64", "d decimal", "t text", "w time", "j json", "b bool"), Indexes: [][]string{{"n"}, {"t", "n"}},
	})
	for i, state := range []string{
		`{"n":9223372036854775807,"f":1e308,"d":"0.1","t":"x","w":"2026-01-01T00:00:00Z","j":1,"b":true}`,
		`{"n":9223372036854775807,"f":1e308,"d":"0.2","t":"x","w":"2025-01-01T00:00:00Z","j":2.5,"b":false}`,
		`{"n":-3,"f":-1e308,"d":12345678901234567890.5,"t":"y","j":"text"}`,
		`{"n":null,"f":"no","d":null,"t":null,"j":[1]}`, `{}`,
	} {
		b.put("album", fmt.Sprintf("album-%d", i), state)
	}
	b.write()
	for _, text := range []string{
		"SELECT count(*), count(n), sum(n), min(n), max(n), avg(n)",
		"SELECT sum(f), avg(f), min(f), max(f), sum(d), avg(d), min(d), max(d)",
		"SELECT min(t), max(t), min(w), max(w), min(b), max(b), sum(j), count(j), min(j), max(j)",
		"SELECT t, count(*), sum(n), max(j) GROUP BY t ORDER BY t DESC",
		"SELECT t AS a, b, count(*) GROUP BY t, b ORDER BY count(*) DESC, a LIMIT 3 OFFSET 1",
		"SELECT j, count(*) WHERE n > 0 GROUP BY j",
		"SELECT count(*) WHERE n = 5", "SELECT sum(n), max(t) WHERE n = 5", "SELECT t, sum(n) WHERE n = 5 GROUP BY t",
		"SELECT id, t, n + 0", "SELECT id, j, d, w WHERE n IS NOT NULL ORDER BY d",
	} {
		if _, err := s.tryPlan("album", text); err != nil {
			continue // no such thing in the language
		}
		s.ask("album", text)
	}
}

func (s *suite) reset() {
	s.batch().declare("album", albums()).declare("Album", albums()).put("album", "album-1", `{"name":"a"}`).put("note", "note-1", `{}`).write()
	b := s.batch()
	b.Waiting = []nacre.Position{3}
	b.write()
	p := s.plan("album", "")
	if err := s.tables.Reset(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	for _, c := range []string{"album", "note"} {
		if state, err := s.tables.Load(s.t.Context(), c, c+"-1"); state != nil || err != nil {
			s.t.Errorf("Load: %q, %v", state, err)
		}
	}
	if w, err := s.tables.Waiting(s.t.Context()); len(w) > 0 || err != nil {
		s.t.Errorf("Waiting: %v, %v", w, err)
	}
	_, err := s.tables.Query(s.t.Context(), "album", p, nil)
	wantCode(s.t, "a query after Reset", err, nacre.CodeNotFound)
	s.world = newWorld(s.t, s.tables)
	s.check()
	s.batch().declare("album", &merge.Schema{Properties: registers("name int64")}).put("album", "album-1", `{"name":7}`).write()
	s.check()
	s.ids("album", "name = 7", "album-1")
}

func (s *suite) reopens() {
	if s.reopen == nil {
		s.t.Skip("nothing outlives Close")
	}
	again := func() {
		s.t.Helper()
		if err := s.tables.Close(); err != nil {
			s.t.Fatal(err)
		}
		s.tables = s.reopen()
		s.check()
	}
	again()
	b := s.batch().declare("album", albums()).declare("Album", &merge.Schema{Properties: registers("ID text", "id~2 text", "State time"), Indexes: [][]string{{"State", "ID"}}}).
		put("album", "album-1", `{"name":"a","year":1}`).put("Album", "album-1", `{"ID":"x","State":"2026-01-01T00:00:00Z"}`).put("note", "note-1", `{"a":1}`)
	b.Waiting = []nacre.Position{1, 2}
	b.write()
	again()
	if w, err := s.tables.Waiting(s.t.Context()); len(w) != 2 || err != nil {
		s.t.Fatalf("Waiting: %v, %v", w, err)
	}
	s.batch().put("album", "album-2", `{"name":"b"}`).put("Album", "album-1", `{"$gone":1}`).put("note", "note-2", `{}`).write()
	b = s.batch()
	b.Waiting = []nacre.Position{2, 3}
	b.write()
	again()
	s.ids("album", "name > 'a'", "album-2")
	if w, err := s.tables.Waiting(s.t.Context()); !slices.Equal(w, []nacre.Position{2, 3}) || err != nil {
		s.t.Fatalf("Waiting: %v, %v", w, err)
	}
	if err := s.tables.Reset(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.world = newWorld(s.t, s.tables)
	again()
}

func (s *suite) closes() {
	s.batch().declare("album", albums()).write()
	p := s.plan("album", "")
	for range 2 {
		if err := s.tables.Close(); err != nil {
			s.t.Fatal(err)
		}
	}
	ctx := s.t.Context()
	_, err := s.tables.Mark(ctx)
	wantCode(s.t, "Mark", err, nacre.CodeClosed)
	_, err = s.tables.Waiting(ctx)
	wantCode(s.t, "Waiting", err, nacre.CodeClosed)
	_, err = s.tables.Load(ctx, "album", "album-1")
	wantCode(s.t, "Load", err, nacre.CodeClosed)
	_, err = s.tables.Query(ctx, "album", p, nil)
	wantCode(s.t, "Query", err, nacre.CodeClosed)
	wantCode(s.t, "Write", s.tables.Write(ctx, &entity.Batch{}), nacre.CodeClosed)
	wantCode(s.t, "Reset", s.tables.Reset(ctx), nacre.CodeClosed)
}

func (s *suite) contexts() {
	s.batch().declare("album", albums()).put("album", "album-1", `{"name":"a"}`).write()
	p := s.plan("album", "")
	ctx, cancel := context.WithCancel(s.t.Context())
	cancel()
	want := func(what string, err error) {
		s.t.Helper()
		if !errors.Is(err, context.Canceled) {
			s.t.Errorf("%s: %v, want that it was canceled", what, err)
		}
	}
	_, err := s.tables.Mark(ctx)
	want("Mark", err)
	_, err = s.tables.Load(ctx, "album", "album-1")
	want("Load", err)
	_, err = s.tables.Query(ctx, "album", p, nil)
	want("Query", err)
	want("Write", s.tables.Write(ctx, &entity.Batch{}))
	want("Reset", s.tables.Reset(ctx))
	s.check()

	// In the middle of a table that is made: nothing of the batch is there.
	ctx, cancel = context.WithCancel(s.t.Context())
	b := s.batch()
	for i := range 2000 {
		b.put("note", fmt.Sprintf("note-%d", i), `{}`)
	}
	b.write()
	mark := s.mark
	b = s.batch().declare("note", &merge.Schema{})
	row := b.Declared[0].Row
	b.Declared[0].Row = func(r *entity.TableRow) error {
		cancel()
		return row(r)
	}
	want("a Write that was under way", s.tables.Write(ctx, &b.Batch))
	s.mark = mark
	delete(s.schemas, "note")
	s.check()
	s.batch().declare("note", &merge.Schema{}).write()
	s.check()
}

// together reads while somebody writes: each query sees all of a batch or nothing.
func (s *suite) together() {
	rows, rounds := under(50, 10), under(40, 12)
	put := func(n int) {
		b := s.batch()
		for i := range rows {
			b.put("album", fmt.Sprintf("album-%d", i), fmt.Sprintf(`{"year":%d,"name":"%d"}`, n, n))
		}
		if n%10 == 0 { // the table is made anew, with or without an index
			schema := albums()
			if n%20 == 0 {
				schema.Indexes = nil
			}
			b.declare("album", schema)
		}
		b.write()
	}
	s.batch().declare("album", albums()).write()
	put(1)
	count, some := s.plan("album", "SELECT count(*), min(year), max(year)"), s.plan("album", "year > 0 ORDER BY name LIMIT 7")
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				r, err := s.tables.Query(ctx, "album", count, nil)
				if err == nil {
					row := r.Table.Rows[0]
					if row[0].Int() != int64(rows) || row[1].Int() != row[2].Int() || row[1].Int()+1 != int64(r.Position) {
						s.t.Errorf("at %d there are %s", r.Position, text(r))
						return
					}
					r, err = s.tables.Query(ctx, "album", some, nil)
				}
				if err == nil && len(r.Rows) != 7 {
					err = fmt.Errorf("%d rows at %d", len(r.Rows), r.Position)
				}
				if err == nil {
					_, err = s.tables.Load(ctx, "album", "album-1")
				}
				if err == nil {
					_, err = s.tables.Mark(ctx)
				}
				if err != nil && ctx.Err() == nil {
					s.t.Errorf("beside one who writes: %v", err)
					return
				}
			}
		})
	}
	for n := 2; n < rounds; n++ {
		put(n)
	}
	cancel()
	readers.Wait()
	s.check()
}
