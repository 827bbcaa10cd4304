package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	tables "github.com/nacredb/nacre/entity/memory"
	"github.com/nacredb/nacre/wire"
)

// inMemory opens the entities of a store with tables in memory.
func inMemory(ctx context.Context, _ string, store *nacre.Store) (Entities, error) {
	db, err := entity.Open(ctx, store, tables.Open(), &entity.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return db, nil
}

const (
	albumsPath  = logPath + "/collections/albums"
	albumsSaid  = `{"properties":{"name":{"kind":"register","type":"text"},"year":{"kind":"register","type":"int64"},"plays":{"kind":"counter","type":"int64"},"tags":{"kind":"set","type":"text"},"artist":{"kind":"reference","type":"ref","of":"artists"}},"indexes":[["year"]]}`
	artistsSaid = `{"properties":{"name":{"kind":"register","type":"text"}}}`
	originPath  = albumsPath + "/entities/origin"
)

// newShelves is a harness whose server keeps albums and artists.
func newShelves(t *testing.T, o *Options) *harness {
	t.Helper()
	if o == nil {
		o = &Options{}
	}
	if o.Entities == nil {
		o.Entities = inMemory
	}
	h := newHarness(t, o)
	h.declare()
	return h
}

func (h *harness) declare() {
	h.Helper()
	h.do("PUT", albumsPath, albumsSaid).is(201)
	h.do("PUT", logPath+"/collections/artists", artistsSaid).is(201)
}

// ids are those of a page's entities.
func (r *result) ids() []string {
	r.t.Helper()
	var page wire.EntitiesReply
	if err := wire.Decode(r.body, &page); err != nil {
		r.t.Fatalf("%s: %v", r.body, err)
	}
	out := []string{}
	for _, e := range page.Entities {
		out = append(out, e.ID)
	}
	return out
}

func TestServersWithoutEntities(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.get(logPath+"/collections").refused(nacre.CodeUnsupported, "no entities")
	h.post(albumsPath+"/entities", `{}`).refused(nacre.CodeUnsupported)
	h.post(logPath+"/transactions", `{"edits":[{"do":"create","collection":"albums"}]}`).refused(nacre.CodeUnsupported)
}

func TestEntitiesOverHTTP(t *testing.T) {
	t.Parallel()
	h := newShelves(t, nil)
	h.do("PUT", albumsPath, albumsSaid).is(200).has("year", "schema", "properties", "year", "id")
	h.get(albumsPath).is(200).has("albums", "name").has("counter", "schema", "properties", "plays", "kind")
	h.get(logPath+"/collections").is(200).has("albums", "collections", 0, "name").has("artists", "collections", 1, "name")
	h.get(logPath+"/collections/none").refused(nacre.CodeNotFound, "declare its schema first")

	made := h.post(albumsPath+"/entities", `{"id":"origin","values":{"name":"Origin","year":2001},"context":{"actor":"ann","correlationId":"c-1","metadata":{"why":[1]}}}`).is(201)
	made.has("Origin", "values", "name").has("origin", "id").has(3, "firstPosition").has(3, "lastPosition")
	if made.header.Get("Location") != originPath {
		t.Errorf("it is at %q", made.header.Get("Location"))
	}
	h.get(logPath+"/streams/albums-origin").is(200).has("ann", "events", 0, "metadata", "actor").
		has("c-1", "events", 0, "metadata", "correlationId").has(1, "events", 0, "metadata", "why", 0)
	h.post(albumsPath+"/entities", `{"id":"origin"}`).refused(wire.CodeEntityExists, "origin")

	got := h.get(originPath).is(200).has("Origin", "values", "name")
	tag := got.header.Get("ETag")
	h.get(originPath, "If-None-Match", tag).is(304)
	h.get(originPath, "If-None-Match", `"x", `+tag).is(304)
	changed := h.do("PATCH", originPath, `{"set":{"year":2002},"add":{"plays":3,"tags":["rock","pop"]},"remove":{"tags":["pop"]}}`).is(200)
	changed.has(2002, "values", "year").has(3, "values", "plays").has("rock", "values", "tags", 0)
	h.get(originPath, "If-None-Match", tag).is(200)
	same := h.do("PATCH", originPath, `{"set":{"year":2002}}`).is(200).has(0, "firstPosition").has(nil, "transactionId")
	if same.header.Get("ETag") != changed.header.Get("ETag") {
		t.Error("what changes nothing has another tag")
	}

	h.do("DELETE", originPath+"?actor=bob", "").is(200).has(true, "deleted").has(nil, "values")
	h.get(originPath).refused(wire.CodeEntityDeleted, "/restore")
	h.do("PATCH", originPath, `{"set":{"year":1}}`).refused(wire.CodeEntityDeleted, "/restore")
	h.post(albumsPath+"/entities", `{"id":"origin"}`).refused(wire.CodeEntityExists)
	h.post(originPath+"/restore", "").is(200).has(2002, "values", "year")
	h.post(originPath+"/restore", `{"context":{"actor":"ann"}}`).is(200).has(0, "lastPosition")

	odd := h.post(albumsPath+"/entities", `{"id":"a/b c"}`).is(201)
	h.get(odd.header.Get("Location")).is(200).has("a/b c", "id")
	h.post(albumsPath+"/entities", "").is(201)
	h.get(albumsPath + "/entities/none").refused(nacre.CodeNotFound)
	h.do("DELETE", albumsPath+"/entities/none", "").refused(nacre.CodeNotFound)
	h.post(albumsPath+"/entities/none/restore", "").refused(nacre.CodeNotFound)
}

func TestEntitiesThatHaveChanged(t *testing.T) {
	t.Parallel()
	h := newShelves(t, nil)
	tag := h.post(albumsPath+"/entities", `{"id":"origin"}`).is(201).header.Get("ETag")
	next := h.do("PATCH", originPath, `{"set":{"year":1}}`, "If-Match", tag).is(200).header.Get("ETag")
	h.do("PATCH", originPath, `{"set":{"year":2}}`, "If-Match", tag).refused(wire.CodePreconditionFailed, "has changed")
	h.do("DELETE", originPath, "", "If-Match", tag).refused(wire.CodePreconditionFailed)
	heads, _, _ := strings.Cut(strings.Trim(next, `"`), "~")
	h.do("PATCH", originPath, `{"set":{"year":3}}`, "If-Match", `"none", "`+heads+`"`).is(200) // the heads are enough
	h.do("PATCH", originPath, `{"set":{"year":4}}`, "If-Match", "*").is(200)
	h.post(originPath+"/restore", "", "If-Match", "*").refused(nacre.CodeInvalid, "If-Match")
	h.post(albumsPath+"/entities", "", "If-Match", "*").refused(nacre.CodeInvalid, "If-Match")
	h.post(logPath+"/transactions", `{"edits":[{"do":"create","collection":"albums"}]}`, "If-Match", "*").refused(nacre.CodeInvalid, "If-Match")
	// Another schema is another representation, and not another entity.
	tag = h.get(originPath).is(200).header.Get("ETag")
	h.do("PUT", albumsPath, strings.Replace(albumsSaid, `"name":`, `"title":`, 1)).is(200)
	h.do("PUT", albumsPath, strings.NewReplacer(`"year":`, `"born":`, `["year"]`, `["born"]`).Replace(albumsSaid)).is(200)
	h.get(originPath, "If-None-Match", tag).is(200)
	h.do("DELETE", originPath, "", "If-Match", tag).is(200)
	h.do("PATCH", originPath, `{"set":{"name":"x"}}`, "If-Match", tag).refused(wire.CodeEntityDeleted)
}

func TestQueriesOverHTTP(t *testing.T) {
	t.Parallel()
	h := newShelves(t, nil)
	h.post(logPath+"/collections/artists/entities", `{"id":"ann","values":{"name":"Ann"}}`).is(201)
	for i := range 5 {
		h.post(albumsPath+"/entities", fmt.Sprintf(`{"id":"a-%d","values":{"name":"Album %d","year":%d,"artist":"ann"}}`, i, i, 2000+i)).is(201)
	}
	same(t, h.get(albumsPath+"/entities").is(200).has(8, "position").ids(), []string{"a-0", "a-1", "a-2", "a-3", "a-4"})
	ask := func(q string, more ...string) *result {
		values := url.Values{"q": {q}}
		for pair := range slices.Chunk(more, 2) {
			values.Add(pair[0], pair[1])
		}
		return h.get(albumsPath + "/entities?" + values.Encode())
	}
	same(t, ask("year > :since AND artist.name = :name ORDER BY year DESC", "p.since", "2002", "p.name", "Ann").is(200).ids(), []string{"a-4", "a-3"})
	same(t, ask("id IN :ids", "p.ids", "a-1", "p.ids", "a-3", "p.ids", "zzz").is(200).ids(), []string{"a-1", "a-3"})
	var all []string
	next := ""
	for pages := 0; ; pages++ {
		more := []string{"limit", "2"}
		if next != "" {
			more = append(more, "after", next)
		}
		page := ask("ORDER BY year DESC", more...).is(200)
		all = append(all, page.ids()...)
		if next, _ = page.json()["next"].(string); next == "" {
			if pages != 2 {
				t.Errorf("%d pages", pages+1)
			}
			break
		}
	}
	same(t, all, []string{"a-4", "a-3", "a-2", "a-1", "a-0"})

	post := func(body string) *result { return h.post(albumsPath+"/query", body) }
	same(t, post("").is(200).ids(), []string{"a-0", "a-1", "a-2", "a-3", "a-4"})
	same(t, post(`{"q":"year >= ? AND year < ? AND name LIKE ?","args":[2001,2003.5,"Album%"]}`).is(200).ids(), []string{"a-1", "a-2", "a-3"})
	same(t, post(`{"q":"year = :y OR name = :n","named":{"y":2001,"n":null}}`).is(200).ids(), []string{"a-1"})
	same(t, post(`{"q":"year IN ?","args":[[2001,2004]],"limit":1}`).is(200).ids(), []string{"a-1"})
	post(`{"q":"SELECT count(*), max(year)"}`).is(200).has(5, "rows", 0, 0).has(2004, "rows", 0, 1).has("count(*)", "columns", 0)
	post(`{"q":"SELECT name, tags WHERE year = 2001"}`).is(200).has("Album 1", "rows", 0, 0).has(nil, "rows", 0, 1)
	post(`{"q":"SELECT name WHERE year = 1"}`).is(200).has(8, "position")

	wrong := ask("year > > 1").refused(nacre.CodeInvalid, "line 1, column 8")
	if d := wrong.Details; d.Field != "q" || d.Line != 1 || d.Column != 8 || d.Expected == "" || d.Found != ">" {
		t.Errorf("the details are %+v", d)
	}
	var asked *wire.QueryError
	if err := wire.ParseError(400, ask("yeer = 1").body); !errors.As(err, &asked) || asked.Column != 1 || !strings.Contains(asked.Hint, "year") {
		t.Errorf("a client sees %v", err)
	}
	ask("year = :y").refused(nacre.CodeInvalid, "a value for :y")
	ask("year = 1", "p.y", "1").refused(nacre.CodeInvalid, ":y")
	ask("", "after", "x").refused(nacre.CodeInvalid, "after")
	ask("", "limit", "0").refused(nacre.CodeInvalid, "limit")
	ask("", "colour", "red").refused(nacre.CodeInvalid, "colour")
	post(`{"q":"year = ?","args":[{}]}`).refused(nacre.CodeInvalid, "args[0]")
	post(`{"q":"year = ?","args":[[[1]]]}`).refused(nacre.CodeInvalid, "args[0][0]")
	post(`{"q":"year = ?","args":[1e999]}`).refused(nacre.CodeInvalid, "args[0]")
	post(`{"q":"year = ?","args":[1,2]}`).refused(nacre.CodeInvalid)
	h.get(logPath + "/collections/none/entities").refused(nacre.CodeNotFound)
	h.get(logPath+"/collections/no-name/entities").refused(nacre.CodeInvalid, "collection")
	h.do("PUT", logPath+"/collections/bare", "{}").refused(nacre.CodeInvalid, "properties")
}

func TestTransactionsOverHTTP(t *testing.T) {
	t.Parallel()
	h := newShelves(t, nil)
	transact := func(body string, headers ...string) *result { return h.post(logPath+"/transactions", body, headers...) }
	both := `{"edits":[{"do":"create","collection":"artists","values":{"name":"Ann"}},{"do":"create","collection":"albums","id":"origin","values":{"year":1}},{"do":"patch","collection":"albums","id":"origin","patch":{"set":{"year":2}}}],"context":{"actor":"ann"}}`
	done := transact(both).is(201).has("origin", "ids", 1).has("origin", "ids", 2).has(3, "firstPosition").has(4, "lastPosition")
	h.get(originPath).is(200).has(2, "values", "year")
	h.get(logPath+"/collections/artists/entities/"+done.json()["ids"].([]any)[0].(string)).is(200).has("Ann", "values", "name")
	transact(both).refused(wire.CodeEntityExists)
	h.get(logPath+"/head").is(200).has(4, "globalPosition") // nothing of it
	transact(`{"edits":[{"do":"create","collection":"albums"},{"do":"patch","collection":"albums","id":"origin","patch":{"set":{"yeer":2}}}]}`).
		refused(nacre.CodeInvalid, `"field":"edits[1].patch.set.yeer"`)
	transact(`{"edits":[{"do":"patch","collection":"albums","id":"origin","patch":{"set":{"year":2}}}],"strict":true}`).is(200).has(0, "firstPosition")
	transact(`{"edits":[{"do":"delete","collection":"albums","id":"origin"},{"do":"restore","collection":"albums","id":"origin"}]}`).is(200)

	undone := h.post(logPath+"/transactions/4/undo", `{"context":{"actor":"ann"}}`).is(201)
	undone.has("origin", "ids", 1)
	h.get(originPath).refused(wire.CodeEntityDeleted)
	h.post(logPath+"/transactions/3/undo", `{"context":{"actor":"ann"}}`).is(200).has(0, "firstPosition")
	h.post(logPath+"/transactions/3/undo", `{"context":{"actor":"bob"}}`).refused(nacre.CodeInvalid, "actor")
	redone := int(undone.json()["firstPosition"].(float64))
	h.post(fmt.Sprintf("%s/transactions/%d/undo", logPath, redone), `{"context":{"actor":"ann"}}`).is(201)
	h.get(originPath).is(200).has(2, "values", "year")
	// One undoes from the latest backwards, or all of it together.
	mine := func(body string) *result { return h.do("PATCH", originPath, body).is(200) }
	first := mine(`{"add":{"plays":1},"context":{"actor":"cy"}}`)
	second := mine(`{"add":{"plays":2},"set":{"year":1},"context":{"actor":"cy"}}`)
	third := mine(`{"set":{"year":2},"context":{"actor":"cy"}}`)
	at := func(r *result) string { return jsonNumber(r.json()["lastPosition"]) }
	h.post(logPath+"/transactions/"+at(first)+"/undo", `{"context":{"actor":"cy"}}`).refused(nacre.CodeInvalid, `"positions"`, at(second)+", "+at(third))
	all := fmt.Sprintf(`{"positions":[%s,%s,%s],"context":{"actor":"cy"}}`, at(first), at(second), at(third))
	taken := h.post(logPath+"/transactions/undo", all, "Idempotency-Key", "back").is(201)
	taken.has("origin", "ids", 0)
	h.post(logPath+"/transactions/undo", all, "Idempotency-Key", "back").is(200).has(true, "duplicate")
	h.post(logPath+"/transactions/undo", `{"positions":[3],"context":{"actor":"cy"}}`, "Idempotency-Key", "back").refused(wire.CodeIdempotencyConflict)
	h.get(originPath).is(200).has(2, "values", "year").has(0, "values", "plays")
	for _, wrong := range []string{"", "{}", `{"positions":[]}`, `{"positions":[0]}`, `{"positions":[1.5]}`, `{"positions":5}`, `{"positions":["5"]}`, `{"positions":[1]}`} {
		h.post(logPath+"/transactions/undo", wrong).refused(nacre.CodeInvalid)
	}
	h.post(logPath+"/transactions/undo", `{"positions":[999]}`).refused(nacre.CodeNotFound)

	h.post(logPath+"/transactions/999/undo", "").refused(nacre.CodeNotFound)
	h.post(logPath+"/transactions/1/undo", "").refused(nacre.CodeInvalid, "position")
	h.post(logPath+"/transactions/0/undo", "").refused(nacre.CodeInvalid, "position")
	h.post(logPath+"/transactions/x/undo", "").refused(nacre.CodeInvalid, "position")
}

func TestWhatEntitiesWere(t *testing.T) {
	t.Parallel()
	h := newShelves(t, nil)
	first := h.post(albumsPath+"/entities", `{"id":"origin","values":{"name":"A"},"context":{"actor":"ann"}}`).is(201).json()["heads"].([]any)[0].(string)
	second := h.do("PATCH", originPath, `{"set":{"name":"B"},"context":{"actor":"bob"}}`).is(200).json()["heads"].([]any)[0].(string)
	h.get(originPath+"?at="+first).is(200).has("A", "values", "name").has(first, "heads", 0)
	h.get(originPath+"?at="+first+","+second).is(200).has("B", "values", "name")
	h.get(originPath+"?at=01JD3Y8Q0V3M8S2Z6T5N9K4RWE").refused(nacre.CodeNotFound, `"at: the stream has no event`)
	h.get(originPath+"?at=nonsense").refused(nacre.CodeInvalid, `"field":"at"`)
	h.get(originPath+"?at=,").refused(nacre.CodeInvalid, "at")
	h.get(originPath+"/diff").is(200).has("name", "differences", 0, "property").has(nil, "differences", 0, "old").has("B", "differences", 0, "new")
	h.get(originPath+"/diff?from="+first+"&to="+second).is(200).has("A", "differences", 0, "old")
	h.get(originPath+"/history").is(200).has(first, "entries", 0, "eventId").has("ann", "entries", 0, "actor").
		has("name", "entries", 1, "changes", 0, "property").has(nil, "next")
	h.get(originPath+"/history?backwards=true&limit=1").is(200).has(second, "entries", 0, "eventId").has(4, "next")
	h.get(originPath+"/history?backwards=true&limit=1&after=4").is(200).has(first, "entries", 0, "eventId")
	h.get(originPath+"/history?after=3").is(200).has(second, "entries", 0, "eventId")
	h.get(originPath + "/conflicts").is(200)

	// Somebody else wrote at once.
	other := laterThan(second)
	h.post(logPath+"/streams/albums-origin", `{"events":[{"eventId":"`+other+`","type":"albums.changed","parents":["`+first+`"],"data":{"name":{"over":["`+first+`"],"set":"C"}},"metadata":{"actor":"cid"}}]}`).is(201)
	h.get(originPath+"/conflicts").is(200).has("name", "conflicts", 0, "property").has("bob", "conflicts", 0, "survivors", 0, "author").
		has("C", "conflicts", 0, "survivors", 1, "value").has(true, "conflicts", 0, "survivors", 1, "shown")
	h.get(originPath+"/inspect").is(200).has(3, "events").has(5, "position").has("name", "conflicts", 0, "property").has("C", "values", "name")
	h.do("PATCH", originPath, `{"set":{"name":"C"}}`).is(200).has(6, "firstPosition") // settles it
	if got := h.get(originPath + "/conflicts").is(200); len(got.json()["conflicts"].([]any)) != 0 {
		t.Errorf("there still are %s", got.body)
	}
	h.do("DELETE", originPath, "").is(200)
	h.get(originPath+"/inspect").is(200).has(true, "deleted").has(nil, "values").has(5, "events")
	h.get(originPath+"/inspect?x=1").refused(nacre.CodeInvalid, "x")
	for _, part := range []string{"history", "conflicts", "inspect", "diff"} {
		h.get(albumsPath + "/entities/none/" + part).refused(nacre.CodeNotFound)
	}
}

// values are an entity's, decoded.
func (r *result) values(into any) {
	r.t.Helper()
	var reply wire.EntityReply
	if err := wire.Decode(r.body, &reply); err != nil {
		r.t.Fatal(err)
	}
	if err := json.Unmarshal(reply.Values, into); err != nil {
		r.t.Fatalf("%s: %v", reply.Values, err)
	}
}
