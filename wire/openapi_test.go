package wire

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/spec"
)

func document(t *testing.T) *openapi3.T {
	t.Helper()
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(spec.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOpenAPIHasEveryCode(t *testing.T) {
	t.Parallel()
	doc := document(t)
	var codes []nacre.Code
	for _, code := range doc.Components.Schemas["Code"].Value.Enum {
		codes = append(codes, nacre.Code(code.(string)))
	}
	if !slices.Equal(codes, Codes()) {
		t.Errorf("the document has the codes %q, the table has %q", codes, Codes())
	}
	for _, code := range Codes() {
		if row := fmt.Sprintf("| `%s` | %d |", code, Status(code)); !strings.Contains(doc.Info.Description, row) {
			t.Errorf("the document's table has no row that begins with %s", row)
		}
	}
	if Status("SOMETHING_ELSE") != 500 {
		t.Error("an unknown code is not 500")
	}
}

// conforms checks a JSON text against a schema of the document.
func conforms(t *testing.T, doc *openapi3.T, schema string, text []byte) {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := doc.Components.Schemas[schema].Value.VisitJSON(value); err != nil {
		t.Errorf("%s is not as %s says: %v", text, schema, err)
	}
}

func TestRepliesAreAsDocumented(t *testing.T) {
	t.Parallel()
	doc := document(t)
	a := stored(hundred())
	for _, minimal := range []bool{false, true} {
		conforms(t, doc, "Appended", AppendStreamReply(nil, &a, minimal))
		conforms(t, doc, "Appended", AppendCommitReply(nil, FormTagged, []nacre.Appended{a}, minimal))
		for _, form := range []Form{FormAppends, FormStreams} {
			conforms(t, doc, "Committed", AppendCommitReply(nil, form, []nacre.Appended{a, a}, minimal))
		}
	}
	total := int64(7)
	page := BeginEvents(nil)
	conforms(t, doc, "StreamEvents", page.EndStream(StreamPage{Stream: "s", Version: -1, Limit: 1000, Total: &total}))
	page = BeginEvents(nil)
	page.Event(&a.Events[0])
	page.Line(nacre.Line{Position: 9, Bytes: AppendEvent(nil, &a.Events[1])})
	if page.Last != 9 || page.Count != 2 {
		t.Errorf("the page has %d events up to %d", page.Count, page.Last)
	}
	conforms(t, doc, "Events", page.EndEvents(EventsPage{LastPosition: 9, HasMore: true, Limit: 2, Offset: 1, Total: &total}))

	now := time.UnixMicro(1_795_202_120_000_000).UTC()
	days := int64(3)
	store := NewStoreReply(&StoreRequest{Name: "default", Description: "d", Settings: &StoreSettings{RetentionPeriodDays: &days}}, now)
	statistics := NewStatistics(nacre.Stats{Streams: 1, Events: 2, LogBytes: 3, IndexBytes: 4, Epoch: "e", Oldest: now})
	store.Statistics = &statistics
	stream := NewStreamReply(nacre.StreamInfo{ID: "order-1", Version: 4, FirstPosition: 1, LastPosition: 9, CreatedAt: now, UpdatedAt: now})
	for schema, reply := range map[string]any{
		"Store":   &store,
		"Stores":  &StoresReply{EventStores: []StoreReply{store}, TotalCount: 1, Pagination: Pagination{Limit: 50}},
		"Streams": &StreamsReply{Streams: []StreamReply{stream}, NextCursor: "order-1", HasMore: true, Pagination: Pagination{Limit: 1, Total: &total}},
		"Head":    NewHeadReply(nacre.Head{Position: 3, Last: 4, Epoch: "e"}),
		"Deleted": DeletedReply{Success: true, Message: "gone"},
		"Blobs":   BlobsReply{},
	} {
		text, err := Encode(reply)
		if err != nil {
			t.Fatal(err)
		}
		conforms(t, doc, schema, text)
	}
	for _, err := range someErrors() {
		_, body := FromError(err)
		conforms(t, doc, "Error", body)
		conforms(t, doc, "ServerMessage", AppendFrameError(nil, body))
	}
	conforms(t, doc, "ServerMessage", AppendFrameCaughtUp(nil, Cursor{12, "e"}))
	conforms(t, doc, "ServerMessage", AppendFrameEvent(nil, AppendEvent(nil, &a.Events[0])))
}

func TestRequestsAreAsDocumented(t *testing.T) {
	t.Parallel()
	doc := document(t)
	a := hundred()
	a.Events[0].CreatedAt, a.Events[1].Binary, a.Events[1].Data = time.UnixMicro(1).UTC(), []byte{1}, nil
	conforms(t, doc, "AppendRequest", EncodeAppend(nil, &a, true))
	filter := nacre.Filter{{Types: []string{"a.*"}, Tags: []string{"k:1"}, Streams: []nacre.StreamID{"s-1"}, Categories: []string{"s"}}}
	conforms(t, doc, "CommitRequest", EncodeCommit(nil, []nacre.Append{a}, &nacre.Condition{FailIfEventsMatch: filter, After: 3}, false))
	conforms(t, doc, "ReadRequest", EncodeReadWhere(nil, filter, "data", &nacre.ReadOptions{After: 1, Before: 9, From: 1, Until: 2, Limit: 3, Backwards: true}))
	p := ReadParams{Filter: filter, Where: "data", Epoch: "e", FromDate: time.UnixMicro(1).UTC()}
	conforms(t, doc, "SubscribeMessage", EncodeSubscribe(nil, &p))
	for _, message := range []string{`{"action":"subscribe","eventFilter":["a"]}`, `{"action":"subscribe","filter":{"type":"a"}}`} {
		conforms(t, doc, "SubscribeMessage", []byte(message))
		if _, err := DecodeSubscribe([]byte(message)); err != nil {
			t.Error(err)
		}
	}
}

// Each request body of the document is decoded as an example of it, and each parameter is taken.
func TestExamplesAreTaken(t *testing.T) {
	t.Parallel()
	doc := document(t)
	for name, decode := range map[string]func([]byte) error{
		"Append": func(b []byte) error { _, err := DecodeAppend(b, "s-1", nil); return err },
		"Commit": func(b []byte) error { _, err := DecodeCommit(b, nil); return err },
	} {
		examples := doc.Components.RequestBodies[name].Value.Content["application/json"].Examples
		if len(examples) == 0 {
			t.Errorf("%s has no examples", name)
		}
		for which, example := range examples {
			text, err := json.Marshal(example.Value.Value)
			if err != nil {
				t.Fatal(err)
			}
			if err := decode(text); err != nil {
				t.Errorf("%s %s: %v", name, which, err)
			}
		}
	}
}

func TestDocumentedParametersAreTaken(t *testing.T) {
	t.Parallel()
	doc := document(t)
	follow := func(q url.Values) error { _, err := ParseFollow(q, ""); return err }
	for path, parse := range map[string]func(url.Values) error{
		"/event-stores":                          func(q url.Values) error { _, err := ParseStores(q); return err },
		"/event-stores/{store}/streams":          func(q url.Values) error { _, err := ParseStreams(q); return err },
		"/event-stores/{store}/streams/{stream}": func(q url.Values) error { _, err := ParseStreamRead(q, "s"); return err },
		"/event-stores/{store}/events":           func(q url.Values) error { _, err := ParseEventsRead(q); return err },
		"/event-stores/{store}/events/ws":        follow,
		"/event-stores/{store}/head":             func(q url.Values) error { _, err := ParseHead(q); return err },
		"/event-stores/{store}/blobs":            func(q url.Values) error { _, err := ParseBlobs(q); return err },
		"/event-stores/{store}/dead-letters":     func(q url.Values) error { _, err := ParseDeadLetters(q); return err },
	} {
		documented := map[string]bool{}
		for _, p := range doc.Paths.Value(path).GetOperation(http.MethodGet).Parameters {
			if p.Value.In != "query" {
				continue
			}
			documented[p.Value.Name] = true
			value := "2"
			switch s := p.Value.Schema.Value; {
			case len(s.Enum) > 0:
				value = s.Enum[0].(string)
			case s.Type.Is("boolean"):
				value = "true"
			case strings.HasSuffix(p.Value.Name, "Date"):
				value = "2026-11-20"
			case p.Value.Name == "filter":
				value = `{"items":[]}`
			}
			if err := parse(url.Values{p.Value.Name: {value}}); err != nil {
				t.Errorf("%s does not take %s=%s: %v", path, p.Value.Name, value, err)
			}
		}
		for _, name := range []string{
			"type", "category", "streamId", "tag", "filter", "after", "before", "fromDate", "toDate", "limit", "direction",
			"eventFilter", "eventId", "transactionId", "fromPosition", "toPosition", "offset", "sortBy", "sortDirection",
			"includeCount", "includeArchived", "includeMetadata", "from", "to", "fromStreamPosition", "toStreamPosition",
			"maxCount", "expectedStreamVersion", "prefix", "streamType", "streamIdPattern", "wait", "timeout", "phase",
			"kind", "name", "id", "where",
		} {
			err := fmt.Sprint(parse(url.Values{name: {"2"}}))
			known := !strings.Contains(err, "is not a parameter of this request") && !strings.Contains(err, "is not taken where")
			if known && !documented[name] {
				t.Errorf("%s takes %s, which is not documented", path, name)
			}
		}
	}
}
