package wire

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
)

// told is an error as a client sees it.
func told(err error) string {
	if err == nil {
		return "taken"
	}
	return string(nacre.CodeOf(err)) + " " + strings.TrimPrefix(err.Error(), "nacre: ")
}

func event(members string) string { return `{"events":[{"type":"t","data":1},{` + members + `}]}` }

func TestRefusedAppends(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ body, want string }{
		{``, `INVALID_ARGUMENT body: byte 0: the body ends where an object should stand`},
		{`[]`, `INVALID_ARGUMENT body: is a list, and must be an object`},
		{`{"events":[{"type":"t","data":1}]} x`, `INVALID_ARGUMENT body: byte 35: 'x' stands where the end should`},
		{`{}`, `INVALID_ARGUMENT events: is missing: give at least one event`},
		{`{"events":[]}`, `INVALID_ARGUMENT events: is empty: give at least one event`},
		{`{"events":{}}`, `INVALID_ARGUMENT events: is an object, and must be a list`},
		{`{"events":null}`, `INVALID_ARGUMENT events: is null, and must be a list`},
		{`{"event":[]}`, `INVALID_ARGUMENT event: is not known here: events, expectedStreamVersion and options are`},
		{`{"Events":[]}`, `INVALID_ARGUMENT Events: is not known here: events, expectedStreamVersion and options are`},
		{`{"a b":1}`, `INVALID_ARGUMENT "a b": is not known here: events, expectedStreamVersion and options are`},
		{event(`"typ":"t"`), `INVALID_ARGUMENT events[1].typ: is not known here: type, data, dataBase64, metadata, tags, eventId, schemaVersion, parents, createdAt, transactionId and transactionSize are`},
		{event(`"type":7`), `INVALID_ARGUMENT events[1].type: is a number, and must be text`},
		{event(`"type":null`), `INVALID_ARGUMENT events[1].type: is null, and must be text`},
		{event(`"type":"a","type":"b"`), `INVALID_ARGUMENT events[1].type: stands twice`},
		{event(`"type":"a","t\u0079pe":"b"`), `INVALID_ARGUMENT events[1].type: stands twice`},
		{event(`"type":"a`), `INVALID_ARGUMENT events[1].type: has no closing quote`},
		{event(`"type":"a\x"`), `INVALID_ARGUMENT events[1].type: has the escape \x, which JSON does not have`},
		{event(`"type":"\ud800"`), `INVALID_ARGUMENT events[1].type: has the lone surrogate \ud800, which is no character`},
		{event("\"type\":\"a\x01\""), `INVALID_ARGUMENT events[1].type: has the control character U+0001: write it as an escape`},
		{event("\"type\":\"a\xff\""), `INVALID_ARGUMENT events[1].type: has bytes that are not UTF-8`},
		{event(`"data":`), `INVALID_ARGUMENT events[1].data: byte 41: '}' stands where a value should`},
		{event(`"data":{"a":1`), `INVALID_ARGUMENT events[1]: byte 48: ']' stands where "," or "}" should`},
		{event(`"data":[[[[{"a":1}`), `INVALID_ARGUMENT events[1].data: does not end`},
		{event(`"metadata":[]`), `INVALID_ARGUMENT events[1].metadata: is a list, and must be an object`},
		{event(`"tags":"a"`), `INVALID_ARGUMENT events[1].tags: is text, and must be a list`},
		{event(`"tags":["a",false]`), `INVALID_ARGUMENT events[1].tags[1]: is false, and must be text`},
		{event(`"eventId":""`), `INVALID_ARGUMENT events[1].eventId: is empty`},
		{event(`"dataBase64":"a"`), `INVALID_ARGUMENT events[1].dataBase64: is not base64 with padding`},
		{event(`"schemaVersion":{}`), `INVALID_ARGUMENT events[1].schemaVersion: is an object, and must be text or a number`},
		{event(`"createdAt":"2026-11-20T18:55:20Z"`), `INVALID_ARGUMENT events[1].createdAt: is given by the store: leave it out, unless this is an import`},
		{event(`"transactionSize":2`), `INVALID_ARGUMENT events[1].transactionSize: is given by the store: leave it out, unless this is an import`},
		{event(`"parents":"01JD3Y8Q0V3M8S2Z6T5N9K4RWE"`), `INVALID_ARGUMENT events[1].parents: is text, and must be a list`},
		{event(`"parents":[7]`), `INVALID_ARGUMENT events[1].parents[0]: is a number, and must be text`},
		{event(`"parents":["a",""]`), `INVALID_ARGUMENT events[1].parents[1]: is empty`},
		{event(`"parents":[` + strings.Repeat(`"a",`, 1025) + `"a"]`), `INVALID_ARGUMENT events[1].parents[1025]: has more than 1024 ids, the most that are taken`},
		{event(`"transactionId":"t"`), `INVALID_ARGUMENT events[1].transactionId: is given by the store: leave it out, unless this is an import`},
		{event(`"type" "t"`), `INVALID_ARGUMENT events[1]: byte 41: '"' stands where ":" should`},
		{event(`"type":"t",`), `INVALID_ARGUMENT events[1]: byte 45: '}' stands where a name in quotes should`},
		{event(`"type":"t" "data":1`), `INVALID_ARGUMENT events[1]: byte 45: '"' stands where "," or "}" should`},
		{`{"events":[{"type":"t","data":1}],"expectedStreamVersion":-2}`, `INVALID_ARGUMENT expectedStreamVersion: is not a whole number from -1 to 9007199254740991`},
		{`{"events":[{"type":"t","data":1}],"expectedStreamVersion":1.5}`, `INVALID_ARGUMENT expectedStreamVersion: is not a whole number from -1 to 9007199254740991`},
		{`{"events":[{"type":"t","data":1}],"expectedStreamVersion":99999999999999999999}`, `INVALID_ARGUMENT expectedStreamVersion: is not a whole number from -1 to 9007199254740991`},
		{`{"events":[{"type":"t","data":1}],"expectedStreamVersion":"new"}`, `INVALID_ARGUMENT expectedStreamVersion: "new" is not an expected version: give any, no_stream, stream_exists or a number from 0`},
		{`{"events":[{"type":"t","data":1}],"expectedStreamVersion":null}`, `INVALID_ARGUMENT expectedStreamVersion: is null, and must be a number or text`},
		{`{"expectedStreamVersion":3,"events":[{"type":"t","data":1}],"options":{"expectedStreamVersion":"any"}}`, `INVALID_ARGUMENT options.expectedStreamVersion: is any, and elsewhere in the request 3: give one`},
		{`{"events":[{"type":"t","data":1}],"options":{"version":3}}`, `INVALID_ARGUMENT options.version: is not known here: expectedStreamVersion is`},
		{`{"events":[{"type":"t","data":1},{"type":"t","data":1},{"type":"t","data":1}]}`, `TOO_LARGE events: has more than 2 events, the most that are taken at once: append it in parts`},
	} {
		_, err := DecodeAppend([]byte(c.body), "s-1", &DecodeOptions{MaxEvents: 2})
		if got := told(err); got != c.want {
			t.Errorf("%s\ngives %s\nnot   %s", c.body, got, c.want)
		}
	}
}

func TestRefusedCommits(t *testing.T) {
	t.Parallel()
	const one = `{"streamId":"s-1","events":[{"type":"t","data":1}]}`
	for _, c := range []struct{ body, want string }{
		{`{}`, `INVALID_ARGUMENT appends: is missing: give a list of appends, or events`},
		{`{"appends":[]}`, `INVALID_ARGUMENT appends: is empty: give at least one append`},
		{`[]`, `INVALID_ARGUMENT body: is empty: give at least one append`},
		{`{"appends":[{"events":[{"type":"t"}]}]}`, `INVALID_ARGUMENT appends[0].streamId: is missing: give the id of a stream`},
		{`[{"streamId":"s-1"}]`, `INVALID_ARGUMENT [0].events: is missing: give at least one event`},
		{`[` + one + `,{"streamId":"s-2","events":[{"typ":1}]}]`, `INVALID_ARGUMENT [1].events[0].typ: is not known here: type, data, dataBase64, metadata, tags, eventId, schemaVersion, parents, createdAt, transactionId and transactionSize are`},
		{`{"appends":[` + one + `],"events":[]}`, `INVALID_ARGUMENT events: stands beside appends: give one of them`},
		{`{"appends":[` + one + `],"condition":{}}`, `INVALID_ARGUMENT condition.failIfEventsMatch: is missing: give a filter: {"items":[…]}`},
		{`{"appends":[` + one + `],"condition":{"failIfEventsMatch":{}}}`, `INVALID_ARGUMENT condition.failIfEventsMatch.items: is missing: give a list, empty for every event`},
		{`{"appends":[` + one + `],"condition":{"failIfEventsMatch":{"items":[{"type":["a"]}]}}}`, `INVALID_ARGUMENT condition.failIfEventsMatch.items[0].type: is not known here: types, tags, streams and categories are`},
		{`{"appends":[` + one + `],"condition":{"failIfEventsMatch":{"items":[{"types":[""]}]}}}`, `INVALID_ARGUMENT condition.failIfEventsMatch.items[0].types[0]: is empty`},
		{`{"appends":[` + one + `],"condition":null}`, `INVALID_ARGUMENT condition: is null, and must be an object`},
		{`[` + one + `,` + one + `,` + one + `]`, `TOO_LARGE body: has more than 2 appends, the most that are taken at once: append it in parts`},
		{`[` + one + `,{"streamId":"s-2","events":[{"type":"t"},{"type":"t"}]}]`, `TOO_LARGE [1].events: has more than 2 events, the most that are taken at once: append it in parts`},
	} {
		_, err := DecodeCommit([]byte(c.body), &DecodeOptions{MaxEvents: 2})
		if got := told(err); got != c.want {
			t.Errorf("%s\ngives %s\nnot   %s", c.body, got, c.want)
		}
	}
	names := strings.Repeat(`"a",`, maxNames) + `"a"`
	_, err := DecodeFilter([]byte(`{"items":[{"tags":[`+names+`]}]}`), "filter")
	if want := "INVALID_ARGUMENT filter.items[0].tags[10000]: is one more than the 10000 names that a filter may have"; told(err) != want {
		t.Errorf("%s, not %s", told(err), want)
	}
	_, err = DecodeFilter([]byte(`{"items":[`+strings.Repeat(`{},`, maxNames)+`{}]}`), "filter")
	if want := "INVALID_ARGUMENT filter.items[10000]: is one more than the 10000 that are taken"; told(err) != want {
		t.Errorf("%s, not %s", told(err), want)
	}
}

func TestRefusedParameters(t *testing.T) {
	t.Parallel()
	events := func(q url.Values) error { _, err := ParseEventsRead(q); return err }
	stream := func(q url.Values) error { _, err := ParseStreamRead(q, "s-1"); return err }
	follow := func(q url.Values) error { _, err := ParseFollow(q, q.Get("header")); return err }
	streams := func(q url.Values) error { _, err := ParseStreams(q); return err }
	imported := func(q url.Values) error { _, err := ParseImport(q); return err }
	head := func(q url.Values) error { _, err := ParseHead(q); return err }
	for _, c := range []struct {
		parse       func(url.Values) error
		query, want string
	}{
		{events, "colour=red", "INVALID_ARGUMENT colour: is not a parameter of this request"},
		{events, "phase=1", "INVALID_ARGUMENT phase: is not a parameter of this request"},
		{events, "from=1", "INVALID_ARGUMENT from: is not a parameter of this request"},
		{events, "limit=", `INVALID_ARGUMENT limit: "" is not a whole number from 1 to 2147483647`},
		{events, "limit=0", `INVALID_ARGUMENT limit: "0" is not a whole number from 1 to 2147483647`},
		{events, "limit=1&limit=2", "INVALID_ARGUMENT limit: is given 2 times: give it once"},
		{events, "limit=1&maxCount=2", "INVALID_ARGUMENT maxCount: is 2, and by another name 1: give one"},
		{events, "before=-1", `INVALID_ARGUMENT before: "-1" is not a whole number from 1`},
		{events, "after=x", `INVALID_ARGUMENT after: "x" is neither a position nor a cursor such as 1042@01JD3Y8Q0V3M8S2Z6T5N9K4RWE`},
		{events, "after=1@", `INVALID_ARGUMENT after: "1@" is neither a position nor a cursor such as 1042@01JD3Y8Q0V3M8S2Z6T5N9K4RWE`},
		{events, "direction=up", `INVALID_ARGUMENT direction: "up" is not a direction: give forwards or backwards`},
		{events, "direction=asc&sortDirection=desc", "INVALID_ARGUMENT sortDirection: contradicts direction: give one"},
		{events, "type=", "INVALID_ARGUMENT type: is empty: leave it out, or give a name"},
		{events, "type=a&filter={}", "INVALID_ARGUMENT filter: stands beside type, category, streamId or tag: give one of them"},
		{events, `filter={"items":1}`, "INVALID_ARGUMENT filter.items: is a number, and must be a list"},
		{events, `filter={"data.x":1}`, "UNSUPPORTED filter.data.x: is not something that is filtered by: give type and streamId"},
		{events, "fromDate=yesterday", `INVALID_ARGUMENT fromDate: "yesterday" is neither a time such as 2026-11-20T18:55:20Z nor a day such as 2026-11-20`},
		{events, "sortBy=createdAt", `UNSUPPORTED sortBy: "createdAt" is not an order that events are read in: they come by globalPosition`},
		{events, "includeCount=yes", `INVALID_ARGUMENT includeCount: "yes" is neither true nor false`},
		{events, "type=%ff", "INVALID_ARGUMENT type: is not valid UTF-8"},
		{stream, "category=a", "INVALID_ARGUMENT category: is not a parameter of this request"},
		{stream, "from=1&fromStreamPosition=2", "INVALID_ARGUMENT fromStreamPosition: is 2, and by another name 1: give one"},
		{stream, "expectedStreamVersion=x", `INVALID_ARGUMENT expectedStreamVersion: "x" is not an expected version: give any, no_stream, stream_exists or a number from 0`},
		{follow, "limit=3", "INVALID_ARGUMENT limit: is not taken where the log is followed, which has no end"},
		{follow, "header=x", `INVALID_ARGUMENT Last-Event-ID: "x" is neither a position nor a cursor such as 1042@01JD3Y8Q0V3M8S2Z6T5N9K4RWE`},
		{streams, "category=a&streamType=b", "INVALID_ARGUMENT streamType: contradicts category: give one"},
		{streams, "streamIdPattern=*-a", `UNSUPPORTED streamIdPattern: "*-a" has a "*" that is not its end: streams are listed by what they begin with`},
		{streams, "sortDirection=desc", "UNSUPPORTED sortDirection: streams are listed in ascending order of their ids only"},
		{streams, "limit=10001", `INVALID_ARGUMENT limit: "10001" is not a whole number from 1 to 10000`},
		{imported, "imports=true", "INVALID_ARGUMENT imports: is not a parameter of this request"},
		{ParseConfirm, "", "CONFIRMATION_REQUIRED confirm: is not true: the store and all of its events would be deleted for ever, so give ?confirm=true"},
		{ParseConfirm, "confirm=true&apiKey=k", "taken"},
		{ParseNone, "apiKey=k", "taken"},
		{head, "wait=3&timeout=301", `INVALID_ARGUMENT timeout: "301" is not a whole number from 1 to 300`},
	} {
		q, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		if got := told(c.parse(q)); got != c.want {
			t.Errorf("%s\ngives %s\nnot   %s", c.query, got, c.want)
		}
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		form        Form
		field, want string
	}{
		{FormStream, "events[0].type", "events[0].type"},
		{FormStream, "batch", "events"},
		{FormTagged, "events[0].type", "events[0].type"},
		{FormAppends, "events[0].type", "appends[0].events[0].type"},
		{FormAppends, "batch[1].events[2].type", "appends[1].events[2].type"},
		{FormAppends, "batch", "appends"},
		{FormStreams, "streamId", "[0].streamId"},
		{FormStreams, "batch[1].streamId", "[1].streamId"},
		{FormAppends, "condition.failIfEventsMatch[2]", "condition.failIfEventsMatch.items[2]"},
		{FormTagged, "condition.failIfEventsMatch", "condition.failIfEventsMatch"},
		{FormAppends, "", ""},
	} {
		r := AppendRequest{Form: c.form}
		original := &nacre.Error{Code: nacre.CodeInvalid, Field: c.field, Message: "m"}
		got, ok := r.Locate(original).(*nacre.Error)
		if !ok || got.Field != c.want || original.Field != c.field {
			t.Errorf("form %d, %s becomes %v, not %s", c.form, c.field, got, c.want)
		}
	}
	var r AppendRequest
	conflict := &nacre.ConflictError{Stream: "s-1"}
	if got := r.Locate(fmt.Errorf("append: %w", conflict)); nacre.CodeOf(got) != nacre.CodeVersionConflict {
		t.Errorf("a conflict becomes %v", got)
	}
}
