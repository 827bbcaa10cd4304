import { Served } from "./aggregate";
import { Reader } from "./reader";
import { Writer } from "./writer";

let served: Served | null = null;
let request: usize = 0;
let capacity: usize = 0;
const reader: Reader = new Reader(0, 0);
const writer: Writer = new Writer();

/** Makes an aggregate that of the module. */
export function serve(aggregate: Served): void {
  served = aggregate;
}

export function nacre_abi(): i32 {
  return 1;
}

export function nacre_alloc(size: u32): usize {
  // A request's memory beyond 1 MiB is given back when a small one comes.
  if (<usize>size > capacity || (capacity > 1 << 20 && size < 1 << 18)) {
    if (request) heap.free(request);
    capacity = max<usize>(size, 1024);
    request = heap.alloc(capacity);
  }
  return request;
}

export function nacre_describe(): u64 {
  writer.clear();
  serving().describe(writer);
  return place();
}

export function nacre_decide(at: usize, length: u32): u64 {
  return answer(at, length, true);
}

export function nacre_evolve(at: usize, length: u32): u64 {
  return answer(at, length, false);
}

function serving(): Served {
  if (served == null) throw new Error("the module serves no aggregate: call serve()");
  return served!;
}

function answer(at: usize, length: u32, deciding: bool): u64 {
  writer.clear();
  reader.begin(at, length);
  serving().answer(reader, writer, deciding);
  return place();
}

function place(): u64 {
  return (<u64>writer.place << 32) | <u64>writer.length;
}
