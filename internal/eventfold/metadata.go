package eventfold

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nacredb/nacre"
)

// object is a JSON object in the making.
type object struct{ members []member }

func (o *object) has(name string) bool {
	return slices.ContainsFunc(o.members, func(m member) bool { return m.name == name })
}

func (o *object) add(name string, value jsontext.Value) {
	o.members = append(o.members, member{name, value})
}

func (o *object) addText(name, text string) {
	o.add(name, quote(text))
}

// json is the object, or nil where it has no members.
func (o *object) json() jsontext.Value {
	if len(o.members) == 0 {
		return nil
	}
	b := []byte{'{'}
	for i, m := range o.members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, quote(m.name)...)
		b = append(b, ':')
		b = append(b, m.value...)
	}
	return append(b, '}')
}

// quote is a text as JSON. Where it is not valid UTF-8, what is not becomes U+FFFD.
func quote(text string) jsontext.Value {
	b, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		b, _ = jsontext.AppendQuote(nil, string(bytes.ToValidUTF8([]byte(text), []byte("\ufffd"))))
	}
	return b
}

// renamed are the members of meta that have another name among a store's own.
var renamed = map[string]string{"correlation_id": "correlationId", "source_device": "sourceDevice"}

// described is what an event's metadata is made of.
type described struct {
	actor *string
	meta  jsontext.Value // or nil
	// binary tells that the payload is not JSON.
	binary bool
	// occurred is the event's time, zero where ts is no time; decimals are its fraction of a second.
	occurred time.Time
	layout   string
	kept     object // of the member "eventfold"
}

// ownName is the member of the metadata for what cannot keep its place.
const ownName = "eventfold"

// metadata makes an event's metadata.
func (d *described) metadata() jsontext.Value {
	var out, misplaced object
	if d.actor != nil {
		out.addText("actor", *d.actor)
	}
	members, isObject := membersOf(d.meta)
	for _, m := range members {
		name := m.name
		if to, is := renamed[name]; is && m.value.Kind() == '"' && !hasMember(members, to) {
			name = to
		}
		if out.has(name) || name == ownName {
			misplaced.add(m.name, m.value)
			continue
		}
		out.add(name, m.value)
	}
	if !d.occurred.IsZero() && !out.has("occurredAt") {
		out.addText("occurredAt", d.occurred.Format(d.layout))
	}
	if d.binary && !out.has("contentType") {
		out.addText("contentType", "application/octet-stream")
	}
	switch {
	case d.meta != nil && !isObject:
		d.kept.add("meta", d.meta)
	case len(misplaced.members) > 0:
		d.kept.add("meta", misplaced.json())
	}
	if own := d.kept.json(); own != nil {
		out.add(ownName, own)
	}
	return out.json()
}

func hasMember(members []member, name string) bool {
	return slices.ContainsFunc(members, func(m member) bool { return m.name == name })
}

// membersOf are an object's members; ok is false for what is none.
func membersOf(v jsontext.Value) (_ []member, ok bool) {
	if v == nil || v.Kind() != '{' {
		return nil, false
	}
	d := jsontext.NewDecoder(bytes.NewReader(v))
	members, err := objectMembers(d)
	return members, err == nil
}

// lastSecond is the last one of the year 9999.
const lastSecond = 253402300799

// event makes an event of a line's. at is the time that it gets where its own is none.
func (w *written) event(stream nacre.StreamID, id string, at int64) nacre.Event {
	d := described{actor: w.Actor, meta: w.Meta, layout: "2006-01-02T15:04:05Z"}
	if w.TS <= lastSecond {
		at = int64(w.TS)
		d.occurred = time.Unix(at, 0).UTC()
	} else {
		d.kept.add("ts", strconv.AppendUint(nil, w.TS, 10))
	}
	if w.ID != nil && *w.ID != id {
		d.kept.addText("id", *w.ID)
	}
	if len(w.More) > 0 {
		d.kept.add("members", (&object{w.More}).json())
	}
	return nacre.Event{
		StreamID: stream, ID: id, Type: w.Type,
		Data: []byte(w.Data), Metadata: []byte(d.metadata()), CreatedAt: time.Unix(at, 0).UTC(),
	}
}

// event makes an event of a record. at is the time that it gets where its own is none; id is its own
// unless it has to have another.
func (r *record) event(stream nacre.StreamID, id string, at uint64) nacre.Event {
	d := described{layout: "2006-01-02T15:04:05.000Z"}
	if r.recordedAt <= lastSecond*1000 {
		at = r.recordedAt
		d.occurred = time.UnixMilli(int64(at)).UTC()
	} else {
		d.kept.add("ts", strconv.AppendUint(nil, r.recordedAt, 10))
	}
	if own := r.id.String(); own != id {
		d.kept.addText("id", own)
	}
	switch {
	case len(r.metadata) == 0:
	case jsontext.Value(r.metadata).IsValid():
		d.meta = bytes.Clone(bytes.TrimSpace(r.metadata))
	default:
		d.kept.addText("metaBase64", base64.StdEncoding.EncodeToString(r.metadata))
	}
	e := nacre.Event{StreamID: stream, ID: id, Type: r.kind, CreatedAt: time.UnixMilli(int64(at)).UTC()}
	switch {
	case len(r.payload) == 0:
		e.Data = []byte("null")
	case jsontext.Value(r.payload).IsValid():
		e.Data = bytes.Clone(r.payload)
	default:
		e.Binary, d.binary = bytes.Clone(r.payload), true
	}
	e.Metadata = []byte(d.metadata())
	return e
}

var idText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// madeID is the id of an event that has none of its own: see the package's comment.
func madeID(kind, id string, before int, line []byte) string {
	h := sha256.New()
	h.Write([]byte("eventfold\n" + kind + "/" + id + "\n" + strconv.Itoa(before) + "\n"))
	h.Write(line)
	var sum [sha256.Size]byte
	return idText.EncodeToString(h.Sum(sum[:0]))[:26]
}
