//! The aggregate that `spec/vectors/wasm/probe.json` describes, which uses all that the crate has.
#![cfg_attr(target_arch = "wasm32", no_std)]

use nacre_guest::prelude::*;

json_struct! {
    #[derive(Clone, Default)]
    pub struct Probe {
        count: i64,
        note: String,
        tags: Vec<String>,
    }
}

commands! {
    pub enum Command {
        Add { by: i64 } = "add",
        Note { text: String } = "note",
        Burst { times: i64 } = "burst",
        Who = "who",
        Log { text: String } = "log",
        Trap = "trap",
    }
}

events! {
    pub enum Event {
        Added { by: i64, count: i64 } = "probe.added",
        Noted(Note) = "probe.noted" @ 2,
        Seen {
            id: String,
            time: String,
            actor: String,
            command_id: String as "commandId",
            correlation_id: String as "correlationId",
        } = "probe.seen",
    }
    upcast {
        "probe.noted" @ 1 => |text: String| Event::Noted(Note { text }),
        "probe.renamed" => Event::Noted,
    }
    skip { "legacy.*" }
}

json_struct! {
    pub struct Note {
        text: String,
    }
}

json_struct! {
    struct Limit {
        count: i64,
    }
}

impl Aggregate for Probe {
    const NAME: &'static str = "probe";
    const SCHEMA_VERSION: u32 = 3;
    type Command = Command;
    type Event = Event;

    fn decide(&self, command: Command, context: &Context) -> Result<Vec<Event>, Error> {
        match command {
            Command::Add { by: 0 } => Ok(vec![]),
            Command::Add { by } => {
                let count = self.count.saturating_add(by);
                if !(-1000..=1000).contains(&count) {
                    let message = format!("the count would be {count}");
                    return Err(Error::domain("limit", message).with(&Limit { count }));
                }
                Ok(vec![Event::Added { by, count }])
            }
            Command::Note { text } => Ok(vec![Event::Noted(Note { text })]),
            Command::Burst { times } => {
                Ok((1..=times).map(|n| Event::Added { by: 1, count: self.count + n }).collect())
            }
            Command::Who => Ok(vec![Event::Seen {
                id: context.id().to_owned(),
                time: context.time().to_owned(),
                actor: context.actor().to_owned(),
                command_id: context.command_id().to_owned(),
                correlation_id: context.correlation_id().to_owned(),
            }]),
            Command::Log { text } => {
                log!(Info, "{text}"; command = "log");
                Ok(vec![])
            }
            Command::Trap => panic!("asked to trap"),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::Added { count, .. } => self.count = *count,
            Event::Noted(Note { text }) => {
                self.note = text.clone();
                self.tags.push(text.clone());
            }
            Event::Seen { .. } => {}
        }
    }

    fn tags(event: &Event) -> Vec<String> {
        match event {
            Event::Noted(Note { text }) if !text.is_empty() => vec![format!("note:{text}")],
            _ => vec![],
        }
    }
}

export_aggregate!(Probe);
