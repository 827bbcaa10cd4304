package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/sqlite"
	"github.com/nacredb/nacre/wire"
)

// inFiles opens the entities of stores in folders, with tables beside their logs.
func inFiles(dir string) func(context.Context, string, *nacre.Store) (Entities, error) {
	return func(ctx context.Context, name string, store *nacre.Store) (Entities, error) {
		tables, err := sqlite.Open(sqlite.Path(filepath.Join(dir, name)), nil)
		if err != nil {
			return nil, err
		}
		db, err := entity.Open(ctx, store, tables, &entity.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return nil, err
		}
		return db, nil
	}
}

func TestEntitiesOutliveTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := func() *harness { return newHarness(t, &Options{Backend: folders{dir}, Entities: inFiles(dir)}) }
	stop := func(h *harness) {
		t.Helper()
		if err := h.s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h := start()
	h.declare()
	h.post(albumsPath+"/entities", `{"id":"origin","values":{"name":"Origin","year":2001}}`, "Idempotency-Key", "k").is(201)
	h.do("PATCH", originPath, `{"add":{"plays":2}}`).is(200)
	stop(h)
	for _, lost := range []bool{false, true} {
		if lost {
			if err := os.RemoveAll(filepath.Dir(sqlite.Path(filepath.Join(dir, DefaultStore)))); err != nil {
				t.Fatal(err)
			}
		}
		h := start()
		same(t, h.get(albumsPath+"/entities?q=year+%3D+2001+AND+plays+%3D+2").is(200).ids(), []string{"origin"})
		h.post(albumsPath+"/entities", `{"id":"origin","values":{"name":"Origin","year":2001}}`, "Idempotency-Key", "k").is(200).has(true, "duplicate")
		stop(h)
	}
}

// Edits of one entity that come at once come one after the other: nothing is lost, and nothing is in conflict.
func TestManyEditOneEntity(t *testing.T) {
	t.Parallel()
	h := newShelves(t, nil)
	h.post(albumsPath+"/entities", `{"id":"origin"}`).is(201)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 10 {
				r, err := h.try("PATCH", originPath, fmt.Sprintf(`{"set":{"year":%d},"add":{"plays":1,"tags":["t-%d"]}}`, k, i))
				if err != nil || r.status != 200 {
					t.Errorf("%v %+v", err, r)
				}
			}
		})
	}
	wg.Wait()
	var got struct {
		Plays int
		Tags  []string
	}
	h.get(originPath).is(200).values(&got)
	if got.Plays != 80 || len(got.Tags) != 8 {
		t.Errorf("it is %+v", got)
	}
	if r := h.get(originPath + "/conflicts").is(200); strings.Contains(string(r.body), "property") {
		t.Errorf("there are %s", r.body)
	}
}

func TestStoresThatGoWhileEntitiesAreUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := newHarness(t, &Options{Backend: folders{dir}, Entities: inFiles(dir)})
	for round := range 3 {
		h.post("/event-stores", `{"name":"brief"}`).is(201)
		const path = "/event-stores/brief/collections/albums"
		h.get("/event-stores/brief/collections").is(200)
		if r := h.get("/event-stores/brief/collections"); strings.Contains(string(r.body), "albums") {
			t.Errorf("a new store has %s", r.body)
		}
		h.do("PUT", path, albumsSaid).is(201)
		var wg sync.WaitGroup
		var begun atomic.Int64
		for i := range 6 {
			wg.Go(func() {
				for {
					var r *result
					var err error
					switch i % 3 {
					case 0:
						r, err = h.try("POST", path+"/entities", `{"values":{"year":1}}`)
					case 1:
						r, err = h.try("GET", path+"/entities?q=year+%3D+1&limit=10", "")
					default:
						r, err = h.try("POST", "/event-stores/brief/transactions", `{"edits":[{"do":"create","collection":"albums"}]}`)
					}
					begun.Add(1)
					switch {
					case err != nil:
						t.Error(err)
						return
					case r.status == 404 || r.status == 503:
						if !strings.Contains(string(r.body), string(wire.CodeStoreNotFound)) {
							t.Errorf("who uses a store that goes is told %s", r.body)
						}
						return
					case r.status > 201:
						t.Errorf("%d %s", r.status, r.body)
						return
					}
				}
			})
		}
		for begun.Load() < int64(10*(round+1)) {
			time.Sleep(time.Millisecond)
		}
		h.do("DELETE", "/event-stores/brief?confirm=true", "").is(200)
		wg.Wait()
	}
}

// failing entities do not stay so.
func TestEntitiesThatDoNotOpen(t *testing.T) {
	t.Parallel()
	var failed atomic.Bool
	h := newHarness(t, &Options{Entities: func(ctx context.Context, name string, store *nacre.Store) (Entities, error) {
		if failed.CompareAndSwap(false, true) {
			return nil, errors.New("the disk says no")
		}
		return inMemory(ctx, name, store)
	}})
	h.get(logPath + "/collections").refused(nacre.CodeInternal)
	h.get(logPath + "/collections").is(200)
}

// watchedEntities tells when entities are closed.
type watchedEntities struct {
	Entities
	store *nacre.Store
	told  func(error)
}

func (c *watchedEntities) Close() error {
	_, err := c.store.Head(context.Background())
	c.told(err)
	return c.Entities.Close()
}

func TestEntitiesCloseBeforeTheirStore(t *testing.T) {
	t.Parallel()
	var closed []error
	h := newHarness(t, &Options{Entities: func(ctx context.Context, name string, store *nacre.Store) (Entities, error) {
		db, err := inMemory(ctx, name, store)
		return &watchedEntities{db, store, func(err error) { closed = append(closed, err) }}, err
	}})
	h.declare()
	h.post("/event-stores", `{"name":"brief"}`).is(201)
	h.get("/event-stores/brief/collections").is(200)
	h.do("DELETE", "/event-stores/brief?confirm=true", "").is(200)
	if err := h.s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(closed) != 2 || closed[0] != nil || closed[1] != nil {
		t.Errorf("they were closed as %v", closed)
	}
}

// laterThan is an id that is greater than another one.
func laterThan(id string) string {
	for {
		if next := nacre.NewID(); next > id {
			return next
		}
	}
}

// What others append to the streams of entities goes through: it counts, waits for what it names, or is told as damage.
func TestEventsOfOthersToEntities(t *testing.T) {
	t.Parallel()
	h := newShelves(t, nil)
	first := h.post(albumsPath+"/entities", `{"id":"origin","values":{"name":"A"}}`).is(201).json()["heads"].([]any)[0].(string)
	absent := laterThan(first)
	late := laterThan(absent)
	bad := laterThan(late)
	raw := func(id, parents, data string) *result {
		return h.post(logPath+"/streams/albums-origin", `{"events":[{"eventId":"`+id+`","type":"albums.changed","parents":[`+parents+`],"data":`+data+`}]}`)
	}
	raw(laterThan(bad), `"`+absent+`"`, `{}`).refused("PARENT_MISSING", absent)
	h.post(logPath+"/streams/albums-origin", `{"events":[{"type":"x","data":{}}]}`).refused("WRONG_STREAM_KIND", "albums")
	raw(late, `"`+first+`"`, `{"name":{"over":["`+absent+`"],"set":"late"}}`).is(201)
	raw(bad, `"`+first+`"`, `{"name":{"over":7},"year":"x"}`).is(201)
	h.get(originPath).is(200).has("A", "values", "name")
	h.get(originPath+"/inspect").is(200).has(late, "waiting", 0, "eventId").has(absent, "waiting", 0, "for", 0, "eventId").
		has(bad, "damage", 0, "eventId").has(3, "events")
	told := string(h.get("/metrics").is(200).body)
	for _, want := range []string{
		`nacre_entities_waiting_events{store="default"} 1`, `nacre_entities_usable{store="default"} 1`,
		`nacre_entities_position{store="default"} 5`,
	} {
		if !strings.Contains(told, want) {
			t.Errorf("the figures do not have %s", want)
		}
	}
	for _, name := range []string{"nacre_entities_tables_position", "nacre_entities_lag"} {
		if !strings.Contains(told, name+`{store="default"}`) {
			t.Errorf("the figures do not have %s", name)
		}
	}
	// Everybody else goes on, and what it waits for lets it count.
	h.do("PATCH", originPath, `{"set":{"year":5}}`).is(200).has(5, "values", "year")
	h.post(albumsPath+"/entities", `{"id":"other"}`).is(201)
	raw(absent, `"`+first+`"`, `{"name":{"over":["`+first+`"],"set":"absent"}}`).is(201)
	h.get(originPath).is(200).has("late", "values", "name").has(5, "values", "year")
	h.get(originPath+"/inspect").is(200).has(5, "events")
	same(t, h.get(albumsPath+"/entities?q=name+%3D+%27late%27").is(200).ids(), []string{"origin"})
	h.get(originPath+"/history").is(200).has(late, "entries", 1, "eventId").has(bad, "entries", 2, "damage", 0, "eventId")
}

func TestRequestsAboutEntitiesThatAreWrong(t *testing.T) {
	t.Parallel()
	h := newShelves(t, &Options{MaxBodyBytes: 1 << 20})
	h.post(albumsPath+"/entities", `{"id":"origin"}`).is(201)
	for _, c := range []struct{ method, path, body, field string }{
		{"PUT", logPath + "/collections/a-b", artistsSaid, "collection"},
		{"PUT", logPath + "/collections/$x", artistsSaid, "collection"},
		{"PUT", albumsPath, ``, ""},
		{"PUT", albumsPath, `{`, ""},
		{"PUT", albumsPath, `{"properties":{"a":{"kind":"heap","type":"text"}}}`, "properties.a"},
		{"PUT", albumsPath, `{"properties":{"a":{"kind":"register","type":"text","colour":1}}}`, "schema"},
		{"PUT", albumsPath + "?colour=red", albumsSaid, "colour"},
		{"POST", albumsPath + "/entities", `{"id":""}`, "id"},
		{"POST", albumsPath + "/entities", `{"id":7}`, "id"},
		{"POST", albumsPath + "/entities", `{"id":"a\u0000"}`, "id"},
		{"POST", albumsPath + "/entities", `{"id":"` + strings.Repeat("a", 250) + `"}`, "id"},
		{"POST", albumsPath + "/entities", `{"values":{"name":}}`, "values"},
		{"POST", albumsPath + "/entities", `{"values":[]}`, "values"},
		{"POST", albumsPath + "/entities", `{"values":{"name":"a"},"values":{}}`, "values"},
		{"POST", albumsPath + "/entities", `{"values":{"name":7}}`, "values.name"},
		{"POST", albumsPath + "/entities", "{\"values\":{\"name\":\"\xff\"}}", ""},
		{"POST", albumsPath + "/entities", `{"values":` + strings.Repeat(`{"a":`, 9999) + `1` + strings.Repeat("}", 9999) + `}`, ""},
		{"POST", albumsPath + "/entities", `{"context":{"actor":1}}`, "context.actor"},
		{"POST", albumsPath + "/entities", `{"colour":"red"}`, "colour"},
		{"POST", albumsPath + "/entities?x=1", `{}`, "x"},
		{"PATCH", originPath, ``, "body"},
		{"PATCH", originPath, `{}`, "body"},
		{"PATCH", originPath, `{"set":7}`, "set"},
		{"PATCH", originPath, `{"set":{"nme":7}}`, "set.nme"},
		{"PATCH", originPath, `{"set":{},"add":{"plays":"x"}}`, "add.plays"},
		{"PATCH", originPath, `{"set":{"a":1`, ""},
		{"PATCH", albumsPath + "/entities/%00", `{"set":{"year":1}}`, "id"},
		{"POST", logPath + "/transactions", ``, "body"},
		{"POST", logPath + "/transactions", `{"edits":[]}`, "edits"},
		{"POST", logPath + "/transactions", `{"edits":[null]}`, "edits[0]"},
		{"POST", logPath + "/transactions", `{"edits":[{"do":"create"}]}`, "edits[0].collection"},
		{"POST", logPath + "/transactions", `{"edits":[{"do":"create","collection":"a b"}]}`, "edits[0].collection"},
		{"POST", logPath + "/transactions", `{"edits":[{"do":"sing","collection":"albums","id":"a"}]}`, "edits[0].do"},
		{"POST", logPath + "/transactions", `{"edits":[{"do":"patch","collection":"albums","id":"origin","patch":{"set":{"nme":1}}}]}`, "edits[0].patch.set.nme"},
		{"POST", logPath + "/transactions", `{"edits":[{"do":"patch","collection":"albums","id":"a"}]}`, "edits[0].patch"},
		{"POST", logPath + "/transactions", `{"edits":[{"do":"patch","collection":"albums","patch":{}}]}`, "edits[0].id"},
		{"POST", logPath + "/transactions", `{"edits":[{"do":"delete","collection":"albums","id":"a","patch":{}}]}`, "edits[0].patch"},
		{"POST", logPath + "/transactions", `{"edits":[{"do":"delete","collection":"albums","id":"a","values":{}}]}`, "edits[0].values"},
		{"POST", logPath + "/transactions", `{"edits":[` + strings.Repeat(`{"do":"create","collection":"albums"},`, 1000) + `{"do":"create","collection":"albums"}]}`, "edits[1000]"},
		{"GET", originPath + "/history?limit=0", "", "limit"},
		{"GET", originPath + "/history?after=-1", "", "after"},
		{"GET", originPath + "/diff?from=x", "", "from"},
		{"GET", originPath + "?at=" + strings.Repeat("x,", 1024) + "x", "", "at"},
	} {
		got := h.do(c.method, c.path, c.body).refused(nacre.CodeInvalid)
		if got.Details == nil || !strings.HasPrefix(got.Details.Field, c.field) {
			t.Errorf("%s %.80s %.80s: %s, want the field %q", c.method, c.path, c.body, got.Message, c.field)
		}
	}
	h.post(albumsPath+"/entities", `{"values":{"name":"`+strings.Repeat("a", 1<<20)+`"}}`).refused(nacre.CodeTooLarge)
	h.get(logPath+"/head").is(200).has(3, "globalPosition")
	h.do("PUT", albumsPath+"/entities", "{}").refused(wire.CodeMethodNotAllowed)
}
