package wire

import "github.com/nacredb/nacre"

// TaggedStream is the stream that events of DeltaBase's form without streams go to, as there.
const TaggedStream nacre.StreamID = "__dcb__"

// DecodeOptions: nil takes requests as they are.
type DecodeOptions struct {
	// MaxEvents is the most events (and appends) that a request may have; more are TOO_LARGE. It bounds the memory
	// that a small body can ask for. Default 1,000.
	MaxEvents int
	// Import lets events bring createdAt and transactionId, for [nacre.Store.Import].
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

// DecodeAppend reads the body of a POST to one stream:
//
//	{"events":[…], "expectedStreamVersion"?: …, "options"?: {"expectedStreamVersion"?: …}}
//
// An expected version is a number from -1, the same as text, "any", "no_stream" or "stream_exists".
func DecodeAppend(body []byte, stream nacre.StreamID, o *DecodeOptions) (AppendRequest, error) {
	panic("later")
}

// DecodeCommit reads the body of a POST to all streams, in any of the three forms.
func DecodeCommit(body []byte, o *DecodeOptions) (AppendRequest, error) { panic("later") }

// Locate gives an error of the store the path that its field has in the request: the store says
// "batch[1].events[2].type" where the request has "appends[1].events[2].type".
func (r *AppendRequest) Locate(err error) error { panic("later") }

// EncodeAppend appends the body that DecodeAppend reads. imported writes createdAt and transactionId too.
func EncodeAppend(dst []byte, a *nacre.Append, imported bool) []byte { panic("later") }

// EncodeCommit appends the body that DecodeCommit reads, with appends; c may be nil.
func EncodeCommit(dst []byte, batch []nacre.Append, c *nacre.Condition, imported bool) []byte {
	panic("later")
}

// EventID derives the id of the event with this index, from 0, in a request with an Idempotency-Key: 26 characters of
// Crockford's base32 out of SHA-256, the first of them beyond "7", so that it is never taken for a ULID.
func EventID(key string, index int) string { panic("later") }

// CheckIdempotencyKey refuses a key that is empty or longer than 256 bytes.
func CheckIdempotencyKey(key string) error { panic("later") }
