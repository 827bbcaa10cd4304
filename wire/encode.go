package wire

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// encoding writes times as they stand in events' lines, and text that is not UTF-8 with U+FFFD.
var encoding = json.JoinOptions(
	jsontext.AllowInvalidUTF8(true),
	json.Deterministic(true),
	json.WithMarshalers(json.MarshalToFunc(func(e *jsontext.Encoder, t time.Time) error {
		return e.WriteValue(appendTime(nil, t))
	})),
)

// Encode is one of this package's replies as JSON, in one line.
func Encode(reply any) ([]byte, error) { return json.Marshal(reply, encoding) }

// Decode reads one of this package's replies, passing over members that are not known; for clients.
func Decode(body []byte, reply any) error {
	return json.Unmarshal(body, reply, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}
