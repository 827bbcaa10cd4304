import { Context } from "./context";
import { toJSON } from "./json";
import { Reader } from "./reader";
import { Writer } from "./writer";

/** A command to an aggregate with states of that class: its fields are the payload. */
export abstract class Command<S> {
  /** Decides what the command leads to, without changing the state. Nothing that is emitted is nothing to do. */
  abstract decide(state: S, context: Context, decision: Decision<S>): void;

  __nacre_read(r: Reader): void {
    r.fail("the class of this command has no codec: is the transform in use?");
  }
}

/** An event of an aggregate with states of that class: its fields are the data. */
export abstract class Event<S> {
  /** Applies the event to the state. It cannot refuse: the event has happened. */
  abstract evolve(state: S): void;

  /** The tags that the event gets. */
  tags(): string[] {
    return [];
  }

  __nacre_read(r: Reader): void {
    r.fail("the class of this event has no codec: is the transform in use?");
  }

  __nacre_write(w: Writer): void {
    w.fail("the class of this event has no codec: is the transform in use?");
  }
}

/** What a command leads to: events, or a refusal. */
export class Decision<S> {
  events: Event<S>[] = [];
  refused: bool = false;
  type: string = "";
  message: string = "";
  data: string = "";

  /** Makes it a decision that nothing happens. */
  clear(): void {
    this.events.length = 0;
    this.refused = false;
    this.type = "";
    this.message = "";
    this.data = "";
  }

  /** Lets an event happen, behind those that were emitted before. */
  emit(event: Event<S>): void {
    this.events.push(event);
  }

  /** Refuses the command: the type is for programs, the message for people. Nothing happens, whatever was emitted. */
  refuse(type: string, message: string): void {
    this.refused = true;
    this.type = type;
    this.message = message;
    this.data = "";
  }

  /** Refuses the command with data, which says more to programs. */
  refuseWith<T>(type: string, message: string, data: T): void {
    this.refuse(type, message);
    this.data = toJSON<T>(data);
  }
}
