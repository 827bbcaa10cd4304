// Transfer is the bank's transfers as a WebAssembly module.
//
//	nacre wasm build ./examples/bank/wasm/transfer -o transfer.wasm
package main

import (
	"github.com/nacredb/nacre/examples/bank/model"
	"github.com/nacredb/nacre/wasm/guest"
)

func init() { guest.Serve(model.Transfers, nil) }

func main() {}
