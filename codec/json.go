package codec

import (
	stdjson "encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/go-json-experiment/json/jsontext"
)

// Struct tags mean what they mean in encoding/json, so that a model encodes the same here, by
// nacre.NewEvent and in a WebAssembly guest. Duplicate names and invalid UTF-8 are refused, and names match
// exactly.
var (
	encoding = json.JoinOptions(jsonv1.DefaultOptionsV1(), jsontext.EscapeForHTML(false), jsontext.EscapeForJS(false),
		jsontext.AllowInvalidUTF8(false), json.WithMarshalers(json.MarshalToFunc(writeNumber)))
	decoding = json.JoinOptions(jsonv1.DefaultOptionsV1(), json.MatchCaseInsensitiveNames(false),
		jsontext.AllowDuplicateNames(false), jsontext.AllowInvalidUTF8(false), json.WithUnmarshalers(readNumber))
	strict = json.JoinOptions(decoding, json.RejectUnknownMembers(true))
)

// writeNumber writes an encoding/json.Number, which the library takes for a text. An empty one is 0, as there.
func writeNumber(e *jsontext.Encoder, n stdjson.Number) error {
	if n == "" {
		n = "0"
	}
	text := jsontext.Value(n)
	if text.Kind() != '0' || !text.IsValid() {
		return fmt.Errorf("%q is no number", string(n))
	}
	return e.WriteValue(text)
}

var readNumber = json.UnmarshalFromFunc(func(d *jsontext.Decoder, n *stdjson.Number) error {
	if d.PeekKind() == 'n' { // null leaves what is there
		_, err := d.ReadToken()
		return err
	}
	text, err := d.ReadValue()
	if err == nil && text.Kind() != '0' {
		return fmt.Errorf("%s is no number", text)
	}
	*n = stdjson.Number(text)
	return err
})

// exact decodes numbers in an any as they are written, where decoding would make floats of them.
var exact = json.JoinOptions(decoding, json.WithUnmarshalers(json.JoinUnmarshalers(readNumber,
	json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *any) error {
		if d.PeekKind() != '0' {
			return errors.ErrUnsupported
		}
		text, err := d.ReadValue()
		*v = stdjson.Number(text)
		return err
	}))))

// Marshal encodes as events are encoded: what states, commands and snapshots use as well.
func Marshal(v any) ([]byte, error) { return json.Marshal(v, encoding) }

// Unmarshal decodes as events are decoded, into a pointer.
func Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v, decoding) }

func unmarshal(data []byte, v any, rejectUnknown bool) error {
	if rejectUnknown {
		return json.Unmarshal(data, v, strict)
	}
	return json.Unmarshal(data, v, decoding)
}
