import { write } from "./json";
import { Writer } from "./writer";

// @ts-ignore: decorator
@external("nacre", "log")
declare function nacre_log(level: i32, at: usize, length: usize): void;

/** How much a record matters. */
export enum Level {
  /** For whoever looks for a fault. */
  Debug = -4,
  /** What happens. */
  Info = 0,
  /** What should be looked at. */
  Warn = 4,
  /** What went wrong. */
  Error = 8,
}

/** A line of the log, to which the host adds module, instance and command. */
export class Line {
  private w: Writer = new Writer();

  constructor(private level: Level, message: string) {
    this.w.beginObject();
    this.w.name("message");
    this.w.text(message);
  }

  /** Adds a field, of any kind that has JSON. */
  with<T>(name: string, value: T): Line {
    this.w.name(name);
    write<T>(this.w, value);
    return this;
  }

  /** Writes the line, which is then used no more. */
  send(): void {
    this.w.endObject();
    nacre_log(this.level, this.w.place, this.w.length);
    this.w.free();
  }
}

/** A line with that message: `log(Level.Info, "deposited").with("cents", cents).send()`. */
export function log(level: Level, message: string): Line {
  return new Line(level, message);
}

/**
 * Takes the place of the function that AssemblyScript would import, by asc's option
 * `--use abort=~lib/@nacredb/guest/assembly/log/abort`: logs what was thrown, and traps.
 */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const what = message == null ? "aborted" : message;
  const where = file == null ? "" : " at " + file + ":" + line.toString() + ":" + column.toString();
  const text = String.UTF8.encode(what + where);
  nacre_log(Level.Error, changetype<usize>(text), text.byteLength);
  unreachable();
}
