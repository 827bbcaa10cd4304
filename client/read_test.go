package client_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/storage/memstore"
)

// storedLines are lines as a server sends them.
func storedLines(t *testing.T, n int) []string {
	t.Helper()
	s := memstore.Open(nil)
	defer s.Close()
	for i := range n {
		if _, err := s.Append(t.Context(), "s-1", nacre.Any, nacre.NewEvent("t", i)); err != nil {
			t.Fatal(err)
		}
	}
	var out []string
	for l, err := range s.ReadLines(t.Context(), nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(l.Bytes)+"\n")
	}
	return out
}

func TestReadThatBreaksOff(t *testing.T) {
	text := storedLines(t, 6)
	all := strings.Join(text, "")
	const asOf, end = "Nacre-As-Of: 6@e", "+Nacre-End: 6"
	damaged := text[0] + strings.Replace(text[1], `"data":1`, `"data":7`, 1) + strings.Join(text[2:], "")
	for _, c := range []struct {
		name  string
		steps []step
		count int
		code  nacre.Code // "" for none
	}{
		{"whole", []step{answer(200, all, asOf, end)}, 6, ""},
		{"whole, without what it is as of", []step{answer(200, all, end)}, 6, ""},
		{"cut between lines", []step{answer(200, text[0]+text[1], asOf), answer(200, strings.Join(text[2:], ""), asOf, end)}, 6, ""},
		{"cut within a line", []step{answer(200, all[:len(text[0])+40], asOf), answer(200, strings.Join(text[1:], ""), asOf, end)}, 6, ""},
		{"cut before the end is told", []step{answer(200, all, asOf), answer(200, "", asOf, end)}, 6, ""},
		{"cut before the first line", []step{answer(200, ""), answer(200, all, end)}, 6, ""},
		{"cut, and nothing is known", []step{answer(200, text[0])}, 1, nacre.CodeInternal},
		{"refused meanwhile", []step{
			answer(200, text[0], asOf), answer(503, `{"error":"SHUTTING_DOWN","message":""}`),
			answer(200, strings.Join(text[1:], ""), asOf, end),
		}, 6, ""},
		{"the server stops", []step{
			answer(200, text[0], asOf, `+Nacre-Error: {"error":"SHUTTING_DOWN","message":"later"}`),
			answer(200, strings.Join(text[1:], ""), asOf, end),
		}, 6, ""},
		{"the server's log is damaged", []step{
			answer(200, text[0], asOf, `+Nacre-Error: {"error":"DAMAGED","message":"x","details":{"file":"1.ndjson","line":2,"offset":300,"reason":"r"}}`),
		}, 1, nacre.CodeDamaged},
		{"restored meanwhile", []step{answer(200, text[0], asOf), answer(200, strings.Join(text[1:], ""), "Nacre-As-Of: 6@f", end)}, 1, nacre.CodeLogRewound},
		{"damaged on the way", []step{answer(200, damaged, asOf, end), answer(200, strings.Join(text[1:], ""), asOf, end)}, 6, ""},
		{"always damaged", []step{answer(200, damaged, asOf, end), answer(200, damaged[len(text[0]):], asOf, end), answer(200, damaged[len(text[0]):], asOf, end)}, 1, nacre.CodeDamaged},
		{"repeated", []step{answer(200, text[0]+text[0], asOf, end), answer(200, text[0], asOf, end), answer(200, text[0], asOf, end)}, 1, nacre.CodeDamaged},
		{"no lines", []step{answer(200, "<html>\n"), answer(200, "<html>\n"), answer(200, "<html>\n")}, 0, nacre.CodeDamaged},
		{"not allowed", []step{answer(403, `{"error":"FORBIDDEN","message":""}`)}, 0, "FORBIDDEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, net := alone(t, client.Options{Retries: 2}, c.steps...)
				count, last := 0, error(nil)
				for e, err := range s.Read(t.Context(), nil, nil) {
					if last = err; err != nil {
						break
					}
					if count++; e.GlobalPosition != nacre.Position(count) || string(e.Data) != fmt.Sprint(count-1) {
						t.Errorf("event %d is %+v", count, e)
					}
				}
				expectCode(t, "the read", last, c.code)
				if count != c.count || len(net.requests()) != len(c.steps) {
					t.Errorf("%d events with %d requests, want %d with %d", count, len(net.requests()), c.count, len(c.steps))
				}
				net.then(c.steps...)
				lines := 0
				for l, err := range s.ReadLines(t.Context(), nil, nil) {
					if last = err; err != nil {
						break
					}
					if lines++; l.Position != nacre.Position(lines) || string(l.Bytes) != strings.TrimSuffix(text[lines-1], "\n") {
						t.Errorf("line %d is %d: %s", lines, l.Position, l.Bytes)
					}
				}
				expectCode(t, "the lines", last, c.code)
				if lines != c.count {
					t.Errorf("%d lines, want %d", lines, c.count)
				}
			})
		})
	}
}

// TestResumedBounds looks at what is asked for behind a cut.
func TestResumedBounds(t *testing.T) {
	text := storedLines(t, 6)
	for _, c := range []struct {
		o     nacre.ReadOptions
		lines []int
		want  string
	}{
		{nacre.ReadOptions{}, []int{0, 1}, `{"filter":{"items":[]},"after":2,"before":7}`},
		{nacre.ReadOptions{Before: 5, Limit: 4}, []int{0, 1, 2}, `{"filter":{"items":[]},"after":3,"before":5,"limit":1}`},
		{nacre.ReadOptions{Before: 50}, []int{0}, `{"filter":{"items":[]},"after":1,"before":7}`},
		{nacre.ReadOptions{Backwards: true, After: 1}, []int{5, 4}, `{"filter":{"items":[]},"after":1,"before":5,"backwards":true}`},
	} {
		var sent []byte
		cut := func(s *script, r *http.Request) (*http.Response, error) {
			body := ""
			for _, i := range c.lines {
				body += text[i]
			}
			return answer(200, body, "Nacre-As-Of: 6@e")(s, r)
		}
		rest := func(s *script, r *http.Request) (*http.Response, error) {
			sent, _ = io.ReadAll(r.Body)
			return answer(200, "", "Nacre-As-Of: 8@e", "+Nacre-End: 6")(s, r)
		}
		s, _ := alone(t, client.Options{Retries: 1}, cut, rest)
		for _, err := range s.Read(t.Context(), nil, &c.o) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if string(sent) != c.want {
			t.Errorf("%+v: asked was %s, want %s", c.o, sent, c.want)
		}
	}
}

// TestReadThatStandsStill: a stream of which nothing comes is cut off and resumed; one whose loop is slow
// is not.
func TestReadThatStandsStill(t *testing.T) {
	text := storedLines(t, 2)
	stuck := func(s *script, r *http.Request) (*http.Response, error) {
		resp, err := answer(200, "", "Nacre-As-Of: 2@e")(s, r)
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(text[0]), untilEnded{r.Context()}))
		return resp, err
	}
	synctest.Test(t, func(t *testing.T) {
		s, net := alone(t, client.Options{Retries: 1}, stuck, answer(200, text[1], "Nacre-As-Of: 2@e", "+Nacre-End: 2"))
		count := 0
		for _, err := range s.Read(t.Context(), nil, nil) {
			if err != nil {
				t.Fatal(err)
			}
			count++
		}
		if n := len(net.requests()); count != 2 || n != 2 {
			t.Errorf("%d events with %d requests", count, n)
		}
	})
}

type untilEnded struct{ ctx context.Context }

func (u untilEnded) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, u.ctx.Err()
}

// TestConnectionsAreUsedAgain: neither versions, nor reads that are left at their limit, nor appends, heads
// and refusals cost a connection each.
func TestConnectionsAreUsedAgain(t *testing.T) {
	server := serve(t, "")
	s := open(t, server.url, nil)
	before := server.connections.Load()
	for i := range 50 {
		if _, err := s.Append(t.Context(), "s-1", nacre.Exactly(int64(i-1)), nacre.NewEvent("t", strings.Repeat("x", 1000*i))); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(t.Context(), "s-1", nacre.NoStream, nacre.NewEvent("t", i)); nacre.CodeOf(err) != nacre.CodeVersionConflict {
			t.Fatal(err)
		}
		if v, err := s.Version(t.Context(), "s-1"); err != nil || v != int64(i) {
			t.Fatalf("version %d, %v", v, err)
		}
		if v, err := s.Version(t.Context(), "s-none"); err != nil || v != -1 {
			t.Fatalf("version %d, %v", v, err)
		}
		if _, err := s.Head(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// Of one whose last write net/http has not heard of within 50 ms it takes leave.
	if n := server.connections.Load() - before; n > 10 {
		t.Errorf("%d connections were made", n)
	}
	for range 20 { // leaving in the middle costs the connection, and nothing else: goleak looks
		for _, err := range s.Read(t.Context(), nil, nil) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
}

func TestLongLines(t *testing.T) {
	s := open(t, serve(t, "").url, nil)
	for _, size := range []int{1, 64 << 10, 64<<10 - 300, 500 << 10, 10, 1000 << 10} {
		data := bytes.Repeat([]byte("x"), size)
		if _, err := s.Append(t.Context(), "s-1", nacre.Any, nacre.Event{Type: "t", Binary: data[:size/2]}); err != nil {
			t.Fatal(err)
		}
	}
	i := 0
	for e, err := range s.Read(t.Context(), nil, &nacre.ReadOptions{Borrowed: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if want := []int{1, 64 << 10, 64<<10 - 300, 500 << 10, 10, 1000 << 10}[i] / 2; len(e.Binary) != want {
			t.Errorf("event %d has %d bytes, want %d", i, len(e.Binary), want)
		}
		i++
	}
}
