// The aggregate that spec/vectors/wasm/probe.json describes, which uses all that the package has.
import { Aggregate, Command, Context, Decision, Event, Level, log, read, Reader, serve } from "@nacredb/guest/assembly";

export { nacre_abi, nacre_alloc, nacre_decide, nacre_describe, nacre_evolve } from "@nacredb/guest/assembly/exports";

@json
class Probe {
  count: i64 = 0;
  note: string = "";
  tags: string[] = [];
}

@json
class Limit {
  constructor(public count: i64 = 0) {}
}

class Add extends Command<Probe> {
  by: i64 = 0;

  decide(probe: Probe, context: Context, decision: Decision<Probe>): void {
    if (this.by == 0) return;
    const count = probe.count + this.by;
    if (count > 1000 || count < -1000) decision.refuseWith("limit", `the count would be ${count}`, new Limit(count));
    else decision.emit(new Added(this.by, count));
  }
}

class Note extends Command<Probe> {
  text: string = "";

  decide(probe: Probe, context: Context, decision: Decision<Probe>): void {
    decision.emit(new Noted(this.text));
  }
}

class Burst extends Command<Probe> {
  times: i64 = 0;

  decide(probe: Probe, context: Context, decision: Decision<Probe>): void {
    for (let i: i64 = 1; i <= this.times; i++) decision.emit(new Added(1, probe.count + i));
  }
}

class Who extends Command<Probe> {
  decide(probe: Probe, context: Context, decision: Decision<Probe>): void {
    const seen = new Seen();
    seen.id = context.id;
    seen.time = context.time;
    seen.actor = context.actor;
    seen.command = context.commandId;
    seen.correlation = context.correlationId;
    decision.emit(seen);
  }
}

class Log extends Command<Probe> {
  text: string = "";

  decide(probe: Probe, context: Context, decision: Decision<Probe>): void {
    log(Level.Info, this.text).with("command", "log").send();
  }
}

class Trap extends Command<Probe> {
  decide(probe: Probe, context: Context, decision: Decision<Probe>): void {
    throw new Error("asked to trap");
  }
}

class Added extends Event<Probe> {
  constructor(
    public by: i64 = 0,
    public count: i64 = 0,
  ) {
    super();
  }

  evolve(probe: Probe): void {
    probe.count = this.count;
  }
}

class Noted extends Event<Probe> {
  constructor(public text: string = "") {
    super();
  }

  tags(): string[] {
    return this.text == "" ? [] : ["note:" + this.text];
  }

  evolve(probe: Probe): void {
    probe.note = this.text;
    probe.tags.push(this.text);
  }
}

class Seen extends Event<Probe> {
  id: string = "";
  time: string = "";
  actor: string = "";
  @name("commandId") command: string = "";
  @name("correlationId") correlation: string = "";

  evolve(probe: Probe): void {}
}

serve(
  new Aggregate<Probe>("probe", 3)
    .command<Add>("add")
    .command<Note>("note")
    .command<Burst>("burst")
    .command<Who>("who")
    .command<Log>("log")
    .command<Trap>("trap")
    .event<Added>("probe.added")
    .event<Noted>("probe.noted", 2)
    .event<Seen>("probe.seen")
    .upcast("probe.noted", 1, (data: Reader): Event<Probe> => new Noted(data.text()))
    .upcast("probe.renamed", 0, (data: Reader): Event<Probe> => read<Noted>(data))
    .skip("legacy.*"),
);
