// Module is the probe for WebAssembly. Its Serve is all there is; see package probe.
package main

import (
	"github.com/nacredb/nacre/wasm/guest"
	"github.com/nacredb/nacre/wasm/guest/probe"
)

func init() { guest.Serve(probe.Aggregate, &probe.Options) }

func main() {}
