package wire

import (
	"net/url"
	"time"

	"github.com/nacredb/nacre"
)

// StoreRequest is the body of a POST …/event-stores.
type StoreRequest struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitempty"`
	Region      string         `json:"region,omitempty"`
	Settings    *StoreSettings `json:"settings,omitempty"`
}

// StoreSettings are kept and told for DeltaBase's clients.
type StoreSettings struct {
	RetentionPeriodDays *int64 `json:"retentionPeriodDays,omitempty"`
	MaxStreamSizeBytes  *int64 `json:"maxStreamSizeBytes,omitempty"`
}

// DecodeStore reads a StoreRequest, and checks its name and lengths.
func DecodeStore(body []byte) (StoreRequest, error) { panic("later") }

// CheckStoreName refuses a name that is not 3 to 63 of a-z, 0-9, "_" and "-", beginning with a letter or digit.
func CheckStoreName(name string) error { panic("later") }

// StoreReply tells of a store, in all of DeltaBase's spellings. NewStoreReply fills them.
type StoreReply struct {
	ID                 string         `json:"id"`
	Name               string         `json:"name"`
	EventStoreID       string         `json:"eventStoreId"`
	EventStoreIDUpper  string         `json:"eventStoreID"`
	EventStoreName     string         `json:"eventStoreName"`
	StoreObjectID      string         `json:"eventStoreDurableObjectId"`
	StoreObjectIDUpper string         `json:"eventStoreDurableObjectID"`
	BusObjectID        string         `json:"eventBusDurableObjectId"`
	BusObjectIDUpper   string         `json:"eventBusDurableObjectID"`
	Description        string         `json:"description,omitempty"`
	Region             string         `json:"region,omitempty"`
	Settings           *StoreSettings `json:"settings,omitempty"`
	Status             string         `json:"status"`
	Created            time.Time      `json:"created"`
	CreatedAt          time.Time      `json:"createdAt"`
	UpdatedAt          time.Time      `json:"updatedAt"`
	Statistics         *Statistics    `json:"statistics,omitempty"`
}

// NewStoreReply tells of a store that was made as the request asked.
func NewStoreReply(r *StoreRequest, created time.Time) StoreReply { panic("later") }

// Statistics are a store's figures: ours, and DeltaBase's spellings of them.
type Statistics struct {
	nacre.Stats
	DatabaseSizeBytes    int64     `json:"databaseSizeBytes"`
	OldestEventTimestamp time.Time `json:"oldestEventTimestamp,omitzero"`
	NewestEventTimestamp time.Time `json:"newestEventTimestamp,omitzero"`
}

// NewStatistics gives a store's figures all their names.
func NewStatistics(s nacre.Stats) Statistics { panic("later") }

// StoresReply is a page of stores.
type StoresReply struct {
	EventStores []StoreReply `json:"eventStores"`
	TotalCount  int          `json:"totalCount"`
	Pagination  Pagination   `json:"pagination"`
}

// Pagination is DeltaBase's.
type Pagination struct {
	Limit   int    `json:"limit"`
	Offset  int    `json:"offset"`
	Total   *int64 `json:"total,omitempty"`
	HasMore bool   `json:"hasMore"`
}

// StoresParams say which stores a request lists.
type StoresParams struct {
	Limit, Offset int
	Filter        string // part of the name; "" is every store
}

// ParseStores reads the parameters of a GET …/event-stores: limit (50), offset and filter.
func ParseStores(q url.Values) (StoresParams, error) { panic("later") }

// DeletedReply answers a deletion.
type DeletedReply struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
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
func NewStreamReply(i nacre.StreamInfo) StreamReply { panic("later") }

// Info is what NewStreamReply was given.
func (r *StreamReply) Info() nacre.StreamInfo { panic("later") }

// StreamsReply is a page of streams. NextCursor, the last stream's id, is what to give as after.
type StreamsReply struct {
	Streams    []StreamReply `json:"streams"`
	NextCursor string        `json:"nextCursor,omitempty"`
	HasMore    bool          `json:"hasMore"`
	Pagination Pagination    `json:"pagination"`
}

// HeadReply is a log's end.
type HeadReply struct {
	GlobalPosition nacre.Position `json:"globalPosition"`
	LastPosition   nacre.Position `json:"lastPosition"`
	Epoch          string         `json:"epoch"`
}

// NewHeadReply and Head turn one into the other.
func NewHeadReply(h nacre.Head) HeadReply { return HeadReply{h.Position, h.Last, h.Epoch} }

// Head is what NewHeadReply was given.
func (r HeadReply) Head() nacre.Head {
	return nacre.Head{Position: r.GlobalPosition, Last: r.LastPosition, Epoch: r.Epoch}
}

// BlobsReply is a list of blobs' keys.
type BlobsReply struct {
	Keys []string `json:"keys"`
}

// Encode is any of this file's replies as JSON.
func Encode(reply any) ([]byte, error) { panic("later") }

// Decode reads a reply leniently, for clients.
func Decode(body []byte, reply any) error { panic("later") }
