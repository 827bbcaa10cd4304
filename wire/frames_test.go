package wire

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

func TestFramesComeBack(t *testing.T) {
	t.Parallel()
	long := []byte(`{"data":"` + strings.Repeat("x", 100_000) + `"}`)
	conflict := &nacre.ConflictError{Stream: "s-1", Expected: nacre.NoStream, Current: 3}
	_, body := FromError(conflict)
	var stream []byte
	stream = append(stream, SSEComment...)
	stream = AppendSSEEvent(stream, Cursor{12, "e"}, []byte(`{"a":1}`))
	stream = append(stream, SSEComment...)
	stream = AppendSSEEvent(stream, Cursor{13, ""}, long)
	stream = AppendSSECaughtUp(stream, Cursor{14, "e"})
	stream = append(stream, "event: news\ndata: x\n\nretry: 5\n\n"...)
	stream = AppendSSEError(stream, body)
	want := []Frame{
		{Kind: FrameEvent, Line: []byte(`{"a":1}`), Cursor: Cursor{12, "e"}},
		{Kind: FrameEvent, Line: long, Cursor: Cursor{13, ""}},
		{Kind: FrameCaughtUp, Cursor: Cursor{14, "e"}},
		{Kind: FrameError, Err: conflict},
	}
	windows := strings.ReplaceAll(string(stream), "\n", "\r\n")
	for name, in := range map[string]io.Reader{
		"whole": strings.NewReader(string(stream)), "bytes": iotest.OneByteReader(strings.NewReader(string(stream))),
		"crlf": strings.NewReader(windows),
	} {
		r, touched := NewSSEReader(in, 0), 0
		r.Touched = func() { touched++ }
		for i, w := range want {
			f, err := r.Next()
			if err != nil || !reflect.DeepEqual(f, w) {
				t.Fatalf("%s: frame %d is %+v and %v, not %+v", name, i, f, err, w)
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) || touched != strings.Count(string(stream), "\n") {
			t.Errorf("%s: the stream ends with %v after %d lines", name, err, touched)
		}
	}
	for _, m := range []struct {
		message []byte
		want    Frame
	}{
		{AppendFrameEvent(nil, []byte(`{"a":1}`)), Frame{Kind: FrameEvent, Line: []byte(`{"a":1}`)}},
		{AppendFrameCaughtUp(nil, Cursor{12, "e"}), Frame{Kind: FrameCaughtUp, Cursor: Cursor{12, "e"}}},
		{[]byte(`{"caughtUp":{"globalPosition":12},"more":[]}`), Frame{Kind: FrameCaughtUp, Cursor: Cursor{12, ""}}},
		{AppendFrameError(nil, body), Frame{Kind: FrameError, Err: conflict}},
	} {
		if f, err := ParseFrame(m.message); err != nil || !reflect.DeepEqual(f, m.want) {
			t.Errorf("%s gives %+v and %v, not %+v", m.message, f, err, m.want)
		}
	}
	for _, bad := range []string{``, `{}`, `{"other":1}`, `{"event":{},"error":{}}`, `{"event":`, `[]`} {
		if f, err := ParseFrame([]byte(bad)); nacre.CodeOf(err) != nacre.CodeInternal {
			t.Errorf("%s gives %+v and %v", bad, f, err)
		}
	}
}

func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	for stream, want := range map[string]string{
		"":          "EOF",
		"data: 1":   "unexpected EOF",
		"data: 1\n": "unexpected EOF",
		":\n":       "EOF",
		"data: " + strings.Repeat("x", 101) + "\n\n":             "nacre: the server's stream has a frame of more than 100 bytes",
		strings.Repeat("data: "+strings.Repeat("x", 50)+"\n", 3): "nacre: the server's stream has a frame of more than 100 bytes",
		strings.Repeat("x", 1<<20):                               "nacre: the server's stream has a frame of more than 100 bytes",
		"id: x\n\n":                                              `nacre: the server's stream: nacre: id: "x" is not a position, nor a cursor such as 1042@01JD3Y8Q0V3M8S2Z6T5N9K4RWE`,
	} {
		if f, err := NewSSEReader(strings.NewReader(stream), 100).Next(); fmt.Sprint(err) != want {
			t.Errorf("%.60q gives %+v and %v, not %s", stream, f, err, want)
		}
	}
	down := errors.New("connection reset")
	if _, err := NewSSEReader(iotest.ErrReader(down), 0).Next(); !errors.Is(err, down) {
		t.Errorf("the reader's error is %v", err)
	}
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	todo := nacre.Filter{{Types: []string{"todo.*"}}}
	for message, want := range map[string]ReadParams{
		`{"action":"subscribe"}`: {},
		`{"action":"subscribe","filter":{"items":[{"types":["todo.*"]}]}}`:               {Filter: todo},
		`{"action":"subscribe","eventFilter":"todo.*"}`:                                  {Filter: todo},
		`{"action":"subscribe","eventFilter":"todo.*","where":"data.done"}`:              {Filter: todo, Where: "data.done"},
		`{"eventFilter":["todo.*"],"after":12,"action":"subscribe"}`:                     {Filter: todo, Options: nacre.ReadOptions{After: 12}},
		`{"action":"subscribe","filter":{"type":"todo.*"},"after":"12@e"}`:               {Filter: todo, Options: nacre.ReadOptions{After: 12}, Epoch: "e"},
		`{"action":"subscribe","fromDate":"2026-11-20T00:00:00Z","filter":{"items":[]}}`: {FromDate: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)},
	} {
		if p, err := DecodeSubscribe([]byte(message)); err != nil || !reflect.DeepEqual(p, want) {
			t.Errorf("%s gives %+v and %v, not %+v", message, p, err, want)
		}
	}
	for message, want := range map[string]string{
		`{}`:                "INVALID_ARGUMENT action: is missing: give subscribe",
		`{"action":"stop"}`: `INVALID_ARGUMENT action: "stop" is not an action: give subscribe`,
		`{"action":"subscribe","eventFilter":"a","filter":{"items":[]}}`: "INVALID_ARGUMENT filter: is a second filter: give filter or eventFilter",
		`{"action":"subscribe","filter":{"data.x":1}}`:                   "UNSUPPORTED filter.data.x: is not something that is filtered by: give type and streamId",
		`{"action":"subscribe","after":"x"}`:                             `INVALID_ARGUMENT after: "x" is not a position, nor a cursor such as 1042@01JD3Y8Q0V3M8S2Z6T5N9K4RWE`,
		`{"action":"subscribe","since":1}`:                               "INVALID_ARGUMENT since: is not known here: action, filter, eventFilter, after, fromDate, toDate and where are",
	} {
		if _, err := DecodeSubscribe([]byte(message)); told(err) != want {
			t.Errorf("%s gives %s, not %s", message, told(err), want)
		}
	}
	p, err := ParseFollow(url.Values{"after": {"3"}, "type": {"a"}}, "7@e")
	if err != nil || p.Cursor() != (Cursor{7, "e"}) || !reflect.DeepEqual(p.Filter, nacre.Filter{{Types: []string{"a"}}}) {
		t.Errorf("the header does not come first: %+v and %v", p, err)
	}
}

func TestCursorCheck(t *testing.T) {
	t.Parallel()
	head := nacre.Head{Position: 10, Last: 12, Epoch: "e"}
	for cursor, good := range map[Cursor]bool{{}: true, {12, ""}: true, {12, "e"}: true, {13, "e"}: false, {1, "d"}: false} {
		err := cursor.Check(head)
		if (err == nil) != good || err != nil && nacre.CodeOf(err) != nacre.CodeLogRewound {
			t.Errorf("%v gives %v", cursor, err)
		}
		if again, err := ParseCursor("after", cursor.String()); err != nil || again != cursor {
			t.Errorf("%v written and read is %v, %v", cursor, again, err)
		}
	}
}

func TestSelectsLine(t *testing.T) {
	t.Parallel()
	e := nacre.Event{StreamID: "s-1", ID: "e", Type: "a", Data: []byte(`{"x":1}`), Tags: []string{"k:1"}}
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	stored := line.Append(nil, &e, &line.Stamp{Position: 3, StreamPosition: 0, CreatedAt: at.UnixMicro()})
	stored = stored[:len(stored)-1]
	for _, c := range []struct {
		p    ReadParams
		want bool
	}{
		{ReadParams{FromDate: at}, true},
		{ReadParams{FromDate: at.Add(time.Microsecond)}, false},
		{ReadParams{EventID: "e", Among: nacre.Filter{{Tags: []string{"k:1"}}}}, true},
		{ReadParams{Among: nacre.Filter{{Types: []string{"b"}}}}, false},
	} {
		if got, err := c.p.SelectsLine(stored); err != nil || got != c.want {
			t.Errorf("%+v gives %v and %v", c.p, got, err)
		}
	}
	if _, err := (&ReadParams{}).SelectsLine([]byte(`{}`)); nacre.CodeOf(err) != nacre.CodeDamaged {
		t.Errorf("what is no line gives %v", err)
	}
}
