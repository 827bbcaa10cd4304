package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

func jsonNumber(n any) string {
	text, _ := json.Marshal(n) // a number
	return string(text)
}

// A request with an Idempotency-Key takes place once.
func TestEditsThatAreSentAgain(t *testing.T) {
	t.Parallel()
	h := newShelves(t, nil)
	key := func(text string) []string { return []string{wire.HeaderIdempotencyKey, text} }
	twice := func(first, again *result) {
		t.Helper()
		again.is(200).has(true, "duplicate")
		for _, name := range []string{"id", "transactionId", "firstPosition", "lastPosition"} {
			if first.json()[name] != again.json()[name] {
				t.Errorf("%s is %v, and was %v", name, again.json()[name], first.json()[name])
			}
		}
	}
	create := func(name string) *result {
		return h.post(albumsPath+"/entities", `{"values":{"name":"`+name+`"}}`, key("one")...)
	}
	twice(create("A").is(201).has(nil, "duplicate"), create("A"))
	create("B").refused(wire.CodeIdempotencyConflict, "another key")
	h.post(albumsPath+"/entities", `{"id":"origin"}`, key("two")...).is(201)
	h.post(albumsPath+"/entities", `{"id":"origin"}`, key("two")...).is(200).has(true, "duplicate")
	h.post(albumsPath+"/entities", `{"id":"origin"}`, key("three")...).refused(wire.CodeEntityExists)

	add := func(more ...string) *result {
		return h.do("PATCH", originPath, `{"add":{"plays":1}}`, append(key("one"), more...)...) // another route, another key
	}
	first := add().is(200)
	h.do("PATCH", originPath, `{"add":{"plays":10}}`).is(200)
	twice(first, add().has(11, "values", "plays"))

	tag := h.get(originPath).header.Get("ETag")
	set := func() *result {
		return h.do("PATCH", originPath, `{"set":{"year":7}}`, "If-Match", tag, key("k")[0], "k")
	}
	twice(set().is(200), set())
	h.do("PATCH", originPath, `{"set":{"year":8}}`, "If-Match", tag).refused(wire.CodePreconditionFailed)

	remove := func() *result { return h.do("DELETE", originPath, "", key("gone")...) }
	twice(remove().is(200), remove().has(true, "deleted"))
	restore := func() *result { return h.post(originPath+"/restore", "", key("back")...) }
	twice(restore().is(200), restore())

	for _, strict := range []string{"true", "false"} {
		edits := `{"strict":` + strict + `,"edits":[{"do":"create","collection":"artists"},{"do":"patch","collection":"albums","id":"origin","patch":{"add":{"plays":1}}},{"do":"create","collection":"albums"},{"do":"create","collection":"artists"}]}`
		transact := func() *result { return h.post(logPath+"/transactions", edits, key("t"+strict)...) }
		done := transact().is(201)
		again := transact()
		twice(done, again)
		if fmt.Sprint(done.json()["ids"]) != fmt.Sprint(again.json()["ids"]) {
			t.Errorf("the ids are %v, and were %v", again.json()["ids"], done.json()["ids"])
		}
		undo := func() *result {
			return h.post(logPath+"/transactions/"+jsonNumber(done.json()["firstPosition"])+"/undo", "", key("undo")...)
		}
		twice(undo().is(201), undo())
	}
	h.get(originPath).is(200).has(11, "values", "plays")

	h.post(albumsPath+"/entities", "", "Idempotency-Key", "").refused(nacre.CodeInvalid, "Idempotency-Key")
	h.post(albumsPath+"/entities", "", "Idempotency-Key", "a", "Idempotency-Key", "b").refused(nacre.CodeInvalid, "Idempotency-Key")
	none := h.post(logPath+"/transactions", `{"edits":[{"do":"create","collection":"albums"}]}`, "Idempotency-Key", "").refused(nacre.CodeInvalid)
	if none.Details.Field != "Idempotency-Key" {
		t.Errorf("it is about %q", none.Details.Field)
	}
	h.post(logPath+"/transactions/3/undo", "", "Idempotency-Key", strings.Repeat("k", 300)).refused(nacre.CodeInvalid, "Idempotency-Key")
}

// The same request many times at once takes place once, whichever way it goes.
func TestEditsThatAreSentTogether(t *testing.T) {
	t.Parallel()
	h := newShelves(t, nil)
	h.post(albumsPath+"/entities", `{"id":"origin"}`).is(201)
	tag := h.get(originPath).header.Get("ETag")
	for _, kind := range []string{"plain", "strict", "match", "create"} {
		var wg sync.WaitGroup
		fresh := make([]bool, 12)
		for i := range fresh {
			wg.Go(func() {
				var r *result
				var err error
				switch kind {
				case "plain":
					r, err = h.try("PATCH", originPath, `{"add":{"plays":1}}`, "Idempotency-Key", kind)
				case "strict":
					r, err = h.try("POST", logPath+"/transactions", `{"strict":true,"edits":[{"do":"patch","collection":"albums","id":"origin","patch":{"add":{"plays":1}}}]}`, "Idempotency-Key", kind)
				case "match":
					r, err = h.try("PATCH", originPath, `{"add":{"plays":1}}`, "Idempotency-Key", kind, "If-Match", tag)
				case "create":
					r, err = h.try("POST", albumsPath+"/entities", `{"id":"new"}`, "Idempotency-Key", kind)
				}
				switch {
				case err != nil:
					t.Error(err)
				case r.status > 201:
					t.Errorf("%s: %d %s", kind, r.status, r.body)
				default:
					fresh[i] = r.json()["duplicate"] == nil
				}
			})
		}
		wg.Wait()
		n := 0
		for _, f := range fresh {
			if f {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s: %d of them were the first", kind, n)
		}
		tag = h.get(originPath).header.Get("ETag")
	}
	h.get(originPath).is(200).has(3, "values", "plays")
	h.get(originPath+"/inspect").is(200).has(4, "events")
}
