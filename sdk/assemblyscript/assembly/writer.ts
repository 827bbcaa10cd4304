/**
 * Writes a JSON text from left to right, without white space, as UTF-8 in memory of its own.
 *
 * Commas come by themselves. A value that has no JSON does not stop the writer: `fault` tells of it in the end.
 */
export class Writer {
  /** The first value that has no JSON; null as long as there is none. */
  fault: string | null = null;

  private buffer: usize = 0;
  private capacity: usize = 0;
  private size: usize = 0;

  /** Begins anew. Memory beyond 1 MiB is given back. */
  clear(): void {
    this.fault = null;
    this.size = 0;
    if (this.capacity > 1 << 20) {
      heap.free(this.buffer);
      this.buffer = 0;
      this.capacity = 0;
    }
  }

  /** Where the text stands, until something is written again. */
  get place(): usize {
    return this.buffer;
  }

  /** How many bytes the text has. */
  get length(): usize {
    return this.size;
  }

  /** What was written. */
  toString(): string {
    return String.UTF8.decodeUnsafe(this.buffer, this.size);
  }

  /** Gives the memory back; the writer is not used any more. */
  free(): void {
    if (this.buffer) heap.free(this.buffer);
    this.buffer = 0;
    this.capacity = 0;
    this.size = 0;
  }

  private reserve(more: usize): void {
    if (this.size + more <= this.capacity) return;
    this.capacity = max<usize>(2 * this.capacity, max<usize>(this.size + more, 1024));
    this.buffer = this.buffer ? heap.realloc(this.buffer, this.capacity) : heap.alloc(this.capacity);
  }

  // @ts-ignore: decorator
  @inline
  private put(byte: u8): void {
    store<u8>(this.buffer + this.size++, byte);
  }

  /** Makes room for a value, and writes the comma in front of it. */
  private value(room: usize): void {
    this.reserve(room + 1);
    if (this.size == 0) return;
    // A comma belongs behind all that is not the beginning of an object, of an array, or of a member.
    const last = load<u8>(this.buffer + this.size - 1);
    if (last != 0x7b && last != 0x5b && last != 0x3a) this.put(0x2c);
  }

  beginObject(): void {
    this.value(1);
    this.put(0x7b);
  }

  endObject(): void {
    this.reserve(1);
    this.put(0x7d);
  }

  beginArray(): void {
    this.value(1);
    this.put(0x5b);
  }

  endArray(): void {
    this.reserve(1);
    this.put(0x5d);
  }

  /** Writes the name of a member, whose value comes next. */
  name(name: string): void {
    this.text(name);
    this.reserve(1);
    this.put(0x3a);
  }

  nil(): void {
    this.raw("null");
  }

  boolean(value: bool): void {
    this.raw(value ? "true" : "false");
  }

  integer<T extends number>(value: T): void {
    this.value(20);
    let size = <u64>value;
    if (isSigned<T>() && value < <T>0) {
      this.put(0x2d);
      size = 0 - <u64>value;
    }
    let digits: usize = 1;
    for (let rest = size / 10; rest > 0; rest /= 10) digits++;
    for (let i = digits; i > 0; i--) {
      store<u8>(this.buffer + this.size + i - 1, <u8>(0x30 + size % 10));
      size /= 10;
    }
    this.size += digits;
  }

  float<T extends number>(value: T): void {
    if (!isFinite(value)) {
      this.fail("a number that is infinite, or none, has no JSON");
      return this.nil();
    }
    // The standard library leaves out the sign of zero.
    this.raw(value == <T>0 && <f64>1 / <f64>value < 0 ? "-0" : value.toString());
  }

  /** Says that a value has no JSON. */
  fail(fault: string): void {
    if (this.fault == null) this.fault = fault;
  }

  /** Writes a text. */
  text(text: string): void {
    const length = text.length;
    this.value(<usize>length * 6 + 2);
    this.put(0x22);
    for (let i = 0; i < length; i++) {
      let point = <u32>load<u16>(changetype<usize>(text) + (<usize>i << 1));
      if (point < 0x80) {
        if (point >= 0x20 && point != 0x22 && point != 0x5c) this.put(<u8>point);
        else this.escape(<u8>point);
        continue;
      }
      if (point < 0x800) {
        this.put(<u8>(0xc0 | (point >> 6)));
        this.put(<u8>(0x80 | (point & 0x3f)));
        continue;
      }
      if ((point & 0xf800) == 0xd800) {
        const low = i + 1 < length ? <u32>load<u16>(changetype<usize>(text) + (<usize>(i + 1) << 1)) : 0;
        if (point >= 0xdc00 || (low & 0xfc00) != 0xdc00) {
          this.fail("a text with half of a surrogate pair has no JSON");
          continue;
        }
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        i++;
        this.put(<u8>(0xf0 | (point >> 18)));
        this.put(<u8>(0x80 | ((point >> 12) & 0x3f)));
      } else {
        this.put(<u8>(0xe0 | (point >> 12)));
      }
      this.put(<u8>(0x80 | ((point >> 6) & 0x3f)));
      this.put(<u8>(0x80 | (point & 0x3f)));
    }
    this.put(0x22);
  }

  private escape(byte: u8): void {
    this.put(0x5c);
    if (byte == 0x22 || byte == 0x5c) this.put(byte);
    else if (byte == 0x0a) this.put(0x6e);
    else if (byte == 0x0d) this.put(0x72);
    else if (byte == 0x09) this.put(0x74);
    else if (byte == 0x08) this.put(0x62);
    else if (byte == 0x0c) this.put(0x66);
    else {
      this.put(0x75);
      this.put(0x30);
      this.put(0x30);
      this.put(0x30 + (byte >> 4));
      const low: u8 = byte & 15;
      this.put(low < 10 ? 0x30 + low : 0x57 + low);
    }
  }

  /** Writes a value that is JSON already. */
  raw(json: string): void {
    const room = <usize>String.UTF8.byteLength(json);
    this.value(room);
    this.size += String.UTF8.encodeUnsafe(changetype<usize>(json), json.length, this.buffer + this.size);
  }
}
