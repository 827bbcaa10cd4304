import { Context } from "./context";
import { read, write } from "./json";
import { Cache, Kept } from "./kept";
import { Command, Decision, Event } from "./model";
import { Reader } from "./reader";
import { Writer } from "./writer";

/** What the module's exports ask. */
export abstract class Served {
  abstract describe(w: Writer): void;
  abstract answer(r: Reader, w: Writer, deciding: bool): void;
}

class CommandEntry<S> {
  constructor(
    public name: string,
    public description: string,
    public make: () => Command<S>,
  ) {}
}

class EventEntry<S> {
  constructor(
    public type: string,
    public schemaVersion: i32,
    public description: string,
    public id: u32,
    public make: () => Event<S>,
  ) {}
}

class Upcast<S> {
  constructor(
    public type: string,
    public schemaVersion: i32,
    public read: (data: Reader) => Event<S>,
  ) {}
}

/** Where the state of a request came from. */
enum Source {
  /** The request, or nowhere. */
  Given,
  /** What was kept, and is as it was. */
  Kept,
  /** What was kept, and has changed since. */
  Spent,
}

/**
 * An aggregate with states of the class S, which is marked `@json`; a new one is the state before the first event.
 *
 *     serve(new Aggregate<Counter>("counter")
 *       .command<Increment>("increment")
 *       .event<Incremented>("counter.incremented"));
 */
export class Aggregate<S> extends Served {
  private commands: CommandEntry<S>[] = [];
  private events: EventEntry<S>[] = [];
  private upcasts: Upcast<S>[] = [];
  private skips: string[] = [];
  private cache: Cache<S> = new Cache<S>();

  // What the request has come to. These are made once, as a request should leave little behind.
  private context: Context = new Context();
  private decision: Decision<S> = new Decision<S>();
  private data: Reader = new Reader(0, 0);
  private kept: Kept<S> | null = null;
  private source: Source = Source.Given;
  private number: u64 = 0;
  private failed: bool = false;
  private code: string = "";
  private message: string = "";

  /** The name is the category of the streams; the schema version is that of the state. */
  constructor(
    private name: string,
    private schemaVersion: i32 = 1,
  ) {
    super();
  }

  /** Adds a command. */
  command<T extends Command<S>>(name: string, description: string = ""): Aggregate<S> {
    this.commands.push(new CommandEntry<S>(name, description, (): Command<S> => instantiate<T>()));
    return this;
  }

  /** Adds an event, with the schema version that it is written with. */
  event<T extends Event<S>>(type: string, schemaVersion: i32 = 1, description: string = ""): Aggregate<S> {
    this.events.push(new EventEntry<S>(type, schemaVersion, description, idof<T>(), (): Event<S> => instantiate<T>()));
    return this;
  }

  /**
   * Adds how an older form is read: a schema version of a type, or all older ones where that is 0. The function makes the
   * event of today of the data.
   */
  upcast(type: string, schemaVersion: i32, read: (data: Reader) => Event<S>): Aggregate<S> {
    this.upcasts.push(new Upcast<S>(type, schemaVersion, read));
    return this;
  }

  /** Adds a pattern of types that are passed over; `*` stands for one or more characters. */
  skip(pattern: string): Aggregate<S> {
    this.skips.push(pattern);
    return this;
  }

  describe(w: Writer): void {
    w.beginObject();
    w.name("name");
    w.text(this.name);
    if (this.schemaVersion != 1) {
      w.name("schemaVersion");
      w.integer<i32>(this.schemaVersion);
    }
    w.name("commands");
    w.beginObject();
    for (let i = 0; i < this.commands.length; i++) {
      w.name(this.commands[i].name);
      describeEntry(w, 1, this.commands[i].description);
    }
    w.endObject();
    w.name("events");
    w.beginObject();
    for (let i = 0; i < this.events.length; i++) {
      w.name(this.events[i].type);
      describeEntry(w, this.events[i].schemaVersion, this.events[i].description);
    }
    w.endObject();
    const reads: string[] = [];
    const upcasts: string[] = [];
    for (let i = 0; i < this.upcasts.length; i++) {
      const type = this.upcasts[i].type;
      const version = this.upcasts[i].schemaVersion;
      if (this.written(type) == null && !reads.includes(type)) reads.push(type);
      upcasts.push(version == 0 ? type : type + "@" + version.toString());
    }
    describeList(w, "reads", reads);
    describeList(w, "upcasts", upcasts);
    describeList(w, "skip", this.skips);
    w.name("sdk");
    w.text("assemblyscript 0.1.0");
    w.endObject();
  }

  answer(r: Reader, w: Writer, deciding: bool): void {
    this.kept = null;
    this.source = Source.Given;
    this.failed = false;
    let keep = false;
    let keepNumber: u64 = 0;
    let back = false;
    const context = this.context;
    context.clear();
    let entry: CommandEntry<S> | null = null;
    let command: Command<S> | null = null;

    r.object();
    while (!this.failed && r.member()) {
      if (r.is("id")) context.id = r.text();
      else if (r.is("held")) {
        this.number = r.integer<u64>();
        const kept = this.cache.take(this.number);
        if (kept == null) return w.raw('{"missing":true}');
        this.kept = kept;
        this.source = Source.Kept;
      } else if (r.is("state")) {
        const from = r.place;
        const kept = new Kept<S>(read<S>(r));
        this.kept = kept;
        if (r.error != null) this.fail("DECODE_STATE", "the state: " + r.message);
        else kept.bytes = <i32>(r.place - from);
      } else if (r.is("events")) this.applyAll(r);
      else if (r.is("keep")) {
        keep = true;
        keepNumber = r.integer<u64>();
      } else if (r.is("return")) back = r.boolean();
      else if (r.is("command")) entry = this.find(r);
      else if (r.is("payload")) command = this.readCommand(entry, r);
      else if (r.is("context")) {
        context.__nacre_read(r);
        if (r.error != null) this.fail("DECODE_CONTEXT", "the context: " + r.message);
      } else r.skip();
    }
    r.finish();
    if (r.error != null) this.fail("INTERNAL", "the request: " + r.message);
    if (!this.failed && deciding && command == null) command = this.commandWithoutPayload(entry);
    const kept = this.standing();
    w.beginObject();
    if (!this.failed && command != null) {
      const decision = this.decision;
      decision.clear();
      command.decide(kept.state, context, decision);
      const error = context.error;
      if (error != null) this.fail("DECODE_CONTEXT", error);
      else if (decision.refused) return this.refuse(w, decision);
      else back = this.settle(kept, decision, w, keep, back);
    }
    if (!this.failed && back) {
      w.name("state");
      const from = w.length;
      write<S>(w, kept.state);
      kept.bytes = <i32>(w.length - from);
    }
    w.endObject();
    const fault = w.fault;
    if (fault != null) {
      this.fail("INTERNAL", fault);
      if (this.source == Source.Kept) this.source = Source.Spent;
    }
    if (this.failed) {
      this.restore();
      w.clear();
      return writeError(w, this.code, "", this.message, "");
    }
    if (keep) this.cache.put(keepNumber, kept);
    else this.restore();
  }

  /** The state that is meant: the one before the first event where none is given. */
  private standing(): Kept<S> {
    let kept = this.kept;
    if (kept == null) {
      kept = new Kept<S>(instantiate<S>());
      this.kept = kept;
    }
    return kept;
  }

  private fail(code: string, message: string): void {
    if (this.failed) return;
    this.failed = true;
    this.code = code;
    this.message = message;
  }

  /** Keeps the state under its number again where it is as it was. */
  private restore(): void {
    if (this.source == Source.Kept) this.cache.put(this.number, this.standing());
  }

  private refuse(w: Writer, decision: Decision<S>): void {
    this.restore();
    w.clear();
    writeError(w, "DOMAIN", decision.type, decision.message, decision.data);
  }

  /** Finds the command whose name is read. */
  private find(r: Reader): CommandEntry<S> | null {
    r.choice();
    if (r.error != null) return null;
    for (let i = 0; i < this.commands.length; i++) if (r.is(this.commands[i].name)) return this.commands[i];
    this.fail("UNKNOWN_COMMAND", this.name + ' has no command "' + r.memberText + '"');
    return null;
  }

  private readCommand(entry: CommandEntry<S> | null, r: Reader): Command<S> | null {
    if (entry == null) {
      this.fail("UNKNOWN_COMMAND", this.name + " was asked for a command without a name");
      return null;
    }
    const command = entry.make();
    r.strict = true;
    command.__nacre_read(r);
    r.strict = false;
    if (r.error != null) this.fail("DECODE_COMMAND", "the payload of " + entry.name + ": " + r.message);
    return command;
  }

  private commandWithoutPayload(entry: CommandEntry<S> | null): Command<S> | null {
    const text = String.UTF8.encode("null");
    return this.readCommand(entry, new Reader(changetype<usize>(text), text.byteLength));
  }

  /**
   * Writes the events, and makes the state the one after them where somebody needs it. Gives whether the state is still
   * to be written.
   */
  private settle(kept: Kept<S>, decision: Decision<S>, w: Writer, keep: bool, back: bool): bool {
    const events = decision.events;
    if (events.length == 0) return back;
    w.name("events");
    w.beginArray();
    for (let i = 0; i < events.length; i++) {
      this.writeEvent(w, events[i]);
      if (this.failed) return false;
    }
    w.endArray();
    if (!keep && !back) return false;
    let state = kept.state;
    const stays = this.source == Source.Kept && !keep;
    if (stays) state = this.copy(state);
    else if (this.source == Source.Kept) this.source = Source.Spent;
    for (let i = 0; i < events.length; i++) events[i].evolve(state);
    // About what they have added; it is known again when the state is written.
    if (!stays) kept.bytes += <i32>w.length;
    if (stays) {
      // The kept state stays what it is, and another one goes out.
      w.name("state");
      write<S>(w, state);
      return false;
    }
    return back;
  }

  /** A state of its own that is the same. */
  private copy(state: S): S {
    const w = new Writer();
    write<S>(w, state);
    const r = new Reader(w.place, w.length);
    const same = read<S>(r);
    w.free();
    if (r.error != null) this.fail("INTERNAL", "the state does not come back from its JSON: " + r.message);
    return same;
  }

  private writeEvent(w: Writer, event: Event<S>): void {
    // The id of the class stands in front of each object.
    const id = load<u32>(changetype<usize>(event) - 8);
    for (let i = 0; i < this.events.length; i++) {
      const entry = this.events[i];
      if (entry.id != id) continue;
      w.beginObject();
      w.name("type");
      w.text(entry.type);
      w.name("data");
      event.__nacre_write(w);
      const tags = event.tags();
      if (tags.length > 0) {
        w.name("tags");
        write<string[]>(w, tags);
      }
      if (entry.schemaVersion != 1) {
        w.name("schemaVersion");
        w.integer<i32>(entry.schemaVersion);
      }
      w.endObject();
      return;
    }
    this.fail("INTERNAL", "an event was emitted whose class was not added by event()");
  }

  /** Reads events and applies them, one after the other. */
  private applyAll(r: Reader): void {
    if (!r.array()) return;
    while (r.item()) {
      let version = 1;
      let data: usize = 0;
      let length: usize = 0;
      let name = "";
      if (!r.object()) return;
      while (r.member()) {
        if (r.is("type")) name = r.text();
        else if (r.is("data")) {
          data = r.place;
          r.skip();
          length = r.place - data;
        } else if (r.is("schemaVersion")) version = r.integer<i32>();
        else r.skip();
      }
      if (r.error != null) return;
      this.data.begin(data, length);
      this.apply(name, version, this.data, <i32>length);
      if (this.failed) return;
    }
  }

  private apply(type: string, version: i32, data: Reader, length: i32): void {
    const event = this.readEvent(type, version, data);
    if (event == null) {
      for (let i = 0; i < this.skips.length; i++) if (matches(this.skips[i], type)) return;
      return this.fail("UNKNOWN_EVENT", this.name + ' has no event "' + type + '"');
    }
    if (data.error != null) return this.fail("DECODE_EVENT", "an event " + type + ": " + data.message);
    if (this.source == Source.Kept) this.source = Source.Spent;
    const kept = this.standing();
    event.evolve(kept.state);
    kept.bytes += length;
  }

  private written(type: string): EventEntry<S> | null {
    for (let i = 0; i < this.events.length; i++) if (this.events[i].type == type) return this.events[i];
    return null;
  }

  /** Reads an event; null where the type is not known. */
  private readEvent(type: string, version: i32, data: Reader): Event<S> | null {
    const entry = this.written(type);
    for (let i = 0; i < this.upcasts.length; i++) {
      const up = this.upcasts[i];
      const older = up.schemaVersion == 0 ? entry == null || version < entry.schemaVersion : version == up.schemaVersion;
      if (up.type == type && older) return up.read(data);
    }
    if (entry == null) return null;
    const event = entry.make();
    if (version == entry.schemaVersion) event.__nacre_read(data);
    else data.fail("has schema version " + version.toString() + ", and this module knows " + entry.schemaVersion.toString());
    return event;
  }
}

function describeEntry(w: Writer, schemaVersion: i32, description: string): void {
  w.beginObject();
  if (schemaVersion != 1) {
    w.name("schemaVersion");
    w.integer<i32>(schemaVersion);
  }
  if (description != "") {
    w.name("description");
    w.text(description);
  }
  w.endObject();
}

function describeList(w: Writer, name: string, list: string[]): void {
  if (list.length == 0) return;
  w.name(name);
  write<string[]>(w, list);
}

function writeError(w: Writer, code: string, type: string, message: string, data: string): void {
  w.beginObject();
  w.name("error");
  w.beginObject();
  w.name("code");
  w.text(code);
  if (type != "") {
    w.name("type");
    w.text(type);
  }
  w.name("message");
  w.text(message);
  if (data != "") {
    w.name("data");
    w.raw(data);
  }
  w.endObject();
  w.endObject();
}

/** Whether the pattern, in which `*` stands for one or more characters, takes the type. */
export function matches(pattern: string, type: string): bool {
  const parts = pattern.split("*");
  if (parts.length == 1) return pattern == type;
  if (!type.startsWith(parts[0])) return false;
  let at = parts[0].length;
  for (let i = 1; i < parts.length - 1; i++) {
    // The star in front of the part takes at least one character.
    const next = type.indexOf(parts[i], at + 1);
    if (next < 0) return false;
    at = next + parts[i].length;
  }
  const last = parts[parts.length - 1];
  return type.length - last.length > at && type.endsWith(last);
}
