package wire

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/memstore"
	"pgregory.net/rapid"
)

// anyAppend draws an append that a store takes, as far as the wire is concerned.
func anyAppend(t *rapid.T, stream string) nacre.Append {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab.é😀'/ ")), 1, 12, -1)
	value := rapid.SampledFrom([]string{`{}`, `null`, `[1,{"a":"}"}]`, `"\"\\"`, `-1.5e3`, `{"a":{"b":[[]]},"c":"\u00e9é"}`})
	expected := []nacre.ExpectedVersion{nacre.Any, nacre.StreamExists, nacre.NoStream, nacre.Exactly(0), nacre.Exactly(1 << 40)}
	a := nacre.Append{Stream: nacre.StreamID(stream), Expected: rapid.SampledFrom(expected).Draw(t, "expected")}
	for i := range rapid.IntRange(1, 5).Draw(t, "events") {
		e := nacre.Event{Type: text.Draw(t, "type"), ID: fmt.Sprintf("%s/%d", stream, i)}
		if rapid.Bool().Draw(t, "binary") {
			e.Binary = append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "bytes")...)
		} else {
			e.Data = []byte(value.Draw(t, "data"))
		}
		if rapid.Bool().Draw(t, "metadata") {
			e.Metadata = []byte(`{"actor":` + value.Draw(t, "actor") + `}`)
		}
		e.Tags = rapid.SliceOfNDistinct(text, 0, 3, rapid.ID).Draw(t, "tags")
		if len(e.Tags) == 0 {
			e.Tags = nil
		}
		a.Events = append(a.Events, e)
	}
	return a
}

// What a store answers comes through both forms of both replies as it was, and so does each event alone.
func TestRepliesComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		store := memstore.Open(nil)
		defer store.Close()
		sent := []nacre.Append{anyAppend(rt, "s-1"), anyAppend(rt, "s-2")}
		for i := range sent {
			sent[i].Expected = nacre.Any
		}
		for _, step := range []string{"new", "again"} {
			out, err := store.Commit(t.Context(), nil, sent...)
			if err != nil {
				rt.Fatal(err)
			}
			for _, minimal := range []bool{false, true} {
				got, err := ParseCommitReply(AppendCommitReply(nil, FormAppends, out, minimal), sent)
				if err != nil || !reflect.DeepEqual(got, out) {
					rt.Fatalf("%s, minimal %v: %v\n%+v\n%+v", step, minimal, err, got, out)
				}
				one, err := ParseStreamReply(AppendStreamReply(nil, &out[0], minimal), &sent[0])
				if err != nil || !reflect.DeepEqual(one, out[0]) {
					rt.Fatalf("%s, minimal %v: %v\n%+v\n%+v", step, minimal, err, one, out[0])
				}
			}
			for _, e := range out[0].Events {
				line, err := e.MarshalJSON()
				if err != nil || string(AppendEvent(nil, &e)) != string(line) {
					rt.Fatalf("%v: %s is not %s", err, AppendEvent(nil, &e), line)
				}
				if got, err := ParseEvent(line); err != nil || !reflect.DeepEqual(got, e) {
					rt.Fatalf("%v: %+v is not %+v", err, got, e)
				}
			}
		}
	})
}

func TestRequestsComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyAppend(t, "s-1"), anyAppend(t, "s-2")
		imported := rapid.Bool().Draw(t, "imported")
		if imported {
			a.Events[0].CreatedAt, a.Events[0].TransactionID = time.UnixMicro(rapid.Int64Range(-1e15, 1e16).Draw(t, "time")).UTC(), "tx"
		}
		o := &DecodeOptions{Import: imported}
		one, err := DecodeAppend(EncodeAppend(nil, &a, imported), a.Stream, o)
		if err != nil || !reflect.DeepEqual(one, AppendRequest{FormStream, []nacre.Append{a}, nil}) {
			t.Fatalf("%v: %+v is not %+v", err, one, a)
		}
		c := &nacre.Condition{After: 7, FailIfEventsMatch: nacre.Filter{{Types: []string{"a.*", "\"\n"}}, {}}}
		all, err := DecodeCommit(EncodeCommit(nil, []nacre.Append{a, b}, c, imported), o)
		if err != nil || !reflect.DeepEqual(all, AppendRequest{FormAppends, []nacre.Append{a, b}, c}) {
			t.Fatalf("%v: %+v is not %+v", err, all, []nacre.Append{a, b})
		}
	})
}

// A reply that does not fit what was sent is an error, and never a wrong answer.
func TestRepliesThatDoNotFit(t *testing.T) {
	t.Parallel()
	sent := nacre.Append{Stream: "s-1", Events: []nacre.Event{{ID: "a"}, {ID: "b"}}}
	const fit = `{"streamId":"s-1","currentStreamVersion":4,"firstStreamPosition":3,"firstGlobalPosition":9,"createdAt":"2026-11-20T18:55:20.471204Z"}`
	if _, err := ParseStreamReply([]byte(fit), &sent); err != nil {
		t.Fatal(err)
	}
	for _, reply := range []string{
		``, `{}`, `[]`, `<html>`, fit[:40],
		strings.Replace(fit, "s-1", "s-2", 1),
		strings.Replace(fit, `":4`, `":5`, 1),
		strings.Replace(fit, `"firstGlobalPosition":9,`, ``, 1),
		`{"streamId":"s-1","currentStreamVersion":4,"events":[{}]}`,
	} {
		if a, err := ParseStreamReply([]byte(reply), &sent); nacre.CodeOf(err) != nacre.CodeInternal {
			t.Errorf("%s gives %+v and %v", reply, a, err)
		}
	}
	sent.Events[1].ID = ""
	if a, err := ParseStreamReply([]byte(fit), &sent); nacre.CodeOf(err) != nacre.CodeInternal {
		t.Errorf("without ids: %+v and %v", a, err)
	}
	sent.Events[1].ID = "b"
	for _, reply := range []string{`{"appends":[]}`, `{"appends":[` + fit + `,` + fit + `]}`, `{}`} {
		if out, err := ParseCommitReply([]byte(reply), []nacre.Append{sent}); nacre.CodeOf(err) != nacre.CodeInternal {
			t.Errorf("%s gives %+v and %v", reply, out, err)
		}
	}
}

func TestEventIDs(t *testing.T) {
	t.Parallel()
	// Written down, for other languages and for ever.
	if got, want := EventID("order-1001/place", 0), "Q7QC5SFQ2RX86JD7T1XJK2YY8M"; got != want {
		t.Errorf("the id is %s, not %s", got, want)
	}
	seen := map[string]bool{}
	for _, key := range []string{"a", "b", "a\x00", "", "1", "11"} {
		for i := range 300 {
			id := EventID(key, i)
			if seen[id] || len(id) != 26 || id[0] <= '7' || strings.Trim(id, crockford) != "" {
				t.Fatalf("%q, %d gives %s", key, i, id)
			}
			seen[id] = true
		}
	}
	body := []byte(`{"appends":[{"streamId":"s-1","events":[{"type":"t","data":1},{"type":"t","data":1,"eventId":"own"}]},{"streamId":"s-2","events":[{"type":"t","data":1}]}]}`)
	r, err := DecodeCommit(body, &DecodeOptions{IdempotencyKey: "k"})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{r.Batch[0].Events[0].ID, r.Batch[0].Events[1].ID, r.Batch[1].Events[0].ID}
	if want := []string{EventID("k", 0), "own", EventID("k", 2)}; !slices.Equal(got, want) {
		t.Errorf("the ids are %q, not %q", got, want)
	}
	for key, good := range map[string]bool{"": false, "k": true, strings.Repeat("k", 256): true, strings.Repeat("k", 257): false} {
		if err := CheckIdempotencyKey(key); (err == nil) != good {
			t.Errorf("a key of %d bytes: %v", len(key), err)
		}
	}
}

func TestSchemaVersion(t *testing.T) {
	t.Parallel()
	for metadata, want := range map[string]string{
		``:                     `{"schemaVersion":"1"}`,
		`,"metadata":null`:     `{"schemaVersion":"1"}`,
		`,"metadata":{ }`:      `{"schemaVersion":"1"}`,
		`,"metadata":{ "a":1}`: `{"schemaVersion":"1","a":1}`,
	} {
		r, err := DecodeAppend([]byte(`{"events":[{"type":"t","data":1,"schemaVersion":"1"`+metadata+`}]}`), "s-1", nil)
		if err != nil || string(r.Batch[0].Events[0].Metadata) != want {
			t.Errorf("%s gives %v, %+v", metadata, err, r)
		}
	}
}

func TestReadParams(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for query, want := range map[string]ReadParams{
		"": {},
		"type=a&type=b.*&tag=x&tag=y&category=c&streamId=c-1": {Filter: nacre.Filter{{
			Types: []string{"a", "b.*"}, Tags: []string{"x", "y"}, Categories: []string{"c"}, Streams: []nacre.StreamID{"c-1"},
		}}},
		"after=12@e&before=20&limit=3&direction=backwards": {
			Options: nacre.ReadOptions{After: 12, Before: 20, Limit: 3, Backwards: true}, Epoch: "e",
		},
		"fromPosition=12&toPosition=20&sortDirection=desc&offset=2&includeCount=true": {
			Options: nacre.ReadOptions{After: 11, Before: 21, Backwards: true}, Offset: 2, Count: true,
		},
		"fromPosition=0&after=5&toPosition=9&before=3": {Options: nacre.ReadOptions{After: 5, Before: 3}},
		"fromDate=2026-11-20&toDate=2026-11-20":        {FromDate: day, ToDate: day.Add(24*time.Hour - time.Microsecond)},
		"fromDate=2026-11-20T01:00:00%2B01:00":         {FromDate: day},
		"eventId=e&transactionId=t&apiKey=secret":      {EventID: "e", TransactionID: "t"},
		`filter={"type":"a.*","streamId":["s","t"]}`:   {Filter: nacre.Filter{{Types: []string{"a.*"}, Streams: []nacre.StreamID{"s", "t"}}}},
		`filter={"items":[{"tags":["x"]},{}]}`:         {Filter: nacre.Filter{{Tags: []string{"x"}}, {}}},
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseEventsRead(q)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s gives %v\n%+v, not\n%+v", query, err, got, want)
		}
	}
	one := nacre.Filter{{Streams: []nacre.StreamID{"s-1"}}}
	for query, want := range map[string]ReadParams{
		"":                  {Filter: one},
		"from=2&to=5":       {Filter: one, Options: nacre.ReadOptions{From: 2, Until: 6}},
		"to=0":              {Filter: one, Options: nacre.ReadOptions{Until: 1}},
		"type=a":            {Filter: nacre.Filter{{Streams: one[0].Streams, Types: []string{"a"}}}},
		"type=a&from=2":     {Filter: one, Among: nacre.Filter{{Types: []string{"a"}}}, Options: nacre.ReadOptions{From: 2}},
		"maxCount=3&from=0": {Filter: one, Options: nacre.ReadOptions{Limit: 3}},
		"fromStreamPosition=1&toStreamPosition=2&expectedStreamVersion=4": {
			Filter: one, Options: nacre.ReadOptions{From: 1, Until: 3}, Expected: nacre.Exactly(4),
		},
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseStreamRead(q, "s-1")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s gives %v\n%+v, not\n%+v", query, err, got, want)
		}
	}
}

func TestSelects(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	e := nacre.Event{
		StreamID: "s-1", ID: "e", Type: "a", Data: []byte(`1`), TransactionID: "t", CreatedAt: at, GlobalPosition: 1,
	}
	for query, want := range map[string]bool{
		"":                                 true,
		"fromDate=2026-11-20":              true,
		"toDate=2026-11-20":                true,
		"toDate=2026-11-19":                false,
		"fromDate=2026-11-20T12:00:00Z":    true,
		"fromDate=2026-11-20T12:00:00.01Z": false,
		"toDate=2026-11-20T12:00:00Z":      true,
		"eventId=e&transactionId=t":        true,
		"eventId=f":                        false,
		"transactionId=u":                  false,
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParseEventsRead(q)
		if err != nil || p.Selects(&e) != want || p.Selective() != (query != "") {
			t.Errorf("%s: %v, selects %v", query, err, p.Selects(&e))
		}
	}
	for _, values := range []url.Values{{"where": {"data.total > 100"}, "type": {"a"}}, {"where": {"type = 'a'"}}} {
		p, err := ParseEventsRead(values)
		if err != nil || !p.Selective() || p.Where != values.Get("where") {
			t.Errorf("%v gives %+v, %v", values, p, err)
		}
		if again, err := ParseEventsRead(p.Values()); err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%v comes back as %+v, %v", p.Values(), again, err)
		}
		if follow, err := ParseFollow(values, ""); err != nil || follow.Where != p.Where {
			t.Errorf("%v is followed as %+v, %v", values, follow, err)
		}
		if stream, err := ParseStreamRead(url.Values{"where": values["where"]}, "s-1"); err != nil || stream.Where != p.Where {
			t.Errorf("%v of a stream is %+v, %v", values, stream, err)
		}
	}
	if _, err := ParseEventsRead(url.Values{"where": {""}}); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("an empty condition gives %v", err)
	}
	for limit, want := range map[int]int{0: 1000, 5: 5, 10_000: 10_000, 10_001: 0} {
		p := ReadParams{Options: nacre.ReadOptions{Limit: limit}}
		if n, err := p.PageLimit(); n != want || (err == nil) != (want > 0) {
			t.Errorf("a limit of %d gives %d and %v", limit, n, err)
		}
	}
}
