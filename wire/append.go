package wire

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/nacredb/nacre"
)

// TaggedStream is the stream that events of DeltaBase's form without streams go to, as there.
const TaggedStream nacre.StreamID = "__dcb__"

// DecodeOptions: nil takes requests of up to 1,000 events, without their times.
type DecodeOptions struct {
	// MaxEvents is the most events, and the most appends, that a request may have; more are TOO_LARGE.
	// It bounds the memory that a small body can ask for. Default 1,000.
	MaxEvents int
	// Import lets events bring createdAt, transactionId and transactionSize, for [nacre.Store.Import].
	Import bool
	// IdempotencyKey gives events without an eventId the one that [EventID] derives. Default "", none.
	IdempotencyKey string
}

// Form is which of the accepted forms a request had; the reply has the fields that belong to it.
type Form int

// The forms of appends.
const (
	FormStream  Form = iota // to one stream, named by the path
	FormAppends             // {"appends":[…],"condition":…}
	FormTagged              // DeltaBase's {"events":[…],"condition":…}, to TaggedStream
	FormStreams             // DeltaBase's [{streamId, events, expectedStreamVersion}]
)

// AppendRequest is what is to be appended. Data and Metadata of its events are parts of the body.
type AppendRequest struct {
	Form      Form
	Batch     []nacre.Append
	Condition *nacre.Condition // nil where there is none
}

// Members of requests; the constants are their indexes.
var (
	streamMembers = []string{"events", "expectedStreamVersion", "options"}
	commitMembers = []string{"appends", "events", "condition"}
	appendMembers = []string{"events", "expectedStreamVersion", "options", "streamId"}
	optionMembers = []string{"expectedStreamVersion"}

	conditionMembers = []string{"failIfEventsMatch", "after"}
)

const (
	appendEvents = iota
	appendExpected
	appendOptions
	appendStream
)

const (
	commitAppends = iota
	commitEvents
	commitCondition
)

// DecodeAppend reads the body of a POST to one stream:
//
//	{"events":[…], "expectedStreamVersion"?: …, "options"?: {"expectedStreamVersion"?: …}}
//
// An expected version is a number from -1, the same as text, "any", "no_stream" or "stream_exists".
func DecodeAppend(body []byte, stream nacre.StreamID, o *DecodeOptions) (AppendRequest, error) {
	var d appendDecoder
	d.begin(body, o)
	batch := []nacre.Append{{Stream: stream}}
	d.append(&batch[0], streamMembers)
	return d.done(AppendRequest{Form: FormStream, Batch: batch})
}

// DecodeCommit reads the body of a POST to all streams, in any of the three forms.
func DecodeCommit(body []byte, o *DecodeOptions) (AppendRequest, error) {
	var d appendDecoder
	d.begin(body, o)
	if d.peek() == '[' {
		return d.done(AppendRequest{Form: FormStreams, Batch: d.appends()})
	}
	r := AppendRequest{Form: -1}
	for d.object(); d.member(); {
		switch d.known(commitMembers) {
		case commitAppends:
			if r.Form == FormTagged {
				d.fail("stands beside events: give one of them")
			}
			r.Form, r.Batch = FormAppends, d.appends()
		case commitEvents:
			if r.Form == FormAppends {
				d.fail("stands beside appends: give one of them")
			}
			r.Form, r.Batch = FormTagged, []nacre.Append{{Stream: TaggedStream, Events: d.events()}}
		case commitCondition:
			r.Condition = d.condition()
		}
	}
	if r.Form < 0 {
		d.missing("appends", "give a list of appends, or events")
	}
	return d.done(r)
}

// Locate gives an error of the store the path that its field has in the request: the store says
// "batch[1].events[2].type" where the request has "appends[1].events[2].type".
func (r *AppendRequest) Locate(err error) error {
	return relocate(err, r.locate)
}

// relocate gives an error's field another name.
func relocate(err error, locate func(field string) string) error {
	var e *nacre.Error
	if !errors.As(err, &e) || e.Field == "" {
		return err
	}
	located := *e
	located.Field = locate(e.Field)
	return &located
}

func (r *AppendRequest) locate(field string) string {
	if items, ok := strings.CutPrefix(field, "condition.failIfEventsMatch["); ok {
		return "condition.failIfEventsMatch.items[" + items
	}
	if strings.HasPrefix(field, "condition") {
		return field
	}
	rest, inBatch := strings.CutPrefix(field, "batch[")
	var one, all string
	switch r.Form {
	case FormAppends:
		one, all = "appends[", "appends"
	case FormStreams:
		one, all = "[", "body"
	default:
		one, all = "batch[", "events"
	}
	switch {
	case inBatch:
		return one + rest
	case field == "batch":
		return all
	case r.Form == FormAppends || r.Form == FormStreams:
		return one + "0]." + field
	}
	return field
}

// appendDecoder reads the requests that append.
type appendDecoder struct {
	scanner
	max, taken int
	imported   bool
	key        string
	tags       []string // of all events, side by side
}

func (d *appendDecoder) begin(body []byte, o *DecodeOptions) {
	if o == nil {
		o = &DecodeOptions{}
	}
	d.init(body, "")
	d.max, d.imported, d.key = o.MaxEvents, o.Import, o.IdempotencyKey
	if d.max <= 0 {
		d.max = 1000
	}
}

func (d *appendDecoder) done(r AppendRequest) (AppendRequest, error) {
	if err := d.end(); err != nil {
		return AppendRequest{}, err
	}
	if d.key != "" {
		DeriveEventIDs(d.key, r.Batch)
	}
	return r, nil
}

// appends reads a list of appends to streams.
func (d *appendDecoder) appends() []nacre.Append {
	var out []nacre.Append
	for d.list(); d.element(); {
		if len(out) == d.max {
			d.tooMany("appends")
			break
		}
		out = append(out, nacre.Append{})
		d.append(&out[len(out)-1], appendMembers)
	}
	if len(out) == 0 {
		d.fail("is empty: give at least one append")
	}
	return out
}

// append reads what goes to one stream.
func (d *appendDecoder) append(a *nacre.Append, members []string) {
	var version, option *nacre.ExpectedVersion
	named := len(members) <= appendStream
	for d.object(); d.member(); {
		switch d.known(members) {
		case appendEvents:
			a.Events = d.events()
		case appendExpected:
			version = d.expected()
			d.sameVersion(version, option)
		case appendOptions:
			for d.object(); d.member(); {
				if d.known(optionMembers) == 0 {
					option = d.expected()
					d.sameVersion(option, version)
				}
			}
		case appendStream:
			// A string of its own: what a driver keeps for a stream should not keep a whole request.
			a.Stream, named = nacre.StreamID(strings.Clone(d.given())), true
		}
	}
	switch {
	case !named:
		d.missing("streamId", "give the id of a stream")
	case a.Events == nil:
		d.missing("events", "give at least one event")
	case version != nil:
		a.Expected = *version
	case option != nil:
		a.Expected = *option
	}
}

// sameVersion refuses a version that was given twice, differently.
func (d *appendDecoder) sameVersion(v, other *nacre.ExpectedVersion) {
	if v != nil && other != nil && *v != *other {
		d.fail("is %s, and elsewhere in the request %s: give one", v, other)
	}
}

// expected takes an expected version: a number, or one of the names.
func (s *scanner) expected() *nacre.ExpectedVersion {
	if s.err != nil {
		return nil
	}
	b := s.peek()
	switch {
	case b == '"':
		text := s.text()
		v, err := nacre.ParseExpectedVersion(text)
		if err == nil {
			return &v
		}
		s.fail("%.40q is not an expected version: give any, no_stream, stream_exists or a number from 0", text)
	case b == '-' || b-'0' <= 9:
		v := nacre.Exactly(s.integer(-1, maxVersion))
		return &v
	default:
		s.wrongKind("a number or text")
	}
	return nil
}

// maxVersion is the greatest number that JSON carries exactly everywhere.
const maxVersion = 1<<53 - 1

func (d *appendDecoder) tooMany(what string) {
	d.fail("has more than %d %s, the most that are taken at once: append it in parts", d.max, what)
	d.err.Code = nacre.CodeTooLarge
	d.err.Field = cmp.Or(strings.TrimSuffix(d.err.Field, fmt.Sprintf("[%d]", d.count())), "body")
}

func (d *appendDecoder) condition() *nacre.Condition {
	c := &nacre.Condition{}
	given := false
	for d.object(); d.member(); {
		switch d.known(conditionMembers) {
		case 0:
			given = true
			c.FailIfEventsMatch = d.filter()
		case 1:
			if !d.null() {
				c.After = d.position()
			}
		}
	}
	if !given {
		d.missing("failIfEventsMatch", `give a filter: {"items":[…]}`)
	}
	return c
}
