// What tests/*.test.mjs call: functions that take JSON, and give JSON, or "!" and what is wrong.
import { Context, Raw, read, Reader, toJSON, write, Writer } from "@nacredb/guest/assembly";
import { matches } from "@nacredb/guest/assembly/aggregate";

export { nacre_alloc as alloc } from "@nacredb/guest/assembly/exports";

const w: Writer = new Writer();

@json
class Thing {
  id: u32 = 0;
  @name("o\"dd type") kind: string = "";
  note: string | null = null;
  @optional sizes: i16[] = [7];
  @optional ratio: f64 = 0.5;
  @optional yes: bool = false;
  other: Thing | null = null;
  @optional inner: Map<string, Thing | null> = new Map<string, Thing | null>();
  @optional raw: Raw = new Raw();
  static ignored: i32 = 0;
}

@json
class Nothing {}

@json
class Numbers {
  @optional a: i8 = 0;
  @optional b: u8 = 0;
  @optional c: i32 = 0;
  @optional d: u32 = 0;
  @optional e: i64 = 0;
  @optional f: u64 = 0;
  @optional g: f64 = 0;
  @optional h: f32 = 0;
}

function again<T>(at: usize, length: usize, strict: bool): u64 {
  const r = new Reader(at, length);
  r.strict = strict;
  const value = read<T>(r);
  r.finish();
  w.clear();
  if (r.error != null) w.text("!" + r.message);
  else {
    write<T>(w, value);
    const fault = w.fault;
    if (fault != null) {
      w.clear();
      w.text("!" + fault);
    }
  }
  return ((<u64>w.place) << 32) | <u64>w.length;
}

export function raw(at: usize, length: usize): u64 {
  return again<Raw>(at, length, false);
}

export function text(at: usize, length: usize): u64 {
  return again<string>(at, length, false);
}

export function texts(at: usize, length: usize): u64 {
  return again<Map<string, (string | null)[]>>(at, length, false);
}

export function thing(at: usize, length: usize): u64 {
  return again<Thing>(at, length, false);
}

export function strictThing(at: usize, length: usize): u64 {
  return again<Thing>(at, length, true);
}

export function nothing(at: usize, length: usize): u64 {
  return again<Nothing>(at, length, true);
}

export function numbers(at: usize, length: usize): u64 {
  return again<Numbers>(at, length, true);
}

export function floats(at: usize, length: usize): u64 {
  return again<f64[]>(at, length, true);
}

export function depth(at: usize, length: usize): u64 {
  return again<i32[][][]>(at, length, true);
}

/** Whether the pattern takes the type, both in an array. */
export function pattern(at: usize, length: usize): u64 {
  const both = read<string[]>(new Reader(at, length));
  w.clear();
  w.raw(toJSON<bool>(matches(both[0], both[1])));
  return ((<u64>w.place) << 32) | <u64>w.length;
}

/** A text that AssemblyScript can have, and JSON cannot. */
export function half(): u64 {
  w.clear();
  w.text("a\u{1f600}".substring(0, 2));
  const fault = w.fault;
  w.clear();
  w.text(fault == null ? "no fault" : "!" + fault);
  return ((<u64>w.place) << 32) | <u64>w.length;
}

/** A number that has no JSON. */
export function infinite(): u64 {
  w.clear();
  write<f64>(w, 1 / 0.0);
  const fault = w.fault;
  w.clear();
  w.text(fault == null ? "no fault" : "!" + fault);
  return ((<u64>w.place) << 32) | <u64>w.length;
}

/** The milliseconds of a context's time, and its metadata as numbers, both read from a context. */
export function context(at: usize, length: usize): u64 {
  const c = new Context();
  c.__nacre_read(new Reader(at, length));
  w.clear();
  w.beginArray();
  w.integer<i64>(c.unixMillis);
  write<Numbers>(w, c.metadata<Numbers>());
  write<string | null>(w, c.error);
  w.endArray();
  return ((<u64>w.place) << 32) | <u64>w.length;
}
