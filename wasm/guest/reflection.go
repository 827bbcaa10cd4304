//go:build !nacre_codecs

package guest

import "github.com/nacredb/nacre/wasm/guest/reflected"

// reflection makes the codecs of types that none was generated for. A build with the tag nacre_codecs has none of
// it: there, whatever generated the codecs saw to all types.
var reflection = reflected.Codec
