//! The smallest aggregate: a number that goes up.
#![cfg_attr(target_arch = "wasm32", no_std)]

use nacre_guest::prelude::*;

/// The count stays below this.
const LIMIT: i64 = 1_000_000;

json_struct! {
    #[derive(Clone, Default)]
    pub struct Counter {
        count: i64,
    }
}

commands! {
    pub enum Command {
        /// Adds to the count.
        Increment { by: i64 = 1 } = "increment",
        /// Begins again from 0.
        Reset = "reset",
    }
}

events! {
    pub enum Event {
        Incremented { by: i64 } = "counter.incremented",
        Reset = "counter.reset",
    }
}

json_struct! {
    struct Limit {
        limit: i64,
    }
}

impl Aggregate for Counter {
    const NAME: &'static str = "counter";
    type Command = Command;
    type Event = Event;

    fn decide(&self, command: Command, _: &Context) -> Result<Vec<Event>, Error> {
        match command {
            Command::Increment { by } if by < 1 => Err(Error::domain("not_positive", "by has to be 1 or more")),
            Command::Increment { by } if by > LIMIT - self.count => {
                let message = format!("the count may be {LIMIT} at most");
                Err(Error::domain("limit", message).with(&Limit { limit: LIMIT }))
            }
            Command::Increment { by } => Ok(vec![Event::Incremented { by }]),
            Command::Reset if self.count == 0 => Ok(vec![]),
            Command::Reset => Ok(vec![Event::Reset]),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::Incremented { by } => self.count += by,
            Event::Reset => self.count = 0,
        }
    }
}

export_aggregate!(Counter);

#[cfg(test)]
mod tests {
    #[test]
    fn cases() {
        nacre_guest::cases::check::<super::Counter>(include_str!("../counter.test.json"));
    }
}
