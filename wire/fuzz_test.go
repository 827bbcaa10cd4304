package wire

import (
	"bytes"
	"net/url"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/nacredb/nacre"
)

// requests are what fuzzing begins with: every member, every form, and what is refused.
var requests = []string{
	`{"events":[{"type":"a.b","data":{"x":[1,"}",{"y":"\\\""}]},"metadata":{"actor":"ann"},"tags":["k:1","k:2"],"eventId":"e1"}],"expectedStreamVersion":3}`,
	` { "events" : [ { "type" : "t" , "data" : null } , {"data":-1.5e3,"type":"\u0061\ud83d\ude00"} ] , "options" : { "expectedStreamVersion" : "no_stream" } } `,
	`{"events":[{"type":"t","dataBase64":"AAEC","schemaVersion":"1.0.0","metadata":{ }}],"expectedStreamVersion":"2","options":{"expectedStreamVersion":2}}`,
	`{"events":[{"type":"t","data":1,"schemaVersion":2,"metadata": {"a":1},"tags":null,"eventId":null}]}`,
	`{"events":[{"type":"t","data":1,"createdAt":"2026-11-20T18:55:20.471204Z","transactionId":"tx"},{"type":"t","data":1,"createdAt":"2026-11-20T19:55:20+01:00"}]}`,
	`{"events":[{"type":"t","data":{},"eventId":"01JD3Y8Q0V3M8S2Z6T5N9K4RWA","parents":[],"transactionSize":2},{"type":"t","data":1,"parents":["01JD3Y8Q0V3M8S2Z6T5N9K4RWA","a"]}]}`,
	`{"events":[{"type":"t","data":1,"parents":null},{"type":"t","data":1,"parents":[""]}]}`, `{"events":[{"type":"t","data":1,"parents":{},"transactionSize":0}]}`,
	`{"appends":[{"streamId":"s-1","expectedStreamVersion":-1,"events":[{"type":"t","data":{}}]},{"streamId":"s-2","events":[{"type":"u","data":[]}]}],"condition":{"failIfEventsMatch":{"items":[{"types":["a.*"],"tags":["k:1"],"streams":["s-1"],"categories":["s"]},{}]},"after":12}}`,
	`{"events":[{"type":"t","data":"\u00e9","tags":["é"]}],"condition":{"failIfEventsMatch":{"items":[]},"after":null}}`,
	`[{"streamId":"s-1","events":[{"type":"t","data":true}],"options":{"expectedStreamVersion":"any"}}]`,
	`{"events":[{"type":"t","data":{},"dataBase64":"AAEC"}]}`, `{"events":[{"type":"t","data":1,"createdAt":"0000-01-01T00:00:00Z"}]}`,
	`{"events":[]}`, `{"events":[{}]}`, `[]`, `{}`, ``, `null`, `{"appends":[]}`,
	`{"events":[{"type":"t","typ":1}]}`, `{"events":[{"type":"t","type":"t"}]}`, `{"events":[{"type":"t","t\u0079pe":"t"}]}`,
	`{"events":[{"type":1}]}`, `{"events":[{"type":"t","data":{"a":1,"a":2}}]}`, `{"events":[{"type":"t","data":{]}}]}`,
	`{"events":[{"type":"t","data":1 2}]}`, `{"events":[{"type":"t","data":}]}`, `{"events":[{"type":"t","data":"\ud800"}]}`,
	`{"events":[{"type":"\ud800","data":1}]}`, "{\"events\":[{\"type\":\"\xff\",\"data\":1}]}", "{\"events\":[{\"type\":\"\n\",\"data\":1}]}",
	`{"events":[{"type":"t","data":1},]}`, `{"events":[{"type":"t","data":1}],}`, `{"events":[{"type":"t","data":1}]}x`,
	`{"events":[{"type":"t","data":1}],"expectedStreamVersion":01}`, `{"events":[{"type":"t","data":1}],"expectedStreamVersion":1.0}`,
	`{"events":[{"type":"t","data":1}],"expectedStreamVersion":-0}`, `{"events":[{"type":"t","data":tru}]}`,
}

func FuzzDecodeAppend(f *testing.F) {
	for _, body := range requests {
		f.Add([]byte(body), false)
		f.Add([]byte(body), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, imported bool) {
		o := &DecodeOptions{Import: imported, MaxEvents: 1 << 20}
		got, err := DecodeAppend(body, "s-1", o)
		want, refused := refDecodeAppend(body, "s-1", o)
		agree(t, body, got, err, want, refused)
		if refused == nil {
			again, err := DecodeAppend(EncodeAppend(nil, &got.Batch[0], imported), "s-1", o)
			if err != nil || !reflect.DeepEqual(again, got) {
				t.Fatalf("encoded and decoded again: %v\n%+v\n%+v", err, got, again)
			}
		}
	})
}

func FuzzDecodeCommit(f *testing.F) {
	for _, body := range requests {
		f.Add([]byte(body), false)
		f.Add([]byte(body), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, imported bool) {
		o := &DecodeOptions{Import: imported, MaxEvents: 1 << 20}
		got, err := DecodeCommit(body, o)
		want, refused := refDecodeCommit(body, o)
		agree(t, body, got, err, want, refused)
		if refused == nil {
			again, err := DecodeCommit(EncodeCommit(nil, got.Batch, got.Condition, imported), o)
			got.Form = FormAppends
			if err != nil || !reflect.DeepEqual(again, got) {
				t.Fatalf("encoded and decoded again: %v\n%+v\n%+v", err, got, again)
			}
		}
	})
}

// agree compares the decoder with its reference, as far as a store has not checked the values.
func agree(t *testing.T, body []byte, got AppendRequest, err error, want AppendRequest, refused error) {
	t.Helper()
	switch {
	case err != nil && refused == nil:
		t.Fatalf("%q is refused with %v, and is a request", body, err)
	case err != nil:
		if code := nacre.CodeOf(err); code != nacre.CodeInvalid {
			t.Fatalf("%q is refused with the code %q: %v", body, code, err)
		}
	case refused != nil && valid(&got):
		t.Fatalf("%q is taken, and is no request: %v", body, refused)
	case refused == nil && !reflect.DeepEqual(got, want):
		t.Fatalf("%q gives\n%+v, not\n%+v", body, got, want)
	}
}

// valid is what a store checks of data and metadata.
func valid(r *AppendRequest) bool {
	for _, a := range r.Batch {
		for _, e := range a.Events {
			if len(e.Data) > 0 && !jsontext.Value(e.Data).IsValid() || len(e.Metadata) > 0 && !jsontext.Value(e.Metadata).IsValid() {
				return false
			}
		}
	}
	return true
}

func FuzzDecodeFilter(f *testing.F) {
	for _, body := range []string{
		`{"items":[]}`, `{"items":[{}]}`, `{"items":[{"types":["a","b*"],"tags":[],"streams":["s-1"],"categories":["s\n"]}]}`,
		`{"items":[{"types":[""]}]}`, `{}`, `{"items":null}`, `{"items":[{"type":"a"}]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := DecodeFilter(body, "filter")
		want, refused := refer(func() nacre.Filter { return refFilter(trim(body)) })
		if (err != nil) != (refused != nil) || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q gives %+v and %v, not %+v and %v", body, got, err, want, refused)
		}
		if err == nil {
			if again, err := DecodeFilter(AppendFilter(nil, got), ""); err != nil || !reflect.DeepEqual(again, got) {
				t.Fatalf("encoded and decoded again: %v, %+v, %+v", err, got, again)
			}
		}
	})
}

func FuzzDecodeRead(f *testing.F) {
	for _, body := range []string{
		`{"filter":{"items":[{"types":["a"]}]},"after":1,"before":9,"from":2,"until":3,"limit":4,"backwards":true}`,
		`{"after":"12@01JD3Y8Q0V3M8S2Z6T5N9K4RWE"}`, `{"query":{"items":[]},"after":null,"limit":10,"direction":"backward"}`,
		`{"action":"subscribe","eventFilter":["todo.*"],"after":3}`, `{"action":"subscribe","filter":{"type":"a","streamId":["b"]}}`,
		`{"action":"subscribe","filter":{"items":[]},"fromDate":"2026-11-20T18:55:20Z"}`, `{"limit":-1}`,
		`{"name":"default","description":"d","settings":{"retentionPeriodDays":3}}`, `{"event":{"a":1}}`, `{"caughtUp":{"cursor":"3@e"}}`,
		`{"error":{"error":"STORE_FULL","message":"m"}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if p, err := DecodeRead(body); err == nil {
			epoch := p.Epoch
			p.Epoch = ""
			again, err := DecodeRead(EncodeRead(nil, p.Filter, &p.Options))
			if err != nil || !reflect.DeepEqual(again, p) {
				t.Fatalf("%q, epoch %q, encoded and decoded again: %v\n%+v\n%+v", body, epoch, err, p, again)
			}
		}
		if p, err := DecodeSubscribe(body); err == nil {
			again, err := DecodeSubscribe(EncodeSubscribe(nil, &p))
			if err != nil || !reflect.DeepEqual(again, p) {
				t.Fatalf("%q encoded and decoded again: %v\n%+v\n%+v", body, err, p, again)
			}
		}
		// These have no exact opposite: they must not panic, and give their own kind of error.
		_, err := DecodeQuery(body)
		coded(t, body, err)
		_, err = DecodeStore(body)
		coded(t, body, err)
		_, err = ParseFrame(body)
		coded(t, body, err)
		coded(t, body, ParseError(400, body))
	})
}

func coded(t *testing.T, body []byte, err error) {
	t.Helper()
	if err != nil && nacre.CodeOf(err) == "" {
		t.Fatalf("%q gives an error without a code: %v", body, err)
	}
}

func FuzzParseParams(f *testing.F) {
	for _, query := range []string{
		"type=a&type=b.*&category=c&streamId=s-1&tag=k:1&after=3@e&before=9&fromDate=2026-11-20&toDate=2026-11-21T00:00:00.5Z&limit=5&direction=backwards",
		"fromPosition=3&toPosition=9&sortBy=globalPosition&sortDirection=desc&offset=2&includeCount=true&includeArchived=false&eventId=e&transactionId=t",
		"filter={%22items%22:[{%22types%22:[%22a%22]}]}&apiKey=k", "from=1&to=2&type=a&expectedStreamVersion=3&maxCount=4",
		"filter={%22type%22:%22a%22}", "eventFilter=todo.*&after=0", "streamIdPattern=order-*&limit=3", "limit=", "x=1", "wait=3@e&timeout=10", "eventFilter=%ff", "limit=1&limit=2",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		if p, err := ParseEventsRead(q); err == nil {
			again, err := ParseEventsRead(p.Values())
			if err != nil || !reflect.DeepEqual(again, p) {
				t.Fatalf("%q written and parsed again: %v\n%+v\n%+v", query, err, p, again)
			}
		} else {
			coded(t, []byte(query), err)
		}
		if p, err := ParseStreams(q); err == nil {
			again, err := ParseStreams(p.Values())
			if err != nil || !reflect.DeepEqual(again, p) {
				t.Fatalf("%q written and parsed again: %v\n%+v\n%+v", query, err, p, again)
			}
		} else {
			coded(t, []byte(query), err)
		}
		_, err = ParseStreamRead(q, "s-1")
		coded(t, []byte(query), err)
		_, err = ParseFollow(q, q.Get("id"))
		coded(t, []byte(query), err)
		_, err = ParseStores(q)
		coded(t, []byte(query), err)
		if p, err := ParseHead(q); err == nil {
			if again, err := ParseHead(p.Values()); err != nil || again != p {
				t.Fatalf("%q written and parsed again: %v\n%+v\n%+v", query, err, p, again)
			}
		}
	})
}

func FuzzSSEReader(f *testing.F) {
	cursor := Cursor{12, "e"}
	f.Add(AppendSSEError(AppendSSECaughtUp(AppendSSEEvent([]byte(SSEComment), cursor, []byte(`{"a":1}`)), cursor), []byte(`{"error":"INTERNAL"}`)))
	f.Add([]byte("data\n\ndata: a\r\ndata:b\r\n\r\nevent: other\ndata: x\n\nid: x\n\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := NewSSEReader(bytes.NewReader(stream), 1<<10)
		for range len(stream) + 1 {
			if _, err := r.Next(); err != nil {
				return
			}
		}
		t.Fatal("the stream does not end")
	})
}

func FuzzParseReply(f *testing.F) {
	f.Add([]byte(`{"streamId":"s-1","currentStreamVersion":4,"firstStreamPosition":3,"firstGlobalPosition":9,"createdAt":"2026-11-20T18:55:20.471204Z","transactionId":"t"}`))
	f.Add([]byte(`{"appends":[{"streamId":"s-1","currentStreamVersion":1,"events":[{"streamId":"s-1","parents":[],"x":[{}]},{}]}]}`))
	f.Add([]byte(`{"GlobalPosition":1}`))
	sent := nacre.Append{Stream: "s-1", Events: []nacre.Event{{ID: "a"}, {ID: "b"}}}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := ParseStreamReply(body, &sent)
		coded(t, body, err)
		if err == nil && len(a.Events) != len(sent.Events) {
			t.Fatalf("%q gives %d events", body, len(a.Events))
		}
		_, err = ParseCommitReply(body, []nacre.Append{sent})
		coded(t, body, err)
		e, err := ParseEvent(body)
		coded(t, body, err)
		var slow struct {
			ID       string         `json:"eventId"`
			Type     string         `json:"type"`
			Position nacre.Position `json:"globalPosition"`
		}
		if err == nil && json.Unmarshal(body, &slow) == nil &&
			(slow.ID != e.ID || slow.Type != e.Type || slow.Position != e.GlobalPosition) {
			t.Fatalf("%q gives %+v, not %+v", body, e, slow)
		}
	})
}
