package client_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/storage/memstore"
)

func TestFindEventOverTheWire(t *testing.T) {
	s := memstore.Open(nil)
	defer s.Close()
	var lines []string
	for _, id := range []string{"a", "b"} {
		if _, err := s.Append(t.Context(), "s-1", nacre.Any, nacre.NewEvent("t", 1).WithID(id)); err != nil {
			t.Fatal(err)
		}
	}
	for l, err := range s.ReadLines(t.Context(), nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(l.Bytes))
	}
	line := lines[0]
	damaged := strings.Replace(line, `"data":1`, `"data":7`, 1)
	const absent = `{"error":"NOT_FOUND","message":"m","details":{"streamId":"s-1","eventId":"a"}}`
	for _, c := range []struct {
		name  string
		steps []step
		found bool
		code  nacre.Code // "" for none
	}{
		{"found", []step{answer(200, line)}, true, ""},
		{"absent", []step{answer(404, absent)}, false, ""},
		{"lost on the way", []step{drop, refuse, answer(200, line)}, true, ""},
		{"cut", []step{answer(200, line[:40]), answer(200, line)}, true, ""},
		{"refused meanwhile", []step{answer(503, `{"error":"SHUTTING_DOWN","message":""}`), answer(404, absent)}, false, ""},
		{"no answer", []step{hang, answer(200, line)}, true, ""},
		{"damaged on the way", []step{answer(200, damaged), answer(200, line)}, true, ""},
		{"always damaged", []step{answer(200, damaged), answer(200, damaged), answer(200, damaged)}, false, nacre.CodeDamaged},
		{"no line", []step{answer(200, "<html>"), answer(200, "<html>"), answer(200, `{"events":[]}`)}, false, nacre.CodeDamaged},
		{"another event", []step{answer(200, lines[1])}, false, nacre.CodeInternal},
		{"damaged there", []step{answer(500, `{"error":"DAMAGED","message":"m","details":{"file":"1.ndjson","line":2,"offset":300,"reason":"r"}}`)}, false, nacre.CodeDamaged},
		{"absent under another id", []step{answer(404, strings.Replace(absent, `"a"`, `"A"`, 1))}, false, nacre.CodeNotFound},
		{"absent in another stream", []step{answer(404, strings.Replace(absent, `s-1`, `s-2`, 1))}, false, nacre.CodeNotFound},
		{"no such route", []step{answer(404, `{"error":"NOT_FOUND","message":"there is no route"}`)}, false, nacre.CodeNotFound},
		{"no such store", []step{answer(404, `{"error":"EVENT_STORE_NOT_FOUND","message":"m"}`)}, false, "EVENT_STORE_NOT_FOUND"},
		{"no such page", []step{answer(404, "<html>")}, false, nacre.CodeNotFound},
		{"not allowed", []step{answer(403, `{"error":"FORBIDDEN","message":""}`)}, false, "FORBIDDEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, net := alone(t, client.Options{Retries: 2}, c.steps...)
				e, found, err := s.FindEvent(t.Context(), "s-1", "a")
				expectCode(t, "FindEvent", err, c.code)
				if found != c.found || found != (e.GlobalPosition == 1 && e.ID == "a" && string(e.Data) == "1") {
					t.Errorf("found %t, %+v", found, e)
				}
				if n := len(net.requests()); n != len(c.steps) {
					t.Errorf("%d requests, want %d", n, len(c.steps))
				}
			})
		})
	}
}

// TestFindEventPath looks at what is asked for: one part of the path for the stream, and one for the id.
func TestFindEventPath(t *testing.T) {
	for _, c := range []struct{ base, stream, id, want string }{
		{"", "s-1", "a", "/event-stores/default/streams/s-1/events/a"},
		{"/api/", "s-1", "a", "/api/event-stores/default/streams/s-1/events/a"},
		{"/a%2Fb", "a/b?c", "d#e%2F", "/a%2Fb/event-stores/default/streams/a%2Fb%3Fc/events/d%23e%252F"},
		{"", "größe-1 x", "..", "/event-stores/default/streams/gr%C3%B6%C3%9Fe-1%20x/events/.."},
	} {
		net := &script{steps: []step{answer(403, ""), answer(403, "")}}
		s := open(t, "http://server.example:4321"+c.base, &client.Options{Transport: net})
		_, _, err := s.FindEvent(t.Context(), nacre.StreamID(c.stream), c.id)
		expectCode(t, "FindEvent", err, "FORBIDDEN")
		_, _, err = s.System().FindEvent(t.Context(), nacre.StreamID(c.stream), c.id)
		expectCode(t, "the companion log's FindEvent", err, "FORBIDDEN")
		system := strings.Replace(c.want, "/default/", "/default/system/", 1)
		if got := net.requests(); len(got) != 2 || got[0] != "GET "+c.want || got[1] != "GET "+system {
			t.Errorf("asked was %q, want GET %s, and %s", got, c.want, system)
		}
	}
}

// TestFindEventAfterALostAnswer: what an append came to whose answer never arrived.
func TestFindEventAfterALostAnswer(t *testing.T) {
	s, net := scripted(t, client.Options{Retries: -1})
	net.then(lose)
	_, err := s.Append(t.Context(), "s-1", nacre.NoStream, nacre.NewEvent("t", 1).WithID("mine"))
	if _, ok := errors.AsType[*client.UnknownError](err); !ok {
		t.Fatal(err)
	}
	net.then(drop)
	if _, _, err := s.FindEvent(t.Context(), "s-1", "mine"); err == nil {
		t.Error("a look-up that never arrived has an answer")
	}
	e, found, err := s.FindEvent(t.Context(), "s-1", "mine")
	if err != nil || !found || e.GlobalPosition != 1 {
		t.Errorf("found %t, %+v, %v", found, e, err)
	}
}
