// Package modules tests WebAssembly modules together with what stands around them: a command bus with native aggregates
// beside them, its middleware, process managers, and projections.
//
// It has tests only:
//
//  1. A process manager reacts to a module's events and sends commands to modules and to native aggregates. What a module
//     refuses comes to Rejected, with all that the module says; what is the module's fault is tried again, is a dead
//     letter in the end, and is executed once when a version that works has been published.
//  2. A projection reads a module's events as its own types.
//  3. Middleware sees commands of modules as all others.
//
// What this package does not do: it kills nothing, which package test/server does, and it builds no guest from sources, which
// package test/guests does.
package modules
