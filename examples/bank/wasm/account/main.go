// Account is the bank's accounts as a WebAssembly module.
//
//	nacre wasm build ./examples/bank/wasm/account -o account.wasm
package main

import (
	"github.com/nacredb/nacre/examples/bank/model"
	"github.com/nacredb/nacre/wasm/guest"
)

func init() {
	guest.Serve(model.Accounts, &guest.Options{
		Commands: map[string]guest.About{
			"open":     {Description: "opens the account"},
			"deposit":  {Description: "puts cents in"},
			"withdraw": {Description: "takes cents out"},
			"close":    {Description: "closes the account, which has to be empty"},
			"send":     {Description: "takes cents out for a transfer"},
			"receive":  {Description: "puts a transfer's cents in"},
			"refund":   {Description: "puts back what was sent and could not be received"},
		},
	})
}

func main() {}
