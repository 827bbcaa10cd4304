package server

import (
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

func TestGrantsOfEntities(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, &Options{Entities: inMemory})
	g.do("PUT", albumsPath, albumsSaid, g.root...).is(201)
	g.do("PUT", logPath+"/collections/artists", artistsSaid, g.root...).is(201)
	g.post(logPath+"/collections/artists/entities", `{"id":"ann"}`, g.root...).is(201)
	g.post(albumsPath+"/entities", `{"id":"origin","values":{"name":"Origin","artist":"ann"}}`, g.root...).is(201)
	both := g.post(logPath+"/transactions", `{"edits":[{"do":"patch","collection":"albums","id":"origin","patch":{"set":{"year":1}}},{"do":"patch","collection":"artists","id":"ann","patch":{"set":{"name":"Ann"}}}],"context":{"actor":"ann"}}`, g.root...).is(201)
	if both.json()["lastPosition"] != both.json()["firstPosition"].(float64)+1 {
		t.Fatalf("%s", both.body)
	}
	undo := logPath + "/transactions/" + jsonNumber(both.json()["lastPosition"]) + "/undo"

	albums := g.key(t, access.KeySpec{Permissions: []string{"*"}, Streams: []string{"albums-"}})
	g.get(logPath+"/collections", albums...).is(200).has("albums", "collections", 0, "name")
	if got := g.get(logPath+"/collections", albums...); strings.Contains(string(got.body), `"artists","schema"`) {
		t.Errorf("it sees %s", got.body)
	}
	g.get(albumsPath, albums...).is(200)
	g.do("PUT", albumsPath, albumsSaid, albums...).is(200)
	g.get(albumsPath+"/entities?q=name+LIKE+%27O%25%27", albums...).is(200).has("origin", "entities", 0, "id")
	g.get(albumsPath+"/entities?q=artist+%3D+%27ann%27", albums...).is(200).has("origin", "entities", 0, "id")
	g.get(albumsPath+"/entities?q=artist.name+%3D+%27Ann%27", albums...).refused(wire.CodeForbidden, "artists")
	g.post(albumsPath+"/query", `{"q":"SELECT artist.name"}`, albums...).refused(wire.CodeForbidden, "artists")
	g.post(albumsPath+"/query", `{"q":"ORDER BY artist.name"}`, albums...).refused(wire.CodeForbidden, "artists")
	g.get(albumsPath+"/entities?q=nme+%3D+1", albums...).refused(nacre.CodeInvalid, "name")
	g.get(logPath+"/collections/nothing/entities", albums...).refused(wire.CodeForbidden)
	for _, path := range []string{"", "/entities", "/entities/ann", "/entities/ann/history", "/entities/ann/conflicts", "/entities/ann/inspect", "/entities/ann/diff"} {
		g.get(logPath+"/collections/artists"+path, albums...).refused(wire.CodeForbidden, "albums-")
	}
	g.do("PUT", logPath+"/collections/artists", artistsSaid, albums...).refused(wire.CodeForbidden)
	g.post(logPath+"/collections/artists/entities", `{}`, albums...).refused(wire.CodeForbidden)
	g.do("PATCH", logPath+"/collections/artists/entities/ann", `{"set":{"name":"X"}}`, albums...).refused(wire.CodeForbidden)
	g.do("DELETE", logPath+"/collections/artists/entities/ann", "", albums...).refused(wire.CodeForbidden)
	g.post(logPath+"/transactions", `{"edits":[{"do":"create","collection":"albums"},{"do":"delete","collection":"artists","id":"ann"}]}`, albums...).
		refused(wire.CodeForbidden, "artists-ann")
	for _, path := range []string{undo, logPath + "/transactions/1/undo", logPath + "/transactions/999/undo"} {
		body := g.post(path, `{"context":{"actor":"ann"}}`, albums...).refused(wire.CodeForbidden, "position")
		if strings.Contains(body.Message, "ann") || strings.Contains(body.Message, "order") {
			t.Errorf("it is told of others: %s", body.Message)
		}
	}
	g.post(undo, `{"context":{"actor":"ann"}}`, g.root...).is(201)

	one := g.key(t, access.KeySpec{Permissions: []string{"*"}, Streams: []string{"albums-o"}})
	g.get(originPath, one...).is(200)
	g.get(albumsPath, one...).is(200)
	g.get(logPath+"/collections", one...).is(200).has("albums", "collections", 0, "name")
	g.do("PATCH", originPath, `{"set":{"year":2}}`, one...).is(200)
	g.post(albumsPath+"/entities", `{"id":"other"}`, one...).is(201)
	g.post(albumsPath+"/entities", `{"id":"an"}`, one...).refused(wire.CodeForbidden)
	g.post(albumsPath+"/entities", `{}`, one...).refused(wire.CodeForbidden)
	g.get(albumsPath+"/entities", one...).refused(wire.CodeForbidden, "albums")
	g.do("PUT", albumsPath, albumsSaid, one...).refused(wire.CodeForbidden)
	g.do("PUT", logPath+"/collections/"+"tracks", artistsSaid, one...).refused(wire.CodeForbidden)
}

func TestWhoEditsEntities(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, &Options{Entities: inMemory})
	g.do("PUT", albumsPath+"?actor=ann&correlationId=c-1", albumsSaid, g.root...).is(201)
	g.get(logPath+"/streams/%24schema-albums", g.root...).is(200).has("ann", "events", 0, "metadata", "actor").has("c-1", "events", 0, "metadata", "correlationId")
	writer := g.key(t, access.KeySpec{Permissions: []string{"write:events"}})
	made := g.post(albumsPath+"/entities", `{"id":"origin","values":{"name":"Origin"}}`, writer...).is(201)
	if strings.Contains(string(made.body), "Origin") || made.json()["heads"] == nil {
		t.Errorf("who may not read sees %s", made.body)
	}
	// Nor is he told by the tag, in which one could try values.
	changed := g.do("PATCH", originPath, `{"set":{"year":1},"context":{"actor":"bob"}}`, append(writer, "If-Match", made.header.Get("ETag"))...).is(200)
	if tag := changed.header.Get("ETag"); tag == "" || strings.Contains(tag, "~") {
		t.Errorf("who may not read is told of the values by the tag %q", tag)
	}
	g.do("DELETE", originPath, "", writer...).is(200)
	g.do("DELETE", originPath+"?colour=red", "", writer...).refused(nacre.CodeInvalid, "colour")
	events := g.get(logPath+"/streams/albums-origin", g.root...).is(200)
	for i, want := range []string{"key:", "bob", "key:"} {
		metadata := events.json()["events"].([]any)[i].(map[string]any)["metadata"].(map[string]any)
		if actor := metadata["actor"].(string); !strings.HasPrefix(actor, want) {
			t.Errorf("event %d is of %q, want %s", i, actor, want)
		}
	}
	// One undoes one's own.
	g.post(logPath+"/transactions/7/undo", "", g.root...).refused(nacre.CodeInvalid, "actor")
	g.post(logPath+"/transactions/7/undo", "", writer...).is(201)
	g.get(originPath, g.root...).is(200)
}
