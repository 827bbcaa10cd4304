// Package guests runs what the guest SDKs of other languages make: sdk/rust and sdk/assemblyscript.
//
// Their examples are built where the tool chain is there, and skipped by name where it is not. Each SDK's probe passes
// spec/vectors/wasm, its counter passes the cases beside it; both read JSON as codec does, agree with each other on
// random commands, event by event, and need no more memory after tens of thousands of calls than they have.
//
// NACRE_SEED repeats a run's random choices.
package guests
