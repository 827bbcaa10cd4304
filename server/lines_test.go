package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wire"
)

func TestLinesAreWhole(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		// Lines that fit, that just do not, and that are longer than any buffer.
		var sizes []int
		for _, n := range []int{10, 1000, 30_000, lineBuffer - 300, lineBuffer, lineBuffer + 1, 900_000, 5} {
			sizes = append(sizes, n, n, n)
		}
		for _, n := range sizes {
			h.post(logPath+"/streams/s-1", `{"events":[{"type":"a","data":"`+strings.Repeat("x", n)+`"}]}`).is(201)
		}
		epoch := h.get(logPath + "/head").json()["epoch"]
		r := h.get(logPath+"/events", "Accept", wire.TypeNDJSON).is(200)
		if got := len(r.lines()); got != len(sizes) {
			t.Fatalf("%d lines, want %d", got, len(sizes))
		}
		for i, e := range r.lines() {
			if len(e.Data) != sizes[i]+2 {
				t.Errorf("line %d has %d bytes of data, want %d", i, len(e.Data), sizes[i]+2)
			}
		}
		end := fmt.Sprint(len(sizes))
		if r.end.Get(wire.TrailerEnd) != end || r.end.Get(wire.TrailerError) != "" {
			t.Errorf("the trailers are %v", r.end)
		}
		if want := end + "@" + epoch.(string); r.header.Get(wire.HeaderReadAsOf) != want {
			t.Errorf("the read is as of %q, want %q", r.header.Get(wire.HeaderReadAsOf), want)
		}
		for query, want := range map[string]string{
			"?limit=4": "4", "?after=4&limit=3": "7", "?before=9": "8", "?type=none": end, "?direction=backwards&limit=2": fmt.Sprint(len(sizes) - 1),
			"?after=99": "99", "?offset=2&limit=2": "4",
		} {
			if got := h.get(logPath+"/events"+query, "Accept", wire.TypeNDJSON).is(200).end.Get(wire.TrailerEnd); got != want {
				t.Errorf("%s ends at %s, want %s", query, got, want)
			}
		}
	})
}

// faulty is a store whose reads fail behind some lines.
type faulty struct {
	nacre.Driver
	after int
	err   error
}

func (f *faulty) ReadLines(ctx context.Context, filter nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Line, error] {
	return func(yield func(nacre.Line, error) bool) {
		n := 0
		for line, err := range f.Driver.(nacre.LineReader).ReadLines(ctx, filter, o) {
			if n == f.after {
				yield(nacre.Line{}, f.err)
				return
			}
			if n++; !yield(line, err) {
				return
			}
		}
	}
}

func TestLinesThatBreakOff(t *testing.T) {
	t.Parallel()
	damage := &nacre.DamageError{File: "/data/default/000001.ndjson", Line: 3, Offset: 99, Position: 3, Reason: "the checksum is “wrong” 🜁"}
	for _, c := range []struct {
		after  int
		text   string
		err    error
		status int
		code   nacre.Code
	}{
		{0, "x", damage, 500, nacre.CodeDamaged},
		{2, "x", damage, 500, nacre.CodeDamaged}, // nothing has gone out yet
		{2, strings.Repeat("x", lineBuffer), damage, 200, nacre.CodeDamaged},
		{2, strings.Repeat("x", lineBuffer), errors.New("a disk"), 200, nacre.CodeInternal},
	} {
		b := newMemory()
		b.make = func(string) *nacre.Store {
			return nacre.NewStore(&faulty{memstore.Open(nil).Driver(), c.after, c.err}, nil)
		}
		h := newHarness(t, &Options{Backend: b})
		for range 4 {
			h.post(logPath+"/streams/s-1", `{"events":[{"type":"a","data":"`+c.text+`"}]}`).is(201)
		}
		r := h.get(logPath+"/events", "Accept", wire.TypeNDJSON).is(c.status)
		if c.status != 200 {
			r.refused(c.code)
			continue
		}
		if r.end.Get(wire.TrailerEnd) != "" || len(r.lines()) != c.after {
			t.Errorf("%d lines, and the trailers are %v", len(r.lines()), r.end)
		}
		var body wire.ErrorBody
		if err := json.Unmarshal([]byte(r.end.Get(wire.TrailerError)), &body); err != nil || body.Code != c.code {
			t.Errorf("the trailer has %q: %v", r.end.Get(wire.TrailerError), err)
		}
		if c.err == error(damage) && (body.Details.Reason != damage.Reason || body.Details.File != "000001.ndjson") {
			t.Errorf("the damage is told as %+v", body.Details)
		}
		if !strings.Contains(h.log.String(), "a request failed") {
			t.Error("the log has nothing of it")
		}
		h.get("/metrics").is(200)
	}
}

func TestStoreWithoutExtras(t *testing.T) {
	t.Parallel()
	b := newMemory()
	b.make = func(string) *nacre.Store { return nacre.NewStore(bareDriver{memstore.Open(nil).Driver()}, nil) }
	h := newHarness(t, &Options{Backend: b})
	h.post(logPath+"/streams/s-1", `{"events":[{"type":"a","data":1}]}`).is(201)
	for _, path := range []string{"/streams", "/events", "/blobs", "/system/events", "/system/head"} {
		h.get(logPath + path).refused(nacre.CodeUnsupported)
	}
	h.post(logPath+"/backup", "").refused(nacre.CodeUnsupported)
	h.do("PATCH", logPath+"/settings", `{"description":"x"}`).refused(nacre.CodeUnsupported)
	h.get(logPath).is(200).has(nil, "statistics")
	h.get(logPath+"/head").has(1, "globalPosition")
	h.get("/metrics").is(200)
}

// bareDriver has nothing but what every driver has.
type bareDriver struct{ nacre.Driver }

func TestAccept(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]format{
		"": formatJSON, "*/*": formatJSON, "text/html, */*;q=0.1": formatJSON, "application/json": formatJSON,
		"application/x-ndjson": formatLines, "text/html,Application/X-NDJSON;q=0.5": formatLines,
		"application/json, application/x-ndjson": formatJSON, "text/event-stream": formatSSE, "text/event-stream, */*": formatSSE,
	} {
		x := exchange{r: &http.Request{Header: http.Header{"Accept": {accept}}}}
		if got := x.format(); got != want {
			t.Errorf("%q asks for %v, want %v", accept, got, want)
		}
	}
}
