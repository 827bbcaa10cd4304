// The smallest aggregate: a number that goes up.
import { Aggregate, Command, Context, Decision, Event, serve } from "@nacredb/guest/assembly";

export { nacre_abi, nacre_alloc, nacre_decide, nacre_describe, nacre_evolve } from "@nacredb/guest/assembly/exports";

/** The count stays below this. */
const LIMIT: i64 = 1_000_000;

@json
class Counter {
  count: i64 = 0;
}

@json
class Limit {
  limit: i64 = LIMIT;
}

class Increment extends Command<Counter> {
  @optional by: i64 = 1;

  decide(counter: Counter, context: Context, decision: Decision<Counter>): void {
    if (this.by < 1) decision.refuse("not_positive", "by has to be 1 or more");
    else if (this.by > LIMIT - counter.count) decision.refuseWith("limit", `the count may be ${LIMIT} at most`, new Limit());
    else decision.emit(new Incremented(this.by));
  }
}

class Reset extends Command<Counter> {
  decide(counter: Counter, context: Context, decision: Decision<Counter>): void {
    if (counter.count != 0) decision.emit(new WasReset());
  }
}

class Incremented extends Event<Counter> {
  constructor(public by: i64 = 0) {
    super();
  }

  evolve(counter: Counter): void {
    counter.count += this.by;
  }
}

class WasReset extends Event<Counter> {
  evolve(counter: Counter): void {
    counter.count = 0;
  }
}

serve(
  new Aggregate<Counter>("counter")
    .command<Increment>("increment", "Adds to the count.")
    .command<Reset>("reset", "Begins again from 0.")
    .event<Incremented>("counter.incremented")
    .event<WasReset>("counter.reset"),
);
