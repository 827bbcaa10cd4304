package wire

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/nacredb/nacre"
)

// What follows says again, slowly and with another JSON library, which requests are taken and what they
// mean. It panics with refusal where one is not.

type refusal string

func refuse(format string, args ...any) { panic(refusal(fmt.Sprintf(format, args...))) }

func refer[T any](decode func() T) (out T, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case refusal:
			err = errors.New(string(r))
		default:
			panic(r)
		}
	}()
	return decode(), nil
}

func into(v jsontext.Value, kind string, out any) {
	if len(v) == 0 || !strings.Contains(kind, string(rune(v.Kind()))) {
		refuse("%q is not of the kind %s", v, kind)
	}
	if err := json.Unmarshal(v, out, json.RejectUnknownMembers(true)); err != nil {
		refuse("%v", err)
	}
}

func refText(v jsontext.Value) (s string) { into(v, `"`, &s); return s }

func refGiven(v jsontext.Value) string {
	s := refText(v)
	if s == "" {
		refuse("empty")
	}
	return s
}

func refInt(v jsontext.Value, least, most int64) (n int64) {
	into(v, "0", &n)
	if n < least || n > most {
		refuse("%d", n)
	}
	return n
}

func null(v jsontext.Value) bool { return len(v) == 0 || v.Kind() == 'n' }

func refTime(v jsontext.Value) time.Time {
	t, err := time.Parse(time.RFC3339Nano, refText(v))
	if t = t.UTC().Truncate(time.Microsecond); err != nil || t.IsZero() || t.Year() < 1 || t.Year() > 9999 {
		refuse("%v", err)
	}
	return t
}

type refEvent struct {
	Type          jsontext.Value `json:"type"`
	Data          jsontext.Value `json:"data"`
	Binary        jsontext.Value `json:"dataBase64"`
	Metadata      jsontext.Value `json:"metadata"`
	Tags          jsontext.Value `json:"tags"`
	ID            jsontext.Value `json:"eventId"`
	Schema        jsontext.Value `json:"schemaVersion"`
	Parents       jsontext.Value `json:"parents"`
	CreatedAt     jsontext.Value `json:"createdAt"`
	TransactionID jsontext.Value `json:"transactionId"`
	Size          jsontext.Value `json:"transactionSize"`
}

func (r *refEvent) event(imported bool) (e nacre.Event) {
	if len(r.Type) > 0 {
		e.Type = refText(r.Type)
	}
	e.Data = []byte(r.Data)
	if len(r.Binary) > 0 {
		b, err := base64.StdEncoding.Strict().DecodeString(refText(r.Binary))
		if err != nil || strings.ContainsAny(refText(r.Binary), "\r\n") {
			refuse("base64")
		}
		e.Binary = b
	}
	if !null(r.Metadata) {
		if r.Metadata.Kind() != '{' {
			refuse("metadata")
		}
		e.Metadata = []byte(r.Metadata)
	}
	if !null(r.Tags) {
		var tags []jsontext.Value
		into(r.Tags, "[", &tags)
		for _, tag := range tags {
			e.Tags = append(e.Tags, refText(tag))
		}
	}
	if !null(r.ID) {
		e.ID = refGiven(r.ID)
	}
	if !null(r.Schema) {
		if k := r.Schema.Kind(); k != '"' && k != '0' {
			refuse("schemaVersion")
		}
		inner := strings.TrimSpace(strings.TrimSpace(string(e.Metadata) + "{}")[1:])
		switch {
		case len(e.Metadata) == 0 || inner[0] == '}':
			e.Metadata = []byte(`{"schemaVersion":` + string(r.Schema) + `}`)
		default:
			e.Metadata = []byte(`{"schemaVersion":` + string(r.Schema) + `,` + string(e.Metadata[1:]))
		}
	}
	if !null(r.Parents) {
		var parents []jsontext.Value
		into(r.Parents, "[", &parents)
		if len(parents) > maxParents+1 {
			refuse("parents")
		}
		e.Parents = []string{}
		for _, parent := range parents {
			e.Parents = append(e.Parents, refGiven(parent))
		}
	}
	if !imported && (len(r.CreatedAt) > 0 || len(r.TransactionID) > 0 || len(r.Size) > 0) {
		refuse("given")
	}
	if len(r.Size) > 0 {
		e.TransactionSize = int(refInt(r.Size, 1, math.MaxInt32))
	}
	if len(r.CreatedAt) > 0 {
		e.CreatedAt = refTime(r.CreatedAt)
	}
	if len(r.TransactionID) > 0 {
		e.TransactionID = refGiven(r.TransactionID)
	}
	return e
}

func refEvents(v jsontext.Value, o *DecodeOptions) (out []nacre.Event) {
	var events []jsontext.Value
	into(v, "[", &events)
	if len(events) == 0 {
		refuse("no events")
	}
	for _, raw := range events {
		var e refEvent
		into(raw, "{", &e)
		out = append(out, e.event(o.Import))
	}
	return out
}

type refAppend struct {
	Stream   jsontext.Value `json:"streamId"`
	Events   jsontext.Value `json:"events"`
	Expected jsontext.Value `json:"expectedStreamVersion"`
	Options  jsontext.Value `json:"options"`
}

func refExpected(v jsontext.Value) nacre.ExpectedVersion {
	if len(v) > 0 && v.Kind() == '0' {
		return nacre.Exactly(refInt(v, -1, 1<<53-1))
	}
	e, err := nacre.ParseExpectedVersion(refText(v))
	if err != nil {
		refuse("%v", err)
	}
	return e
}

func (r *refAppend) append(o *DecodeOptions) nacre.Append {
	a := nacre.Append{Events: refEvents(r.Events, o)}
	given := false
	if len(r.Expected) > 0 {
		a.Expected, given = refExpected(r.Expected), true
	}
	if len(r.Options) > 0 {
		var options struct {
			Expected jsontext.Value `json:"expectedStreamVersion"`
		}
		into(r.Options, "{", &options)
		if len(options.Expected) > 0 {
			v := refExpected(options.Expected)
			if given && v != a.Expected {
				refuse("twice")
			}
			a.Expected = v
		}
	}
	return a
}

func refDecodeAppend(body []byte, stream nacre.StreamID, o *DecodeOptions) (AppendRequest, error) {
	return refer(func() AppendRequest {
		var r refAppend
		into(trim(body), "{", &r)
		if len(r.Stream) > 0 {
			refuse("streamId")
		}
		a := r.append(o)
		a.Stream = stream
		return AppendRequest{Form: FormStream, Batch: []nacre.Append{a}}
	})
}

func trim(body []byte) jsontext.Value { return jsontext.Value(strings.Trim(string(body), " \t\r\n")) }

func refAppends(v jsontext.Value, o *DecodeOptions) (out []nacre.Append) {
	var appends []jsontext.Value
	into(v, "[", &appends)
	if len(appends) == 0 {
		refuse("no appends")
	}
	for _, raw := range appends {
		var r refAppend
		into(raw, "{", &r)
		a := r.append(o)
		a.Stream = nacre.StreamID(refGiven(r.Stream))
		out = append(out, a)
	}
	return out
}

func refDecodeCommit(body []byte, o *DecodeOptions) (AppendRequest, error) {
	return refer(func() AppendRequest {
		v := trim(body)
		if len(v) > 0 && v.Kind() == '[' {
			return AppendRequest{Form: FormStreams, Batch: refAppends(v, o)}
		}
		var r struct {
			Appends   jsontext.Value `json:"appends"`
			Events    jsontext.Value `json:"events"`
			Condition jsontext.Value `json:"condition"`
		}
		into(v, "{", &r)
		var out AppendRequest
		switch {
		case len(r.Appends) > 0 && len(r.Events) > 0:
			refuse("both")
		case len(r.Events) > 0:
			out = AppendRequest{Form: FormTagged, Batch: []nacre.Append{{Stream: TaggedStream, Events: refEvents(r.Events, o)}}}
		default:
			out = AppendRequest{Form: FormAppends, Batch: refAppends(r.Appends, o)}
		}
		if len(r.Condition) > 0 {
			var c struct {
				Filter jsontext.Value `json:"failIfEventsMatch"`
				After  jsontext.Value `json:"after"`
			}
			into(r.Condition, "{", &c)
			out.Condition = &nacre.Condition{FailIfEventsMatch: refFilter(c.Filter)}
			if !null(c.After) {
				out.Condition.After = nacre.Position(refInt(c.After, 0, 1<<63-1))
			}
		}
		return out
	})
}

func refFilter(v jsontext.Value) (f nacre.Filter) {
	var r struct {
		Items jsontext.Value `json:"items"`
	}
	into(v, "{", &r)
	var items []jsontext.Value
	into(r.Items, "[", &items)
	for _, raw := range items {
		var it struct {
			Types      jsontext.Value `json:"types"`
			Tags       jsontext.Value `json:"tags"`
			Streams    jsontext.Value `json:"streams"`
			Categories jsontext.Value `json:"categories"`
		}
		into(raw, "{", &it)
		f = append(f, nacre.FilterItem{
			Types: refNames[string](it.Types), Tags: refNames[string](it.Tags),
			Streams: refNames[nacre.StreamID](it.Streams), Categories: refNames[string](it.Categories),
		})
	}
	return f
}

func refNames[T ~string](v jsontext.Value) (out []T) {
	if len(v) == 0 {
		return nil
	}
	var names []jsontext.Value
	into(v, "[", &names)
	for _, name := range names {
		out = append(out, T(refGiven(name)))
	}
	return out
}
