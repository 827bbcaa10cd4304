// Wasm is the counter as a WebAssembly module.
//
//	nacre wasm build ./examples/counter/wasm -o counter.wasm
package main

import (
	"github.com/nacredb/nacre/examples/counter/model"
	"github.com/nacredb/nacre/wasm/guest"
)

func init() { guest.Serve(model.Counter, nil) }

func main() {}
