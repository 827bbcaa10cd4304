// Package guest serves a decider from inside WebAssembly: the Go side of spec/wasm-abi.md.
//
// A module is a main package that calls [Serve] in an init function:
//
//	func init() { guest.Serve(bank.Accounts, nil) }
//
//	func main() {}
//
// "nacre wasm build" compiles it, with codecs that it generates from the decider's tables. Without it,
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o account.wasm .
//
// makes the same module, larger and several times slower, as it reads and writes JSON by reflection. On other
// platforms Serve only remembers the decider, so that the package builds and its tests run everywhere; [Served]
// gives it, and a [Module] answers requests as bytes.
//
// [Log] tells operators something. Everything else that a decision may know stands in its [decider.Context]: there
// is no clock, no randomness, no file and no network.
//
// Guarantees:
//
//  1. States, commands and events are encoded and decoded as package codec does it: what a program with
//     package aggregate comes to with the same decider, the module comes to.
//  2. An error that Decide gives reaches the caller with a type and data, by rules that [DomainError] has.
//  3. A request that is refused keeps nothing and changes nothing.
//  4. States that the host names again are kept in memory, a bounded number of them. Evolve must not change
//     the state that it is given, as with every decider: kept states share what is in them.
//
// What is wrong with a declaration makes Serve panic, as it can never work. A panic of Decide or Evolve ends the
// module's instance, and the host fails the command. Serve is called once; a Module is not for several goroutines
// at once.
//
// What this package does not do: it imports nothing but the standard library and package decider.
package guest
