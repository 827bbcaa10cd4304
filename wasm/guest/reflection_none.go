//go:build nacre_codecs

package guest

import (
	"reflect"

	"github.com/nacredb/nacre/wasm/guest/jsontext"
)

var reflection func(reflect.Type) *jsontext.Codec
