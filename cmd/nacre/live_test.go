package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/wire"
)

// take has a table take notices, given as JSON.
func (t *liveTable) takeAll(tt *testing.T, now time.Time, notices ...string) {
	tt.Helper()
	for _, text := range notices {
		var n wire.LiveNotice
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			tt.Fatal(text, err)
		}
		t.take(&n, now)
	}
}

func albumTable() *liveTable {
	t := newLiveTable(&merge.Schema{Properties: map[string]merge.SchemaProperty{
		"name": {ID: "name", Kind: "register", Type: "text"}, "year": {ID: "year", Kind: "register", Type: "int64"},
	}})
	t.title = "albums: year > 2000"
	return t
}

// visible is a frame with its looks as words: *bold*, and nothing for the others.
func visible(lines []string) string {
	text := "\n" + strings.Join(lines, "\n") + "\n"
	for _, look := range []struct{ code, mark string }{{bold, "*"}, {dim, ""}} {
		for {
			before, rest, found := strings.Cut(text, "\x1b["+look.code+"m")
			inside, after, ended := strings.Cut(rest, "\x1b[0m")
			if !found || !ended {
				break
			}
			text = before + look.mark + inside + look.mark + after
		}
	}
	return text
}

func frameIs(t *testing.T, table *liveTable, w window, now time.Time, want string) {
	t.Helper()
	if got := visible(table.frame(w, now)); got != want {
		t.Errorf("it shows%s\nand not%s", got, want)
	}
}

func TestLiveTable(t *testing.T) {
	t.Parallel()
	table, now, wide := albumTable(), time.Unix(1_800_000_000, 0), window{60, 10}
	table.takeAll(t, now, `{"position":2,"changes":[{"kind":"initial","id":"a-1","row":{"name":"Origin","year":2001},"index":0},{"kind":"initial","id":"a-2","row":{"name":"Drones","year":2015},"index":1}]}`)
	frameIs(t, table, wide, now, `
*albums: year > 2000*  2 rows, position 2
  id   name    year
  a-1  Origin  2001
  a-2  Drones  2015
`)
	table.takeAll(t, now,
		`{"position":3,"changes":[{"kind":"add","id":"a-3","row":{"name":"Will"},"index":0},{"kind":"update","id":"a-1","row":{"name":"Origin","year":2002},"index":1}]}`,
		`{"position":4,"changes":[{"kind":"move","id":"a-2","row":{"name":"Drones","year":1999},"index":0}]}`)
	frameIs(t, table, wide, now.Add(markTime-1), `
*albums: year > 2000*  3 rows, position 4
  id   name    year
~ a-2  Drones  *1999*
+ *a-3*  *Will*       *-*
~ a-1  Origin  *2002*
`)
	rest := visible(table.rest(wide))
	table.takeAll(t, now.Add(markTime-1), `{"position":5,"changes":[{"kind":"update","id":"a-2","row":{"year":1999},"index":0},{"kind":"remove","id":"a-3","index":1}]}`)
	frameIs(t, table, wide, now.Add(markTime), `
*albums: year > 2000*  2 rows, position 5
  id   name    year
~ a-2  *-*       1999
  a-1  Origin  2002
`)
	frameIs(t, table, wide, now.Add(2*markTime), `
*albums: year > 2000*  2 rows, position 5
  id   name    year
  a-2  -       1999
  a-1  Origin  2002
`)
	if want := "\nid   name    year\na-2  Drones  1999\na-3  Will       -\na-1  Origin  2002\n"; rest != want {
		t.Errorf("what stays is%s\nand not%s", rest, want)
	}
	table.trouble = "the connection broke off"
	table.takeAll(t, now, `{"position":9,"reset":true,"changes":[{"kind":"initial","id":"b","row":{"name":"\u001b[31m\ttext","new":true},"index":0}]}`)
	frameIs(t, table, wide, now, `
*albums: year > 2000*  1 row, position 9
  id  name        new   year
  b    [31m text  true     -
`)
	table.takeAll(t, now, `{"position":10,"reset":true,"changes":[]}`)
	table.trouble = "the connection broke off"
	frameIs(t, table, wide, now, "\n*albums: year > 2000*  the connection broke off; trying again\n  id  name  year\n")
}

// TestLiveTableSizes has a table in windows that are too small for it.
func TestLiveTableSizes(t *testing.T) {
	t.Parallel()
	table, now := albumTable(), time.Unix(1_800_000_000, 0)
	var changes []string
	for i := range 100 {
		changes = append(changes, fmt.Sprintf(`{"kind":"initial","id":"album-%d","row":{"name":"%s","year":%d},"index":%d}`, i, strings.Repeat("n", i), 2000+i, i))
	}
	table.takeAll(t, now, `{"position":2,"changes":[`+strings.Join(changes, ",")+`]}`)
	table.takeAll(t, now, `{"position":3,"changes":[{"kind":"update","id":"album-1","row":{"name":"changed","year":1},"index":1}]}`)
	frameIs(t, table, window{40, 6}, now, `
*albums: year > 20…*  100 rows, position 3
  id       name     year
  album-0  ""       2000
~ album-1  *changed*     *1*
  album-2  nn       2002
… and 97 more
`)
	for width := 0; width < 90; width += 3 {
		for height := 0; height < 120; height += 1 + height/5 {
			lines := table.frame(window{width, height}, now)
			if len(lines) > max(height, 1) {
				t.Fatalf("%d lines in a window of %d", len(lines), height)
			}
			for line := range strings.SplitSeq(strings.ReplaceAll(visible(lines), "*", ""), "\n") {
				if n := len([]rune(line)); n > max(width, len("  album-99"), len("… and 99 more")) {
					t.Fatalf("a line of %d in a window of %d: %s", n, width, line)
				}
			}
		}
	}
}

func TestLiveTableOfColumns(t *testing.T) {
	t.Parallel()
	table, now, wide := albumTable(), time.Unix(1_800_000_000, 0), window{60, 10}
	table.takeAll(t, now, `{"position":2,"columns":["year","n"],"rows":[[2001,1],[2015,1]]}`)
	frameIs(t, table, wide, now, "\n*albums: year > 2000*  2 rows, position 2\n  year  n\n  2001  1\n  2015  1\n")
	table.takeAll(t, now, `{"position":3,"columns":["year","n"],"rows":[[null,1],[2015,2],[2016,1]]}`)
	frameIs(t, table, wide, now, "\n*albums: year > 2000*  3 rows, position 3\n  year  n\n+    *-*  *1*\n~ 2015  *2*\n+ *2016*  *1*\n")
	if len(table.marks) != 3 {
		t.Errorf("there are %d marks", len(table.marks))
	}
	table.takeAll(t, now, `{"position":4,"reset":true,"columns":["count(*)"],"rows":[[1]]}`, `{"position":5,"columns":["count(*)"],"rows":[[2]]}`)
	frameIs(t, table, wide, now, "\n*albums: year > 2000*  1 row, position 5\n  count(*)\n~        *2*\n")
	table.takeAll(t, now, `{"position":6,"columns":["name","n"],"rows":[["a",1],["a",2]]}`, `{"position":7,"columns":["name","n"],"rows":[["a",1],["a",3]]}`)
	if lines := table.frame(wide, now.Add(markTime-1)); !strings.HasPrefix(lines[3], "~ a") || !strings.Contains(lines[3], "\x1b[1m3") {
		t.Errorf("the second row is %q", lines[3])
	}
}

// TestLiveReconnects has a server that breaks off, is busy, and ends in the end.
func TestLiveReconnects(t *testing.T) {
	t.Parallel()
	replies := []func(w http.ResponseWriter){
		func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "retry: 1000\n\n:\n\nid: 2\ndata: {\"position\":2,\"changes\":[]}\n\n")
			_, _ = io.WriteString(w, "id: 3\ndata: {\"position\":3,\"changes\":[{\"kind\":\"add\",\"id\":\"a\",\"row\":{},\"index\":0}]}\n\nid: 4\nda")
		},
		func(w http.ResponseWriter) {
			status, body := wire.FromError(nacre.Errorf(wire.CodeShuttingDown, "the server ends"))
			w.WriteHeader(status)
			_, _ = w.Write(body)
		},
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
		func(w http.ResponseWriter) { panic(http.ErrAbortHandler) },
		func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "data: {\"position\":5,\"changes\":[]}\n\ndata: {\"position\":6,\"changes\":[]}\n\n")
			_, body := wire.FromError(nacre.Errorf(nacre.CodeClosed, "the store was closed"))
			_, _ = w.Write(wire.AppendSSEError(nil, body))
		},
		func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "data: {\"position\":7,\"reset\":true,\"columns\":[\"n\"],\"rows\":[]}\n\n")
			_, body := wire.FromError(nacre.Errorf(nacre.CodeNotFound, "there is no such collection"))
			_, _ = w.Write(wire.AppendSSEError(nil, body))
		},
	}
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if want := "/event-stores/s/collections/albums/live?q=name+%3D+%27x%27"; r.Header.Get("Accept") != wire.TypeSSE || r.RequestURI != want || r.Header.Get("X-API-Key") != "k" {
			t.Errorf("asked %s %v", r.RequestURI, r.Header)
		}
		w.Header().Set("Content-Type", wire.TypeSSE)
		replies[asked.Add(1)-1](w)
	}))
	defer server.Close()
	r := &entityRoutes{routes: &routes{newAsker(server.URL, &client.Options{APIKey: "k"}), "/event-stores/s"}}
	defer r.transport.CloseIdleConnections()
	var told, troubles []string
	var last error
	q := &queryRequest{Text: "name = ?", Args: []json.RawMessage{[]byte(`"x"`)}}
	for n, err := range r.live(t.Context(), "albums", q, func(err error) { troubles = append(troubles, message(err)) }) {
		if last = err; err == nil {
			told = append(told, fmt.Sprint(n.Position, n.Reset))
		}
	}
	if want := []string{"2 false", "3 false", "5 true", "6 false", "7 true"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if want := []string{"the connection to " + server.URL + " broke off: unexpected EOF", "the store was closed"}; !slices.Equal(troubles, want) {
		t.Errorf("the troubles are %q, want %q", troubles, want)
	}
	if nacre.CodeOf(last) != nacre.CodeNotFound || int(asked.Load()) != len(replies) {
		t.Errorf("ended after %d with %v", asked.Load(), last)
	}
}

// TestLiveEnds has servers that nothing is asked of again.
func TestLiveEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reply func(w http.ResponseWriter)
		code  nacre.Code
	}{
		"refused": {func(w http.ResponseWriter) {
			status, body := wire.FromError(&wire.QueryError{Field: "q", Line: 1, Column: 8, Expected: "a property", Found: "x"})
			w.WriteHeader(status)
			_, _ = w.Write(body)
		}, nacre.CodeInvalid},
		"broken before anything": {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, nacre.CodeInternal},
		"busy":                   {func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }, nacre.CodeInternal},
		"nonsense":               {func(w http.ResponseWriter) { _, _ = io.WriteString(w, "data: 7\n\n") }, nacre.CodeInternal},
		"nothing":                {func(http.ResponseWriter) {}, nacre.CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				c.reply(w)
			}))
			defer server.Close()
			r := &entityRoutes{routes: &routes{newAsker(server.URL, &client.Options{}), "/event-stores/s"}}
			defer r.transport.CloseIdleConnections()
			for n, err := range r.live(t.Context(), "albums", &queryRequest{Text: "year > x"}, func(error) { t.Error("tries again") }) {
				if n != nil || nacre.CodeOf(err) != c.code {
					t.Errorf("got %v, %v", n, err)
				}
			}
			if n := asked.Load(); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "data: {\"position\":1,\"changes\":[]}\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}))
		defer server.Close()
		r := &entityRoutes{routes: &routes{newAsker(server.URL, &client.Options{}), "/event-stores/s"}}
		var last error
		for n, err := range r.live(ctx, "albums", &queryRequest{}, func(error) { t.Error("tries again") }) {
			if last = err; n != nil {
				stop()
			}
		}
		if followed(ctx, last) != nil || last == nil {
			t.Errorf("ended with %v", last)
		}
	})
}
