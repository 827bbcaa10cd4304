package wire

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// StreamsParams say which streams a request lists.
type StreamsParams struct {
	Query  nacre.StreamQuery // Limit is the page's, at least 1
	Stream nacre.StreamID    // this one only; "" is no bound
	Offset int
	Count  bool // asks how many there are without limit and offset
}

// ParseStreams reads the parameters of a GET …/streams: category, prefix, after, limit; and DeltaBase's
// streamType, streamIdPattern (a text and a "*" at its end), streamId, offset, includeCount, and what
// leaves the answer as it is: sortBy=streamId, sortDirection=asc, includeArchived, includeMetadata.
func ParseStreams(values url.Values) (StreamsParams, error) {
	q := newQuery(values)
	p := StreamsParams{Query: nacre.StreamQuery{Limit: DefaultLimit}}
	for _, name := range []string{"category", "streamType"} {
		category := q.text(name)
		if category == "" {
			continue
		}
		if p.Query.Category != "" && category != p.Query.Category {
			q.fail(name, "contradicts category: give one")
		}
		p.Query.Category = category
	}
	p.Query.Prefix = q.text("prefix")
	if pattern := q.text("streamIdPattern"); pattern != "" {
		prefix, wild := strings.CutSuffix(pattern, "*")
		if strings.Contains(prefix, "*") {
			q.unsupported("streamIdPattern", `%.80q has a "*" that is not its end: streams are listed by what they begin with`, pattern)
		}
		switch {
		case !wild:
			p.Stream = nacre.StreamID(pattern)
		case p.Query.Prefix != "" && p.Query.Prefix != prefix:
			q.fail("streamIdPattern", "contradicts prefix: give one")
		default:
			p.Query.Prefix = prefix
		}
	}
	if id := q.text("streamId"); id != "" {
		if p.Stream != "" && p.Stream != nacre.StreamID(id) {
			q.fail("streamId", "contradicts streamIdPattern: give one")
		}
		p.Stream = nacre.StreamID(id)
	}
	p.Query.After = nacre.StreamID(q.text("after"))
	if n, given := q.integer("limit", 1, MaxLimit); given {
		p.Query.Limit = int(n)
	}
	offset, _ := q.integer("offset", 0, math.MaxInt32)
	p.Offset, p.Count = int(offset), q.boolean("includeCount")
	if by := q.text("sortBy"); by != "" && by != "streamId" {
		q.unsupported("sortBy", "%.40q is not an order that streams are listed in: they come by streamId", by)
	}
	if q.backwards() {
		q.unsupported("sortDirection", "streams are listed in ascending order of their ids only")
	}
	q.boolean("includeArchived")
	q.boolean("includeMetadata")
	return p, q.done()
}

// Values are the parameters that ParseStreams reads as p.
func (p *StreamsParams) Values() url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("category", p.Query.Category)
	set("prefix", p.Query.Prefix)
	set("streamId", string(p.Stream))
	set("after", string(p.Query.After))
	if p.Query.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Query.Limit))
	}
	if p.Offset > 0 {
		q.Set("offset", strconv.Itoa(p.Offset))
	}
	if p.Count {
		q.Set("includeCount", "true")
	}
	return q
}

// StreamReply tells of a stream.
type StreamReply struct {
	StreamID       nacre.StreamID `json:"streamId"`
	StreamType     string         `json:"streamType"`
	Version        int64          `json:"version"`
	StreamPosition int64          `json:"streamPosition"`
	EventCount     int64          `json:"eventCount"`
	FirstPosition  nacre.Position `json:"firstPosition"`
	LastPosition   nacre.Position `json:"lastPosition"`
	IsArchived     bool           `json:"isArchived"`
	CreatedAt      time.Time      `json:"createdAt"`
	UpdatedAt      time.Time      `json:"updatedAt"`
}

// NewStreamReply gives what is known of a stream all its names.
func NewStreamReply(i nacre.StreamInfo) StreamReply {
	return StreamReply{
		StreamID: i.ID, StreamType: i.ID.Category(),
		Version: i.Version, StreamPosition: i.Version, EventCount: i.Version + 1,
		FirstPosition: i.FirstPosition, LastPosition: i.LastPosition,
		CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt,
	}
}

// Info is what NewStreamReply was given.
func (r *StreamReply) Info() nacre.StreamInfo {
	return nacre.StreamInfo{
		ID: r.StreamID, Version: r.Version, FirstPosition: r.FirstPosition, LastPosition: r.LastPosition,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// StreamsReply is a page of streams. NextCursor, the last stream's id, is what to give as after.
type StreamsReply struct {
	Streams    []StreamReply `json:"streams"`
	NextCursor string        `json:"nextCursor,omitzero"`
	HasMore    bool          `json:"hasMore"`
	Pagination Pagination    `json:"pagination"`
}

// HeadReply is a log's end.
type HeadReply struct {
	GlobalPosition nacre.Position `json:"globalPosition"`
	LastPosition   nacre.Position `json:"lastPosition"`
	Epoch          string         `json:"epoch"`
}

// NewHeadReply tells of a log's end.
func NewHeadReply(h nacre.Head) HeadReply { return HeadReply{h.Position, h.Last, h.Epoch} }

// Head is what NewHeadReply was given.
func (r HeadReply) Head() nacre.Head {
	return nacre.Head{Position: r.GlobalPosition, Last: r.LastPosition, Epoch: r.Epoch}
}
