import { Reader } from "./reader";
import { Writer } from "./writer";

/** A JSON value as it is written. Where it is read, it was checked; whoever makes one answers for it. */
export class Raw {
  constructor(public json: string = "null") {}

  __nacre_read(r: Reader): void {
    this.json = r.raw();
  }

  __nacre_write(w: Writer): void {
    w.raw(this.json);
  }
}

/**
 * Reads a value: a truth value, a number, a text, a class that is marked `@json`, an array or a map of those, or one of
 * them or null.
 */
export function read<T>(r: Reader): T {
  if (isBoolean<T>()) return <T>r.boolean();
  else if (isInteger<T>()) return <T>r.integer<T>();
  else if (isFloat<T>()) return <T>r.float<T>();
  else if (isNullable<T>()) {
    if (r.nil()) return changetype<T>(0);
    return changetype<T>(read<nonnull<T>>(r));
  } else if (isString<T>()) return changetype<T>(r.text());
  else {
    const value = instantiate<T>();
    if (isArray<T>()) {
      if (!r.array()) return value;
      while (r.item()) {
        // @ts-ignore: an array
        value.push(read<valueof<T>>(r));
        // @ts-ignore: an array
        if (r.error != null) r.within((value.length - 1).toString());
      }
      return value;
    } else if (value instanceof Map) {
      // @ts-ignore: a map
      readMap(r, value);
      return value;
    } else {
      // @ts-ignore: a class with a codec
      if (isDefined(value.__nacre_read)) value.__nacre_read(r);
      else ERROR("this class is not marked @json");
      return value;
    }
  }
}

function readMap<V>(r: Reader, map: Map<string, V>): void {
  if (!r.object()) return;
  while (r.member()) {
    const name = r.memberText;
    if (map.has(name)) return r.fail('the member "' + name + '" is there twice');
    const value = read<V>(r);
    if (r.error != null) {
      r.within(name);
      return;
    }
    map.set(name, value);
  }
}

/** Writes a value of the kinds that `read` reads. The members of a map come in the order in which they were set. */
export function write<T>(w: Writer, value: T): void {
  if (isBoolean<T>()) w.boolean(<bool>value);
  else if (isInteger<T>()) w.integer<T>(value);
  else if (isFloat<T>()) w.float<T>(value);
  else if (isNullable<T>()) {
    if (changetype<usize>(value) == 0) w.nil();
    else write<nonnull<T>>(w, changetype<nonnull<T>>(value));
  } else if (isString<T>()) w.text(changetype<string>(value));
  else if (isArray<T>()) {
    w.beginArray();
    // @ts-ignore: an array
    for (let i = 0; i < value.length; i++) write<valueof<T>>(w, value[i]);
    w.endArray();
  } else if (value instanceof Map) {
    // @ts-ignore: a map
    writeMap(w, value);
  } else {
    // @ts-ignore: a class with a codec
    if (isDefined(value.__nacre_write)) value.__nacre_write(w);
    else ERROR("this class is not marked @json");
  }
}

function writeMap<V>(w: Writer, map: Map<string, V>): void {
  const names = map.keys();
  w.beginObject();
  for (let i = 0; i < names.length; i++) {
    w.name(names[i]);
    write<V>(w, map.get(names[i]));
  }
  w.endObject();
}

/** The JSON of a value. What has none is null. */
export function toJSON<T>(value: T): string {
  const w = new Writer();
  write<T>(w, value);
  const text = w.fault == null ? w.toString() : "null";
  w.free();
  return text;
}
