// Wasm is the lists of things to do as a WebAssembly module.
//
//	nacre wasm build ./examples/todos/wasm -o todos.wasm
package main

import (
	"github.com/nacredb/nacre/examples/todos/model"
	"github.com/nacredb/nacre/wasm/guest"
)

func init() { guest.Serve(model.Lists, nil) }

func main() {}
