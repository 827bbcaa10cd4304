import { decimal } from "./decimal";

/** How deep objects and arrays may stand in one another where they are read into values. */
const MAX_DEPTH: i32 = 128;

/** What is open where a value is passed over: the bytes that end it, the innermost one last. */
let open: StaticArray<u8> = new StaticArray<u8>(64);

/** The units of a text that is written with escapes. */
let units: StaticArray<u16> = new StaticArray<u16>(256);

/**
 * Reads a JSON text from left to right, strictly: no trailing commas, no halves of surrogate pairs, numbers whole and
 * in range.
 *
 * AssemblyScript catches no exceptions, so a reader remembers its first error: what it gives from there on means
 * nothing, and objects and arrays end at once. `error` is to be looked at in the end.
 *
 * Objects are read by `object`, then, while `member` says that there is one, `is` and the value. Generated code does
 * all of that; see the transform.
 */
export class Reader {
  /** What is wrong with the text; null as long as nothing is. `message` says in which member, too. */
  error: string | null = null;
  /** Whether members that nobody knows are refused; otherwise they are passed over. */
  strict: bool = false;

  private path: string = "";
  private at: usize;
  private end: usize;
  private depth: i32 = 0;
  /** Whether nothing of the innermost object or array was read yet. */
  private fresh: bool = false;
  private nameAt: usize = 0;
  private nameEnd: usize = 0;
  /** The member's name where it is not written in plain ASCII. */
  private name: string | null = null;

  /** A reader of the UTF-8 that stands there, which stays as long as it is read. */
  constructor(at: usize, length: usize) {
    this.at = at;
    this.end = at + length;
  }

  /** Another text for the same reader. */
  begin(at: usize, length: usize): void {
    this.error = null;
    this.path = "";
    this.strict = false;
    this.at = at;
    this.end = at + length;
    this.depth = 0;
    this.fresh = false;
  }

  /** Remembers an error, unless there is one already. */
  fail(what: string): void {
    if (this.error == null) this.error = what;
    this.at = this.end;
  }

  /** Says in which member the error is, if there is one; gives whether there is. */
  within(name: string): bool {
    if (this.error == null) return false;
    this.path = this.path == "" ? name : name + "." + this.path;
    return true;
  }

  /** The error for people. */
  get message(): string {
    const error = this.error;
    if (error == null) return "";
    return this.path == "" ? error : this.path + ": " + error;
  }

  /** The byte that the next value begins with; 0 at the end. */
  peek(): u8 {
    while (this.at < this.end) {
      const byte = load<u8>(this.at);
      if (byte != 0x20 && byte != 0x0a && byte != 0x0d && byte != 0x09) return byte;
      this.at++;
    }
    return 0;
  }

  // @ts-ignore: decorator
  @inline
  private byte(): u8 {
    return this.at < this.end ? load<u8>(this.at) : 0;
  }

  private take(byte: u8): bool {
    if (this.peek() != byte || this.at == this.end) return false;
    this.at++;
    return true;
  }

  private unexpected(wanted: string): void {
    let found = "what is no JSON";
    const byte = this.peek();
    if (this.at == this.end) found = "the end";
    else if (byte == 0x7b) found = "an object";
    else if (byte == 0x5b) found = "an array";
    else if (byte == 0x22) found = "a text";
    else if (byte == 0x74 || byte == 0x66) found = "a truth value";
    else if (byte == 0x6e) found = "null";
    else if (byte == 0x2d || (byte >= 0x30 && byte <= 0x39)) found = "a number";
    this.fail("wanted " + wanted + ", found " + found);
  }

  /** Fails unless the text ends here. */
  finish(): void {
    if (this.error != null) return;
    this.peek();
    if (this.at != this.end) this.fail("there is more behind the value");
  }

  /** Begins an object. */
  object(): bool {
    return this.enter(0x7b, "an object");
  }

  /** Begins an array. */
  array(): bool {
    return this.enter(0x5b, "an array");
  }

  private enter(byte: u8, wanted: string): bool {
    if (!this.take(byte)) {
      this.unexpected(wanted);
      return false;
    }
    if (++this.depth > MAX_DEPTH) {
      this.fail("deeper than " + MAX_DEPTH.toString() + " objects and arrays");
      return false;
    }
    this.fresh = true;
    return true;
  }

  /** Whether the array has another item, which is to be read then. */
  item(): bool {
    if (this.error != null) return false;
    if (this.take(0x5d)) {
      this.depth--;
      this.fresh = false;
      return false;
    }
    if (!this.fresh && !this.take(0x2c)) {
      this.fail("wanted , or ]");
      return false;
    }
    this.fresh = false;
    if (this.peek() == 0x5d) {
      this.unexpected("an item");
      return false;
    }
    return true;
  }

  /** Whether the object has another member, whose value is to be read then. */
  member(): bool {
    if (this.error != null) return false;
    if (this.take(0x7d)) {
      this.depth--;
      this.fresh = false;
      return false;
    }
    if (!this.fresh && !this.take(0x2c)) {
      this.fail("wanted , or }");
      return false;
    }
    this.fresh = false;
    return this.memberName();
  }

  private memberName(): bool {
    if (this.peek() != 0x22) {
      this.unexpected("a member's name");
      return false;
    }
    this.passName();
    return this.colon();
  }

  private passName(): void {
    this.nameAt = this.at + 1;
    const plain = this.passText();
    this.nameEnd = this.at - 1;
    this.name = null;
    if (!plain && this.error == null) {
      this.at = this.nameAt - 1;
      this.name = this.text();
    }
  }

  private colon(): bool {
    if (this.error != null) return false;
    if (this.take(0x3a)) return true;
    this.fail("wanted : behind a member's name");
    return false;
  }

  /** Whether the member has this name. */
  is(name: string): bool {
    const other = this.name;
    if (other != null) return other == name;
    return sameText(this.nameAt, this.nameEnd, name);
  }

  /** Reads a text, which `is` and `memberText` are then about, as if it were a member's name. */
  choice(): void {
    if (this.peek() != 0x22) return this.unexpected("a text");
    this.passName();
  }

  /** The member's name. */
  get memberText(): string {
    const name = this.name;
    if (name != null) return name;
    return String.UTF8.decodeUnsafe(this.nameAt, this.nameEnd - this.nameAt);
  }

  /** Takes the value of a member that nobody knows: passes over it, or refuses it. */
  unknown(): void {
    if (this.strict) this.fail('the member "' + this.memberText + '" is not known');
    else this.skip();
  }

  /** Remembers in a mask that a member was there, and refuses it where it is there twice. */
  once(seen: u64, index: i32): u64 {
    const bit: u64 = 1 << <u64>index;
    if (seen & bit) this.fail('the member "' + this.memberText + '" is there twice');
    return seen | bit;
  }

  /** Fails where a member is missing, the names being in the order of the mask. */
  need(seen: u64, wanted: u64, names: string): void {
    if (this.error != null || (seen & wanted) == wanted) return;
    const all = names.split(",");
    for (let i = 0; i < all.length; i++) {
      const bit: u64 = 1 << <u64>i;
      if (wanted & bit & ~seen) return this.fail('the member "' + all[i] + '" is missing');
    }
  }

  private word(word: string, wanted: string): void {
    this.peek();
    const length = <usize>word.length;
    if (this.end - this.at < length || !sameText(this.at, this.at + length, word)) return this.unexpected(wanted);
    this.at += length;
  }

  /** Reads null, if it is that. */
  nil(): bool {
    if (this.peek() != 0x6e) return false;
    this.word("null", "null");
    return true;
  }

  /** Reads true or false. */
  boolean(): bool {
    const is = this.peek() == 0x74;
    this.word(is ? "true" : "false", "a truth value");
    return is;
  }

  /** Passes over a number; gives whether it is written as an integer. */
  private passNumber(): bool {
    this.at += <usize>(this.byte() == 0x2d);
    let whole = true;
    if (this.byte() == 0x30) this.at++;
    else if (!this.digits()) return this.noNumber();
    if (this.byte() == 0x2e) {
      whole = false;
      this.at++;
      if (!this.digits()) return this.noNumber();
    }
    if ((this.byte() | 0x20) == 0x65) {
      whole = false;
      this.at++;
      const sign = this.byte();
      this.at += <usize>(sign == 0x2b || sign == 0x2d);
      if (!this.digits()) return this.noNumber();
    }
    return whole;
  }

  private noNumber(): bool {
    this.fail("that is no number in JSON");
    return false;
  }

  private digits(): bool {
    const from = this.at;
    for (let byte = this.byte(); byte >= 0x30 && byte <= 0x39; byte = this.byte()) this.at++;
    return this.at > from;
  }

  private isNumber(): bool {
    const byte = this.peek();
    if (byte == 0x2d || (byte >= 0x30 && byte <= 0x39)) return true;
    this.unexpected("a number");
    return false;
  }

  /** Reads a number as it is written. */
  number(): string {
    if (!this.isNumber()) return "";
    const from = this.at;
    this.passNumber();
    return this.error == null ? String.UTF8.decodeUnsafe(from, this.at - from) : "";
  }

  /** Reads an integer, of a type of 8 to 64 bits. */
  integer<T extends number>(): T {
    if (!this.isNumber()) return <T>0;
    let at = this.at;
    const whole = this.passNumber();
    if (this.error != null) return <T>0;
    const negative = load<u8>(at) == 0x2d;
    const from = at;
    at += <usize>negative;
    let most: u64 = isSigned<T>() ? (<u64>1 << (8 * sizeof<T>() - 1)) - <u64>!negative : u64.MAX_VALUE >> (64 - 8 * sizeof<T>());
    if (!isSigned<T>() && negative) most = 0;
    let size: u64 = 0;
    let fits = whole && (isSigned<T>() || !negative);
    for (; fits && at < this.end && at < this.at; at++) {
      const digit = <u64>(load<u8>(at) - 0x30);
      fits = size <= (most - digit) / 10 && digit <= most;
      size = size * 10 + digit;
    }
    if (!fits) {
      this.fail(String.UTF8.decodeUnsafe(from, this.at - from) + " is no integer of " + (isSigned<T>() ? "i" : "u") + (8 * sizeof<T>()).toString());
      return <T>0;
    }
    return <T>(negative ? 0 - size : size);
  }

  /** Reads a number of floating point. */
  float<T extends number>(): T {
    if (!this.isNumber()) return <T>0;
    const from = this.at;
    this.passNumber();
    if (this.error != null) return <T>0;
    const value = decimal<T>(from, this.at);
    if (!isFinite(value)) this.fail(String.UTF8.decodeUnsafe(from, this.at - from) + " is too large");
    return value;
  }

  /** Passes over a text; gives whether it is plain ASCII without escapes. */
  private passText(): bool {
    let at = this.at + 1;
    const end = this.end;
    let others: u8 = 0;
    while (at < end) {
      const byte = load<u8>(at);
      if (byte == 0x22) {
        this.at = at + 1;
        return others < 0x80;
      }
      if (byte == 0x5c) {
        this.at = at;
        while (this.byte() != 0x22) {
          if (this.byte() == 0x5c) this.escape();
          else if (this.byte() >= 0x20) this.at++;
          else this.unended();
          if (this.error != null) return false;
        }
        this.at++;
        return false;
      }
      if (byte < 0x20) break;
      others |= byte;
      at++;
    }
    this.at = at;
    this.unended();
    return false;
  }

  private unended(): void {
    this.fail(this.at == this.end ? "a text does not end" : "a control character in a text");
  }

  /** Reads a text. */
  text(): string {
    if (this.peek() != 0x22) {
      this.unexpected("a text");
      return "";
    }
    const from = this.at + 1;
    const plain = this.passText();
    if (this.error != null) return "";
    const length = this.at - 1 - from;
    if (plain) {
      const text = changetype<string>(__new(length << 1, idof<string>()));
      for (let i: usize = 0; i < length; i++) store<u16>(changetype<usize>(text) + (i << 1), load<u8>(from + i));
      return text;
    }
    if (memoryFind(from, length, 0x5c) == length) return String.UTF8.decodeUnsafe(from, length);
    return this.unescaped(from);
  }

  /** Reads once more a text that was passed over, and has escapes. */
  private unescaped(from: usize): string {
    const last = this.at - 1;
    let count = 0;
    if (<usize>units.length < last - from) units = new StaticArray<u16>(<i32>(last - from));
    this.at = from;
    while (this.at < last) {
      const byte = load<u8>(this.at);
      if (byte == 0x5c) {
        const point = this.escape();
        if (point > 0xffff) units[count++] = <u16>(0xd7c0 + (point >> 10));
        units[count++] = <u16>(point > 0xffff ? 0xdc00 + (point & 0x3ff) : point);
        continue;
      }
      if (byte < 0x80) {
        units[count++] = byte;
        this.at++;
        continue;
      }
      const length: usize = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
      const part = String.UTF8.decodeUnsafe(this.at, min(length, last - this.at));
      for (let i = 0; i < part.length; i++) units[count++] = <u16>part.charCodeAt(i);
      this.at += length;
    }
    this.at = last + 1;
    return String.UTF16.decodeUnsafe(changetype<usize>(units), <usize>count << 1);
  }

  /** Reads an escape, as a code point. */
  private escape(): i32 {
    const letter = this.at + 1 < this.end ? load<u8>(this.at + 1) : 0;
    this.at += 2;
    if (letter == 0x22 || letter == 0x5c || letter == 0x2f) return letter;
    if (letter == 0x62) return 8;
    if (letter == 0x66) return 12;
    if (letter == 0x6e) return 10;
    if (letter == 0x72) return 13;
    if (letter == 0x74) return 9;
    if (letter != 0x75) {
      this.fail("an escape that JSON does not have");
      return 0;
    }
    const unit = this.hex();
    if ((unit & 0xf800) != 0xd800) return unit;
    if (unit < 0xdc00 && this.at + 1 < this.end && load<u16>(this.at) == 0x755c) {
      this.at += 2;
      const low = this.hex();
      if ((low & 0xfc00) == 0xdc00) return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    this.fail("half of a surrogate pair");
    return 0;
  }

  private hex(): i32 {
    let unit = 0;
    for (let i = 0; i < 4; i++) {
      const byte = this.byte();
      let digit = -1;
      if (byte >= 0x30 && byte <= 0x39) digit = byte - 0x30;
      else if ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66) digit = (byte | 0x20) - 0x57;
      if (digit < 0) {
        this.fail("an escape without four hexadecimal digits");
        return 0;
      }
      unit = (unit << 4) | digit;
      this.at++;
    }
    return unit;
  }

  /** Passes over a value, having checked that it is one. It may be of any depth. */
  skip(): void {
    let depth = 0;
    for (;;) {
      const byte = this.peek();
      if (byte == 0x7b || byte == 0x5b) {
        const closing: u8 = byte + 2;
        this.at++;
        if (!this.take(closing)) {
          if (depth == open.length) {
            const more = new StaticArray<u8>(2 * depth);
            memory.copy(changetype<usize>(more), changetype<usize>(open), <usize>depth);
            open = more;
          }
          open[depth++] = closing;
          if (closing == 0x7d) this.skipName();
          if (this.error != null) return;
          continue;
        }
      } else if (byte == 0x22) this.passText();
      else if (byte == 0x74) this.word("true", "a value");
      else if (byte == 0x66) this.word("false", "a value");
      else if (byte == 0x6e) this.word("null", "a value");
      else if (byte == 0x2d || (byte >= 0x30 && byte <= 0x39)) this.passNumber();
      else this.unexpected("a value");
      if (this.error != null) return;
      // A value has ended, and with it perhaps what it stands in.
      while (depth > 0 && this.take(open[depth - 1])) depth--;
      if (depth == 0) return;
      if (!this.take(0x2c)) return this.fail(open[depth - 1] == 0x7d ? "wanted , or }" : "wanted , or ]");
      if (open[depth - 1] == 0x7d) this.skipName();
      if (this.error != null) return;
    }
  }

  private skipName(): void {
    if (this.peek() != 0x22) return this.unexpected("a member's name");
    this.passText();
    this.colon();
  }

  /** Takes a value as it is written, having checked that it is one. It may be of any depth. */
  raw(): string {
    this.peek();
    const from = this.at;
    this.skip();
    return this.error == null ? String.UTF8.decodeUnsafe(from, this.at - from) : "null";
  }

  /** Reads an object without members that are known; null counts as one. */
  nothing(): void {
    if (this.nil() || !this.object()) return;
    while (this.member()) this.unknown();
  }

  /** Where the reader is, to read from there again. */
  get place(): usize {
    this.peek();
    return this.at;
  }

  set place(at: usize) {
    this.at = at;
    this.fresh = false;
  }
}

/** Whether the bytes are this text, which is ASCII. */
function sameText(at: usize, end: usize, text: string): bool {
  const length = <usize>text.length;
  if (end - at != length) return false;
  for (let i: usize = 0; i < length; i++) {
    if (<u16>load<u8>(at + i) != load<u16>(changetype<usize>(text) + (i << 1))) return false;
  }
  return true;
}

function memoryFind(at: usize, length: usize, byte: u8): usize {
  for (let i: usize = 0; i < length; i++) if (load<u8>(at + i) == byte) return i;
  return length;
}
