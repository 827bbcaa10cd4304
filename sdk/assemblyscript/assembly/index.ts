/**
 * Aggregates of the Nacre event store in AssemblyScript, compiled to WebAssembly.
 *
 * States are classes that are marked `@json`; commands extend `Command`, and decide; events extend `Event`, and evolve.
 * The transform of this package, `@nacredb/guest/transform`, gives them what reads and writes JSON. `Aggregate` lists
 * them by name, `serve` makes it the module's, and the functions of `@nacredb/guest/assembly/exports` are what the
 * host calls. See the README.
 *
 * There is no clock, no randomness and no I/O: time is the context's, and what has to be random comes in the command.
 */
export { Aggregate, Served } from "./aggregate";
export { Context } from "./context";
export { serve } from "./exports";
export { Raw, read, toJSON, write } from "./json";
export { Level, Line, log } from "./log";
export { Command, Decision, Event } from "./model";
export { Reader } from "./reader";
export { Writer } from "./writer";
