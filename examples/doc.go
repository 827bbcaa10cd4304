// Package examples has programs that show how Nacre is used, one a folder; start with quickstart, counter and albums. Folder live
// has a page that follows a query; folder todo a guide with requests in the place of a program. Models are in folders of their own
// (bank/model, todos/model), and the folders named wasm are the same models as WebAssembly modules, which "make wasm" builds.
//
// Guarantee: the test of this package gives a model the same random commands natively and in WebAssembly, and wants
// the same events, errors and states.
//
// What this package does not do: it has no code of its own.
package examples
