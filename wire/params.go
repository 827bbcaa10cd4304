package wire

import (
	"net/url"
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

	// Offset is how many selected events are passed over before the first.
	Offset int
	// Count asks how many events there are without limit and offset.
	Count bool
}

// Cursor is Options.After with its epoch.
func (p *ReadParams) Cursor() Cursor { return Cursor{p.Options.After, p.Epoch} }

// Selective tells whether there is more to apply than Filter and Options: then limit and offset count only
// events that Selects takes, and the reader must apply them.
func (p *ReadParams) Selective() bool { panic("later") }

// Selects applies what Filter cannot say.
func (p *ReadParams) Selects(e *nacre.Event) bool { panic("later") }

// SelectsLine is Selects for a stored line.
func (p *ReadParams) SelectsLine(line []byte) (bool, error) { panic("later") }

// PageLimit is the limit of a JSON page: DefaultLimit where none was given; more than MaxLimit is refused.
func (p *ReadParams) PageLimit() (int, error) { panic("later") }

// ParseStreamRead reads the parameters of a GET of one stream: from and to (inclusive), limit, direction, type and tag;
// DeltaBase's fromStreamPosition, toStreamPosition, maxCount, sortDirection, fromDate and so on. A parameter
// that is not known is refused by name, apart from apiKey.
func ParseStreamRead(q url.Values, stream nacre.StreamID) (ReadParams, error) { panic("later") }

// ParseEventsRead reads the parameters of a GET of all streams: type, category, streamId, tag, filter,
// after, before, fromDate, toDate, limit, direction; and DeltaBase's eventId, transactionId, fromPosition,
// toPosition, offset, sortBy, sortDirection, includeCount, includeArchived.
func ParseEventsRead(q url.Values) (ReadParams, error) { panic("later") }

// ParseFollow reads the parameters of a GET that follows the log, by SSE or WebSocket: the filter's, after,
// fromDate and toDate; lastEventID is the header's and counts before after.
func ParseFollow(q url.Values, lastEventID string) (ReadParams, error) { panic("later") }

// Values are the parameters that ParseEventsRead reads as p.
func (p *ReadParams) Values() url.Values { panic("later") }

// DecodeRead reads the body of a POST …/read: {"filter"?, "after"?, "before"?, "from"?, "until"?, "limit"?,
// "backwards"?, "epoch"?}, the fields of [nacre.ReadOptions] by their own names and meanings.
func DecodeRead(body []byte) (ReadParams, error) { panic("later") }

// EncodeRead appends the body that DecodeRead reads.
func EncodeRead(dst []byte, f nacre.Filter, o *nacre.ReadOptions) []byte { panic("later") }

// DecodeQuery reads the body of a POST …/query: {"query":{"items":[…]}, "after"?, "before"?, "limit"?, "direction"?}.
func DecodeQuery(body []byte) (ReadParams, error) { panic("later") }

// StreamsParams say which streams a request lists.
type StreamsParams struct {
	Query  nacre.StreamQuery // Limit is the page's, at least 1
	Stream nacre.StreamID    // this one only; "" is no bound
	Offset int
	Count  bool
}

// ParseStreams reads the parameters of a GET …/streams: category, prefix, after, limit; and DeltaBase's
// streamType, streamIdPattern, streamId, offset, sortBy, sortDirection, includeCount and so on.
func ParseStreams(q url.Values) (StreamsParams, error) { panic("later") }

// Values are the parameters that ParseStreams reads as p.
func (p *StreamsParams) Values() url.Values { panic("later") }
