package nacre

import (
	"context"
	"iter"
	"time"
)

// Driver is what keeps a store's events: a directory, a database, a cluster, a server over the wire,
// memory. It is small; [Store] adds what drivers share and checks every argument before a driver sees
// it. storagetest certifies a driver. Extras are optional interfaces: [Companion], [LineReader],
// [EventFinder], [StreamLister], [Statistician], [BlobKeeper], [Backuper].
//
// All methods may be called from many goroutines. After Close they fail with CodeClosed.
type Driver interface {
	// Append commits the whole batch or nothing of it, and returns when it is durable. The batch is not
	// empty, names each stream once, and its events have been checked, their JSON compacted. An event
	// without an ID gets one from [NewID], which need not be looked up. An event with CreatedAt keeps
	// it. The driver sets StreamID and all that the store gives in the events that it returns. The batch is
	// the driver's own; what its events' bytes, tags and names are made of is not, and is not changed.
	//
	// The events of a batch are all of merge streams, with Parents that are not nil, or all of ordered ones. The
	// first event of a category decides which kind its streams are, for ever.
	//
	// In this order: ids that the stream holds are looked at first (all held, consecutive, in order,
	// with the same type, data and parents, as written: the first outcome, marked Duplicate; none held: go on;
	// anything else, also across the appends of a batch: *EventIDConflictError), then each category's kind
	// (*StreamKindError) and that each parent is in its child's stream, or before it in the same append
	// (*ParentError), then versions (*ConflictError), then the condition (*ConditionError). All of it is one step
	// with the commit: of first appends of both kinds at the same time, one kind wins.
	Append(ctx context.Context, batch []Append, c *Condition) ([]Appended, error)

	// Read yields in global order, or backwards, the acknowledged events that f selects, as of the call.
	// o is never nil. o.From and o.Until are set only where f is exactly one stream.
	Read(ctx context.Context, f Filter, o *ReadOptions) iter.Seq2[Event, error]

	// Head is the log's end, and the epoch that positions belong to.
	Head(ctx context.Context) (Head, error)

	// Wait returns when the log's end is behind after, or with the context's error. Where the log can be
	// cut or restored while the driver is open (a server's), it also returns once the epoch is not the
	// one that Head told last.
	Wait(ctx context.Context, after Position) error

	// Close finishes what was accepted and frees what the driver holds. A second Close does nothing.
	Close() error
}

// Head is a log's end.
type Head struct {
	// Position is the last durable event, which followers may go to.
	Position Position
	// Last is the last acknowledged event where that may be ahead of Position, with durabilities that
	// acknowledge before they sync; else it is Position or 0.
	Last Position
	// Epoch names the log's history; it changes when the log was cut or restored, and a cursor of
	// another epoch is worth nothing.
	Epoch string
}

// Append is the part of a batch that goes to one stream.
type Append struct {
	Stream   StreamID
	Expected ExpectedVersion
	Events   []Event
}

// Condition fails a batch when an event that FailIfEventsMatch selects stands behind After (a dynamic
// consistency boundary, see dcb.events).
type Condition struct {
	FailIfEventsMatch Filter
	After             Position
}

// Appended is what one append came to; its events are as stored.
type Appended struct {
	Version   int64 // of the stream, after the append's last event
	Events    []Event
	Duplicate bool // the stream held these ids: this is their first outcome, and nothing was written
}

// Position is the place of the last event.
func (a *Appended) Position() Position {
	if len(a.Events) == 0 {
		return 0
	}
	return a.Events[len(a.Events)-1].GlobalPosition
}

// ReadOptions say which part is read, and how; nil reads everything, forwards.
type ReadOptions struct {
	// After and Before bound the global positions, both exclusive; 0 is no bound.
	After, Before Position
	// From (inclusive) and Until (exclusive) bound the stream positions, where one stream is read; an
	// Until of 0 is no bound.
	From, Until int64
	// Limit is the most events to yield; 0 is no limit.
	Limit int
	// Backwards yields the newest first.
	Backwards bool
	// Borrowed yields events whose text and bytes are valid only until the next one is asked for; it
	// saves the copies. [Event.Clone] keeps one.
	Borrowed bool
}

// Companion is a driver with a companion log: same kind of driver, positions of its own. A nil System
// means that this one has none.
type Companion interface {
	System() Driver
}

// Line is an event's stored line: the body, then the stamp, without a line end. See spec/log-format.md.
type Line struct {
	Position Position
	Bytes    []byte // valid until the next line is asked for
}

// LineReader is a driver that gives the stored lines, their checksums verified, as Read gives events.
type LineReader interface {
	ReadLines(ctx context.Context, f Filter, o *ReadOptions) iter.Seq2[Line, error]
}

// EventFinder is a driver that finds an event by its stream and id at the cost of a look-up. Others have
// their streams read.
type EventFinder interface {
	// FindEvent gives the acknowledged event of the stream that bears the id, as of the call; false where
	// there is none. The event is the caller's to keep.
	FindEvent(ctx context.Context, stream StreamID, id string) (Event, bool, error)
}

// StreamInfo tells of a stream.
type StreamInfo struct {
	ID                   StreamID  `json:"streamId"`
	Version              int64     `json:"version"`
	FirstPosition        Position  `json:"firstPosition"`
	LastPosition         Position  `json:"lastPosition"`
	CreatedAt, UpdatedAt time.Time `json:"-"`
}

// StreamQuery selects streams; its zero value selects all.
type StreamQuery struct {
	Category string   // "" is every category
	Prefix   string   // of the stream's id
	After    StreamID // exclusive, in byte order: go on with the last id of the page before
	Limit    int      // 0 is no limit
}

// StreamLister is a driver that lists its streams in byte order of their ids.
type StreamLister interface {
	Streams(ctx context.Context, q StreamQuery) iter.Seq2[StreamInfo, error]
}

// Stats are a store's figures. Sizes are in bytes.
type Stats struct {
	Streams    int64     `json:"totalStreams"`
	Events     int64     `json:"totalEvents"`
	LogBytes   int64     `json:"logBytes"`
	IndexBytes int64     `json:"indexBytes"`
	Segments   int       `json:"segments"`
	Syncs      int64     `json:"syncs"` // since the store was opened
	Epoch      string    `json:"epoch"`
	Oldest     time.Time `json:"oldest,omitzero"` // when the first event was created
	Newest     time.Time `json:"newest,omitzero"` // when the last event was created
}

// Statistician is a driver that knows its figures.
type Statistician interface {
	Stats(ctx context.Context) (Stats, error)
}

// BlobKeeper is a driver that keeps blobs beside its log (snapshots, modules), by keys of 1 to 200
// characters of "a-z A-Z 0-9 . _ - /", without empty, "." or ".." parts between slashes. Put replaces
// atomically and durably; Get of an absent key has CodeNotFound, and of a damaged one CodeDamaged; Delete
// of an absent key does nothing; List is in no order. [Store.Blobs] checks keys before a driver sees them.
type BlobKeeper interface {
	PutBlob(ctx context.Context, key string, data []byte) error
	GetBlob(ctx context.Context, key string) ([]byte, error)
	DeleteBlob(ctx context.Context, key string) error
	ListBlobs(ctx context.Context, prefix string) iter.Seq2[string, error]
}

// Backuper is a driver that can be copied, while it is in use, into a directory that does not exist yet.
type Backuper interface {
	Backup(ctx context.Context, dir string) error
}
