package nacre

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits bound what an append may hold. They count the stored bytes of the body, and are checked by
// appends only: what a log holds is read whatever the limits.
type Limits struct {
	// EventBytes is the largest body. Default 1 MiB.
	EventBytes int
	// BatchBytes is the most that a batch's bodies may have together. Default 16 MiB.
	BatchBytes int
	// BatchEvents is the most events of a batch. Default 1,000.
	BatchEvents int
}

// What a name may have, whatever the limits.
const (
	maxName    = 256
	maxEventID = 64
	maxTags    = 64
	maxDepth   = 128
	maxFilter  = 10_000
)

func (l *Limits) withDefaults() Limits {
	out := Limits{EventBytes: 1 << 20, BatchBytes: 16 << 20, BatchEvents: 1000}
	if l == nil {
		return out
	}
	if l.EventBytes > 0 {
		out.EventBytes = l.EventBytes
	}
	if l.BatchBytes > 0 {
		out.BatchBytes = l.BatchBytes
	}
	if l.BatchEvents > 0 {
		out.BatchEvents = l.BatchEvents
	}
	return out
}

// prepare checks a batch and compacts its JSON. What it returns is the driver's; the caller's events
// stay as they are.
func (l *Limits) prepare(batch []Append, imported bool) ([]Append, error) {
	if len(batch) == 0 {
		return nil, invalid("batch", "is empty: give at least one append")
	}
	events := 0
	for i := range batch {
		events += len(batch[i].Events)
	}
	if events > l.BatchEvents {
		return nil, &Error{Code: CodeTooLarge, Field: "batch", Message: fmt.Sprintf(
			"has %d events, at most %d are taken at once: append it in parts", events, l.BatchEvents)}
	}
	if err := checkStreamsDiffer(batch); err != nil {
		return nil, err
	}
	merge, err := kindOf(batch)
	if err != nil {
		return nil, err
	}
	var common transaction
	switch {
	case merge && !imported:
		if common, err = transactionOf(batch, events); err != nil {
			return nil, err
		}
	case events > 1 && !imported:
		common.id = NewID()
	}
	out := make([]Append, len(batch))
	all := make([]Event, events)
	size := 0
	for i := range batch {
		a := &batch[i]
		if err := l.checkAppend(batch, i); err != nil {
			return nil, err
		}
		part := all[:len(a.Events):len(a.Events)]
		all = all[len(a.Events):]
		for j := range a.Events {
			part[j] = a.Events[j]
			e := &part[j]
			if p := prepareEvent(e, a.Stream, imported); p != nil {
				p.Field = eventField(batch, i, j, p.Field)
				return nil, p
			}
			e.StreamID = a.Stream
			switch {
			case imported:
			case !merge:
				e.TransactionID = common.id
			default:
				if p := common.join(e); p != nil {
					p.Field = eventField(batch, i, j, p.Field)
					return nil, p
				}
			}
			n := e.BodySize()
			if e.ID == "" {
				n += 26 // the ULID to come
			}
			if n > l.EventBytes {
				return nil, &Error{Code: CodeTooLarge, Field: eventField(batch, i, j, ""), Message: fmt.Sprintf(
					"has %d bytes, at most %d are taken", n, l.EventBytes)}
			}
			size += n
		}
		if err := checkOwnIDs(part, batch, i); err != nil {
			return nil, err
		}
		out[i] = Append{Stream: a.Stream, Expected: a.Expected, Events: part}
	}
	if size > l.BatchBytes {
		return nil, &Error{Code: CodeTooLarge, Field: "batch", Message: fmt.Sprintf(
			"has %d bytes, at most %d are taken at once: append it in parts", size, l.BatchBytes)}
	}
	if merge {
		if err := checkTransactions(out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (l *Limits) checkAppend(batch []Append, i int) error {
	a := &batch[i]
	field := func(name string) string {
		if len(batch) == 1 {
			return name
		}
		return fmt.Sprintf("batch[%d].%s", i, name)
	}
	if problem := checkStreamID(a.Stream); problem != "" {
		return invalid(field("streamId"), problem)
	}
	if !a.Expected.valid() {
		return invalid(field("expectedStreamVersion"), "is below -1: give any, no_stream, stream_exists or a number from 0")
	}
	if len(a.Events) == 0 {
		return invalid(field("events"), "is empty: give at least one event")
	}
	return nil
}

func checkStreamsDiffer(batch []Append) error {
	if len(batch) < 2 {
		return nil
	}
	seen := make(map[StreamID]struct{}, len(batch))
	for i := range batch {
		id := batch[i].Stream
		if _, twice := seen[id]; twice {
			return invalid(fmt.Sprintf("batch[%d].streamId", i), fmt.Sprintf(
				"stream %q stands in the batch twice: give its events in one append", id))
		}
		seen[id] = struct{}{}
	}
	return nil
}

func eventField(batch []Append, i, j int, field string) string {
	at := fmt.Sprintf("events[%d]", j)
	if len(batch) > 1 {
		at = fmt.Sprintf("batch[%d].%s", i, at)
	}
	if field == "" {
		return at
	}
	return at + "." + field
}

func checkOwnIDs(events []Event, batch []Append, i int) error {
	if len(events) < 2 {
		return nil
	}
	var seen map[string]struct{}
	for j := range events {
		id := events[j].ID
		if id == "" {
			continue
		}
		if seen == nil {
			seen = make(map[string]struct{}, len(events)-j)
		}
		if _, twice := seen[id]; twice {
			return invalid(eventField(batch, i, j, "eventId"), fmt.Sprintf("id %q stands in the request twice", id))
		}
		seen[id] = struct{}{}
	}
	return nil
}

// prepareEvent checks one event and compacts its JSON.
func prepareEvent(e *Event, stream StreamID, imported bool) *Error {
	if e.err != nil {
		problem := *e.err // the event may be appended again, elsewhere in a batch
		return &problem
	}
	if p := checkGiven(e, stream, imported); p != nil {
		return p
	}
	if problem := checkType(e, stream); problem != "" {
		return invalid("type", problem)
	}
	if e.Parents != nil {
		if p := checkMerge(e, stream); p != nil {
			return p
		}
	}
	if e.ID != "" {
		if problem := checkEventID(e.ID); problem != "" {
			return invalid("eventId", problem)
		}
	}
	if p := checkTags(e.Tags); p != nil {
		return p
	}
	switch {
	case e.Binary != nil && len(e.Data) > 0:
		return invalid("data", "stands beside a binary payload: give one of them")
	case e.Binary != nil:
	case len(e.Data) == 0:
		return invalid("data", "is missing: give a JSON value, null if there is nothing to say")
	default:
		compact, err := compactJSON(e.Data)
		if err != nil {
			return &Error{Code: CodeInvalid, Field: "data", Message: err.Error()}
		}
		e.Data = compact
	}
	if len(e.Metadata) > 0 {
		compact, err := compactJSON(e.Metadata)
		if err != nil {
			return &Error{Code: CodeInvalid, Field: "metadata", Message: err.Error()}
		}
		if compact[0] != '{' {
			return invalid("metadata", "is not a JSON object")
		}
		e.Metadata = compact
	}
	return nil
}

// checkGiven refuses what only the store may give.
func checkGiven(e *Event, stream StreamID, imported bool) *Error {
	given := func(field string) *Error {
		return invalid(field, "is given by the store: leave it out of what is appended")
	}
	switch {
	case e.GlobalPosition != 0:
		return given("globalPosition")
	case e.StreamPosition != 0:
		return given("streamPosition")
	case e.StreamID != "" && e.StreamID != stream:
		return invalid("streamId", fmt.Sprintf("is %q in an append to %q: leave it out", e.StreamID, stream))
	case e.DataHash != "":
		return given("dataHash")
	case e.TransactionSize != 0 && e.Parents == nil:
		return invalid("transactionSize", "is for events of merge streams, which have parents: leave it out")
	case imported:
		if !e.CreatedAt.IsZero() {
			e.CreatedAt = e.CreatedAt.UTC().Truncate(time.Microsecond)
			if y := e.CreatedAt.Year(); y < 1 || y > 9999 {
				return invalid("createdAt", "is not in the years 1 to 9999")
			}
		}
		if e.TransactionID != "" {
			if problem := checkEventID(e.TransactionID); problem != "" {
				return invalid("transactionId", problem)
			}
		}
	case !e.CreatedAt.IsZero():
		return given("createdAt")
	case e.TransactionID != "" && e.Parents == nil:
		return given("transactionId")
	}
	return nil
}

// checkType lets reserved types stand where they belong, and nowhere else.
func checkType(e *Event, stream StreamID) string {
	switch category := stream.Category(); {
	case reserved(category) && e.Type != category:
		return fmt.Sprintf("is %q, and the events of category %q are all of type %q", e.Type, category, category)
	case reserved(category), e.Type == voidType && e.Parents != nil:
		return ""
	}
	if problem := checkName(e.Type, maxName); problem != "" {
		return problem
	}
	if strings.Contains(e.Type, "*") {
		return `has a "*", which stands for a wildcard in filters`
	}
	return ""
}

func checkTags(tags []string) *Error {
	if len(tags) > maxTags {
		return invalid("tags", fmt.Sprintf("has %d tags, at most %d are taken", len(tags), maxTags))
	}
	for i, tag := range tags {
		problem := checkName(tag, maxName)
		if problem == "" && slices.Contains(tags[:i], tag) {
			problem = fmt.Sprintf("tag %q stands twice", tag)
		}
		if problem != "" {
			return invalid(fmt.Sprintf("tags[%d]", i), problem)
		}
	}
	return nil
}

func checkStreamID(id StreamID) string {
	if reserved(id.Category()) && id.Rest() != "" {
		return checkName(string(id[1:]), maxName-1)
	}
	if problem := checkName(string(id), maxName); problem != "" {
		return problem
	}
	if id[0] == '-' {
		return `begins with "-": the category, before the first "-", would be empty`
	}
	return ""
}

// checkName is for stream ids, types and tags: they stand in lines as they are, and are compared bytewise.
func checkName(s string, limit int) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > limit:
		return fmt.Sprintf("has %d bytes, at most %d are taken", len(s), limit)
	case s[0] == '$':
		return `begins with "$", which is reserved`
	}
	plain := true
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return ""
	}
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	for _, r := range s {
		if r < ' ' || r == '"' || r == '\\' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return fmt.Sprintf("has the character %U: quotes, backslashes, control characters and line separators are not taken", r)
		}
	}
	return ""
}

// checkEventID is for event ids and transaction ids.
func checkEventID(id string) string {
	good := id != "" && len(id) <= maxEventID
	for i := 0; good && i < len(id); i++ {
		c := id[i]
		good = c > ' ' && c < 0x7f && c != '"' && c != '\\'
	}
	if good {
		return ""
	}
	return fmt.Sprintf("is not 1 to %d printable ASCII characters without space, quote and backslash", maxEventID)
}

// Check tells what is wrong with a filter, which field names: reads and subscriptions check theirs themselves.
func (f Filter) Check(field string) error {
	names := 0
	for i := range f {
		it := &f[i]
		names += len(it.Streams) + len(it.Categories) + len(it.Types) + len(it.Tags)
		if slices.Contains(it.Streams, "") || slices.Contains(it.Categories, "") ||
			slices.Contains(it.Types, "") || slices.Contains(it.Tags, "") {
			return invalid(fmt.Sprintf("%s[%d]", field, i), "has an empty name")
		}
	}
	if len(f) > maxFilter || names > maxFilter {
		return invalid(field, fmt.Sprintf("has %d items with %d names, at most %d are taken", len(f), names, maxFilter))
	}
	return nil
}

func (o *ReadOptions) check(f Filter) error {
	switch {
	case o.Limit < 0:
		return invalid("limit", "is negative: give 0 for no limit, or a number from 1")
	case o.From < 0:
		return invalid("from", "is negative: stream positions begin at 0")
	case o.Until < 0:
		return invalid("until", "is negative: give 0 for no bound")
	case (o.From > 0 || o.Until > 0) && !f.OneStream():
		return invalid("from", "bounds stream positions, and more than one stream is read: give after and before")
	}
	return nil
}

// OneStream tells whether the filter is exactly one stream, and nothing else.
func (f Filter) OneStream() bool {
	return len(f) == 1 && len(f[0].Streams) == 1 && len(f[0].Categories)+len(f[0].Types)+len(f[0].Tags) == 0
}
