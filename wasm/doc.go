// Package wasm runs aggregates that were compiled to WebAssembly, in sandboxes, as spec/wasm-abi.md says.
//
// A program has one [Engine]; [Engine.Compile] makes a [Module] of a binary, and [Module.Decider] gives it as a
// decider, for package aggregate:
//
//	m, err := engine.Compile(ctx, binary, nil)
//	accounts := aggregate.New(store, m.Decider(), &aggregate.Options{Codec: m.CodecOptions()})
//
// Repositories, buses and process managers do not know the difference. [Module.RunCases] runs tests of a module, its
// own [Module.Tests] among them, and [Module.RunVectors] compares it with vectors.
//
// Components that were built for Thalo run unmodified, published under a name: [Engine.CompileAs]. Their states are
// inside, and cannot be had.
//
// Guarantees:
//
//  1. A guest sees its memory, its request, and nothing else: no clock, randomness, file, network or environment.
//     The same request gets the same reply, whatever machine and instance it comes to.
//  2. A call ends: by itself, or when it has run, or waited, for longer than [Limits] say, or is nested too deep. What
//     a guest replies is read strictly; what is wrong with it is the error of that call.
//  3. A call that goes wrong fails one command, and drops the instance that it ran in. Other instances, of the same
//     module too, do not notice.
//  4. Modules that run for long do not starve others: a call that was slow once runs in turns with all other slow
//     ones, one at a time, and rests three times as long as it ran while quick ones are going on.
//  5. A [State] is a value: it stands for the same events for ever, whatever becomes of the instances that knew it.
//
// Instances belong to their module, a bounded number of them, and to one call at a time. They are made when they are
// needed and leave when nobody asked for one in a while, or when another module needs the memory. Where an instance still
// has a state decoded, the call that needs it goes there, and the state does not cross over; that is a cache, and
// whatever a guest forgets it is given again. Engine, Module and State may be used from many goroutines; what was
// given out is not changed. Whoever makes an engine closes it.
//
// Errors: a [*DomainError] is the guest's refusal of a command. A [*CallError] is a call that failed by the module's
// fault, with [CodeTrapped], [CodeMemory], [CodeDepth], [CodeReply], [CodeFailed] or nacre.CodeDeadline, and has what
// the guest logged, for operators. [CodeRefused] is a binary that is not run, and
// [CodeNoState] the answer of a component that is asked for a state. Limits are in [Limits] and
// [EngineOptions].
//
// What this package does not do: it does not publish modules or keep their versions (package wasm/modules does), and it
// is not where guests are written (package wasm/guest is, for Go).
package wasm
