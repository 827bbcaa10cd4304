import { read } from "./json";
import { Reader } from "./reader";

/** What a decision may know beside state and command. Texts are empty where they are not known. */
export class Context {
  /** Of the aggregate instance. */
  id: string = "";
  /** What makes a command take place once. */
  commandId: string = "";
  /** The command's time, RFC 3339 in UTC: the only clock there is. */
  time: string = "";
  /** Who asks. */
  actor: string = "";
  /** What the whole chain of commands and events has in common. */
  correlationId: string = "";
  /** The event or command that led to this one. */
  causationId: string = "";
  /** Where the command was said. */
  sourceDevice: string = "";
  /** Why the metadata could not be read; the command has failed then, whatever was decided. */
  error: string | null = null;

  private metadataJSON: string = "{}";

  /** The metadata of the command, as a class that is marked `@json`; of an empty object where there is none. */
  metadata<T>(): T {
    const text = String.UTF8.encode(this.metadataJSON);
    const r = new Reader(changetype<usize>(text), text.byteLength);
    const value = read<T>(r);
    if (r.error != null) this.error = "the context's metadata: " + r.message;
    return value;
  }

  /** Milliseconds since 1970, of the time, which a host always gives; without one it is a trap. */
  get unixMillis(): i64 {
    return Date.fromString(this.time).getTime();
  }

  /** Makes it a context of which nothing is known. */
  clear(): void {
    this.id = "";
    this.commandId = "";
    this.time = "";
    this.actor = "";
    this.correlationId = "";
    this.causationId = "";
    this.sourceDevice = "";
    this.error = null;
    this.metadataJSON = "{}";
  }

  __nacre_read(r: Reader): void {
    if (!r.object()) return;
    while (r.member()) {
      if (r.is("commandId")) this.commandId = r.text();
      else if (r.is("time")) this.time = r.text();
      else if (r.is("actor")) this.actor = r.text();
      else if (r.is("correlationId")) this.correlationId = r.text();
      else if (r.is("causationId")) this.causationId = r.text();
      else if (r.is("sourceDevice")) this.sourceDevice = r.text();
      else if (r.is("metadata")) this.metadataJSON = r.raw();
      else r.skip();
    }
  }
}
