// Package meter puts code into a WebAssembly module that measures its running time and its depth of calls, so that a
// host can stop, slow down or bound it.
//
// [Instrument] does it all. The module that it gives imports two functions more, [TickName] and [DeepName] of the module
// [ModuleName]: the host is called back after a number of units that it chooses, a unit being about an instruction, and
// where the functions that are being called take too much. It may look at the clock, wait, or end the call by a panic.
//
// Guarantees:
//
//  1. Between two ticks at most as much is run as was allowed, up to the length of one function and a constant factor:
//     instructions take different times, and one may take as long as a load from far memory. That holds for every
//     module, also for one that was made to deceive.
//  2. The frames of the functions that are being called, which is their parameters, locals and operands, and 16 bytes
//     for each, are together at most Options.Depth when a call is made, and what is not counted above is
//     at most 4 KiB and one Options.Frame. What a compiler makes of a frame may be larger.
//  3. What a module computes stays the same. The code that is added cannot be reached, changed or found by the module: it uses two
//     globals that are not exported, and indexes that do not exist in the module as it was are refused.
//  4. The result depends on the binary and the options alone.
//  5. No binary makes it panic. Time and memory are proportional to the length of the binary, and every count in the
//     result is that of something that is there, so that who reads it may believe counts.
//
// # Method
//
// The fuel is a global of 64 bits. Code is divided into regions, each of which pays for its instructions at its beginning:
// a region begins with a function, with a loop that is branched back to, and, where one has become long, behind the
// end of a block. A place to which is jumped from an earlier region begins a region as well, so that nobody runs
// what was not paid for; what is jumped over within a region is paid for and not run. Where functions and loops begin, and
// at no other place, the host is asked for more if the fuel is negative: a place where code may be left is dear, as what
// lives there has to be in memory, and paying alone is cheap. Functions that are short, have no loops and call only such
// functions pay nothing: whoever calls them pays for them. A function that does little before and behind its first loop
// leaves it to the loop. Operations on lengths (memory.copy, memory.grow, table.fill and so on) pay for the length before
// they begin.
//
// What is left of the depth is a second global. A function takes its frame off when it begins, and gives it back where it
// ends: its body becomes a block, and return a jump to the end of it. Functions which call nothing through tables, do not come
// back to themselves and take 4 KiB at most with all that they call, leave that out. After a trap the global is
// not what it should be: an instance that has trapped is not used again.
//
// The imports are put behind the imported functions, so the indexes of all other functions move by two: in calls,
// references, element segments, exports, the start and the names. Custom sections other than names are left out, as most
// of them tell offsets that are no longer right.
//
// # What is refused
//
// The format is that of WebAssembly Core 2.0 (https://www.w3.org/TR/2022/WD-wasm-core-2-20220419/, chapter 5). Shared
// memories and atomic operations, exceptions, tail calls, several or 64-bit memories, garbage collection, typed function
// references, relaxed vector instructions and components are refused, with what to build without; so is what is beyond the
// limits of [Options], and a module that imports [ModuleName] itself. The errors are *[Error]. One of the limits is on how long
// the module is estimated to take to be compiled: no compiler of ours can be interrupted.
//
// Types of operands are not checked: who compiles the module does that, and a module that is not valid stays so. What the imports
// and exports are good for is left to the host, see [Info].
//
// Calls of Instrument are independent, and may be made at once.
package meter
