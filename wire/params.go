package wire

import (
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/nacredb/nacre"
)

// Limits of pages.
const (
	DefaultLimit = 1_000
	MaxLimit     = 10_000
)

// ReadParams say what a request reads.
type ReadParams struct {
	Filter  nacre.Filter
	Options nacre.ReadOptions
	// Epoch is the one that Options.After belongs to; "" where the cursor was a bare position.
	Epoch string

	// What a nacre.Filter cannot say; Selects applies it. Times are inclusive; zero is no bound.
	FromDate, ToDate       time.Time
	EventID, TransactionID string
	// Among selects further, where Filter must be one stream for its positions to be bounded.
	Among nacre.Filter
	// Where is a condition over events, in the language of package query, "" for none. Whoever reads evaluates it beside
	// Selects.
	Where string

	// Offset is how many selected events are passed over before the first.
	Offset int
	// Count asks how many events there are without limit and offset.
	Count bool
	// Expected is the version that the stream of a read must have; [nacre.Any] unless given.
	Expected nacre.ExpectedVersion
}

// Cursor is Options.After with its epoch.
func (p *ReadParams) Cursor() Cursor { return Cursor{p.Options.After, p.Epoch} }

// Selective tells whether there is more to apply than Filter and Options: then limit and offset count only
// events that Selects takes and of which Where is true, and the reader must apply them itself.
func (p *ReadParams) Selective() bool {
	return !p.FromDate.IsZero() || !p.ToDate.IsZero() || p.EventID != "" || p.TransactionID != "" || len(p.Among) > 0 ||
		p.Where != ""
}

// Selects applies what Filter cannot say, apart from Where.
func (p *ReadParams) Selects(e *nacre.Event) bool {
	return (p.FromDate.IsZero() || !e.CreatedAt.Before(p.FromDate)) &&
		(p.ToDate.IsZero() || !e.CreatedAt.After(p.ToDate)) &&
		(p.EventID == "" || e.ID == p.EventID) &&
		(p.TransactionID == "" || e.TransactionID == p.TransactionID) &&
		p.Among.Matches(e)
}

// SelectsLine is Selects for a stored line, whose checksum a store has verified.
func (p *ReadParams) SelectsLine(text []byte) (bool, error) {
	var e nacre.Event
	if err := ParseLine(text, &e); err != nil {
		return false, err
	}
	return p.Selects(&e), nil
}

// PageLimit is the limit of a JSON page: DefaultLimit where none was given; more than MaxLimit is refused.
func (p *ReadParams) PageLimit() (int, error) {
	switch n := p.Options.Limit; {
	case n == 0:
		return DefaultLimit, nil
	case n > MaxLimit:
		return 0, invalid("limit", "is %d, at most %d are given as JSON: go on with after, or ask for %s", n, MaxLimit, TypeNDJSON)
	default:
		return n, nil
	}
}

// ParseStreamRead reads the parameters of a GET of one stream: from and to (stream positions, inclusive),
// limit, direction, and those of ParseEventsRead except streamId, category and filter; DeltaBase's
// fromStreamPosition, toStreamPosition, maxCount and expectedStreamVersion. A parameter that is not known
// is refused by name, apart from apiKey.
func ParseStreamRead(values url.Values, stream nacre.StreamID) (ReadParams, error) {
	q := newQuery(values)
	var p ReadParams
	from, _ := q.same(0, math.MaxInt64-1, "from", "fromStreamPosition")
	to, bounded := q.same(0, math.MaxInt64-1, "to", "toStreamPosition")
	if version, given := q.one("expectedStreamVersion"); given {
		v, err := nacre.ParseExpectedVersion(version)
		if err != nil {
			q.fail("expectedStreamVersion", "%.40q is not an expected version: give any, no_stream, stream_exists or a number from 0", version)
		}
		p.Expected = v
	}
	item := nacre.FilterItem{Types: q.many("type"), Tags: q.many("tag")}
	p.page(q, "streamPosition")
	item.Streams = []nacre.StreamID{stream}
	switch {
	case len(item.Types)+len(item.Tags) == 0 || from == 0 && !bounded:
		p.Filter = nacre.Filter{item}
	default:
		p.Filter = nacre.Filter{{Streams: item.Streams}}
		p.Among = nacre.Filter{{Types: item.Types, Tags: item.Tags}}
	}
	p.Options.From = from
	if bounded {
		p.Options.Until = to + 1
	}
	return p, q.done()
}

// ParseEventsRead reads the parameters of a GET of all streams: type, category, streamId, tag or filter, where,
// after, before, fromDate, toDate, limit, direction; and DeltaBase's eventId, transactionId, fromPosition
// and toPosition (inclusive), maxCount, offset, sortBy, sortDirection, includeCount, includeArchived.
func ParseEventsRead(values url.Values) (ReadParams, error) {
	q := newQuery(values)
	q.one(ParamClientID) // a follower's, at the same address
	var p ReadParams
	p.Filter = q.filter()
	p.page(q, "globalPosition")
	return p, q.done()
}

// page takes the parameters of both reads.
func (p *ReadParams) page(q *query, order string) {
	o := &p.Options
	cursor := q.cursor("after")
	o.After, p.Epoch = cursor.Position, cursor.Epoch
	if n, given := q.integer("before", 1, math.MaxInt64); given {
		o.Before = nacre.Position(n)
	}
	if n, given := q.integer("fromPosition", 0, math.MaxInt64); given && n > 0 {
		o.After = max(o.After, nacre.Position(n-1))
	}
	if n, given := q.integer("toPosition", 0, math.MaxInt64-1); given && (o.Before == 0 || nacre.Position(n) < o.Before) {
		o.Before = nacre.Position(n + 1)
	}
	p.FromDate, p.ToDate = q.date("fromDate", false), q.date("toDate", true)
	p.EventID, p.TransactionID, p.Where = q.text("eventId"), q.text("transactionId"), q.text("where")
	limit, _ := q.same(1, math.MaxInt32, "limit", "maxCount")
	o.Limit = int(limit)
	offset, _ := q.integer("offset", 0, math.MaxInt32)
	p.Offset = int(offset)
	o.Backwards = q.backwards()
	if by, given := q.one("sortBy"); given && by != "globalPosition" && by != order {
		q.unsupported("sortBy", "%.40q is not an order that events are read in: they come by %s", by, order)
	}
	p.Count = q.boolean("includeCount")
	// Nothing is ever archived here, so that the answer is the same with and without.
	q.boolean("includeArchived")
}

// filter takes the parameters that select events.
func (q *query) filter() nacre.Filter {
	item := nacre.FilterItem{Types: q.many("type"), Categories: q.many("category"), Tags: q.many("tag")}
	for _, id := range q.many("streamId") {
		item.Streams = append(item.Streams, nacre.StreamID(id))
	}
	item.Types = append(item.Types, q.many("eventFilter")...)
	some := len(item.Types)+len(item.Categories)+len(item.Tags)+len(item.Streams) > 0
	text, given := q.one("filter")
	switch {
	case given && some:
		q.fail("filter", "stands beside type, category, streamId or tag: give one of them")
	case given:
		var s scanner
		s.init([]byte(text), "filter")
		f := s.anyFilter()
		if s.end() != nil && q.err == nil {
			q.err = s.err
		}
		return f
	case some:
		return nacre.Filter{item}
	}
	return nil
}

// Values are the parameters that ParseEventsRead reads as p. Options.From and Options.Until, which bound
// stream positions, Among and Expected are not among them; [EncodeRead] has the first two.
func (p *ReadParams) Values() url.Values {
	q := url.Values{}
	if len(p.Filter) > 0 {
		q.Set("filter", string(AppendFilter(nil, p.Filter)))
	}
	if c := p.Cursor(); c != (Cursor{}) {
		q.Set("after", c.String())
	}
	if p.Options.Before > 0 {
		q.Set("before", strconv.FormatUint(uint64(p.Options.Before), 10))
	}
	if !p.FromDate.IsZero() {
		q.Set("fromDate", p.FromDate.UTC().Format(nacre.TimeFormat))
	}
	if !p.ToDate.IsZero() {
		q.Set("toDate", p.ToDate.UTC().Format(nacre.TimeFormat))
	}
	if p.EventID != "" {
		q.Set("eventId", p.EventID)
	}
	if p.TransactionID != "" {
		q.Set("transactionId", p.TransactionID)
	}
	if p.Where != "" {
		q.Set("where", p.Where)
	}
	if p.Options.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Options.Limit))
	}
	if p.Offset > 0 {
		q.Set("offset", strconv.Itoa(p.Offset))
	}
	if p.Options.Backwards {
		q.Set("direction", "backwards")
	}
	if p.Count {
		q.Set("includeCount", "true")
	}
	return q
}
