use alloc::string::String;
use alloc::vec::Vec;

use crate::context::Context;
use crate::error::Error;
use crate::json::{self, FromJson, Reader, ToJson, Writer};

/// An aggregate: the state that stands for one instance, and the two functions that everything else is made of.
///
/// Both are pure: they look at nothing but what they are given. `Default` is the state before the first event.
/// The JSON of a state has to be all that it consists of, since states come back from it.
pub trait Aggregate: Clone + Default + FromJson + ToJson + 'static {
    /// The name, which is the category of the streams: 1 to 64 of `A-Z a-z 0-9 . _`.
    const NAME: &'static str;

    /// Of the state. Snapshots of another version are not read.
    const SCHEMA_VERSION: u32 = 1;

    /// What can be asked for; see [`commands!`](crate::commands).
    type Command: Commands;

    /// What can happen; see [`events!`](crate::events).
    type Event: Events;

    /// Decides what a command leads to. No event is a command with nothing to do.
    fn decide(&self, command: Self::Command, context: &Context<'_>) -> Result<Vec<Self::Event>, Error>;

    /// Applies an event. It cannot refuse: the event has happened.
    fn evolve(&mut self, event: &Self::Event);

    /// The tags that an event gets.
    fn tags(_event: &Self::Event) -> Vec<String> {
        Vec::new()
    }
}

/// A command or event as descriptions have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// The version of an event's data; 1 for commands.
    pub schema_version: u32,
    /// The doc comment.
    pub description: &'static str,
}

/// The commands of an aggregate. [`commands!`](crate::commands) implements it.
pub trait Commands: Sized {
    /// All that there are.
    const TABLE: &'static [Entry];

    /// Reads the payload of the command of that name; `None` where there is none.
    fn read(name: &str, r: &mut Reader<'_>) -> Result<Option<Self>, json::Error>;
}

/// The events of an aggregate. [`events!`](crate::events) implements it.
pub trait Events: Sized {
    /// All that it writes.
    const TABLE: &'static [Entry];

    /// What it reads in an older form: a type, and the schema version that is meant, 0 being all.
    const UPCASTS: &'static [(&'static str, u32)];

    /// The types that are passed over; `*` stands for one or more characters.
    const SKIP: &'static [&'static str];

    /// What the table says of this event.
    fn entry(&self) -> &'static Entry;

    /// Writes the data.
    fn write(&self, w: &mut Writer);

    /// Reads the data of an event of that type and schema version; `None` where the type is not known.
    fn read(kind: &str, schema_version: u32, r: &mut Reader<'_>) -> Result<Option<Self>, json::Error>;
}

/// Whether the pattern, in which `*` stands for one or more characters, takes the type.
pub(crate) fn matches(pattern: &str, kind: &str) -> bool {
    let mut parts = pattern.split('*');
    let head = parts.next().unwrap_or("");
    let Some(mut rest) = kind.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(tail) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        // The star in front of the part takes at least one character.
        let mut characters = rest.chars();
        if characters.next().is_none() {
            return false;
        }
        let Some(at) = characters.as_str().find(part) else { return false };
        rest = &characters.as_str()[at + part.len()..];
    }
    rest.strip_suffix(tail).is_some_and(|taken| !taken.is_empty())
}

/// Writes the description of an aggregate.
pub(crate) fn describe<A: Aggregate>(w: &mut Writer) {
    w.begin_object();
    w.member("name", A::NAME);
    if A::SCHEMA_VERSION != 1 {
        w.member("schemaVersion", &A::SCHEMA_VERSION);
    }
    for (name, table) in [("commands", A::Command::TABLE), ("events", A::Event::TABLE)] {
        w.name(name);
        w.begin_object();
        for entry in table {
            w.name(entry.name);
            w.begin_object();
            if entry.schema_version != 1 {
                w.member("schemaVersion", &entry.schema_version);
            }
            if !entry.description.trim().is_empty() {
                w.member("description", entry.description.trim());
            }
            w.end_object();
        }
        w.end_object();
    }
    let written = |kind: &str| A::Event::TABLE.iter().any(|entry| entry.name == kind);
    let mut reads: Vec<&str> = Vec::new();
    let mut upcasts: Vec<String> = Vec::new();
    for &(kind, version) in A::Event::UPCASTS {
        if !written(kind) && !reads.contains(&kind) {
            reads.push(kind);
        }
        upcasts.push(match version {
            0 => String::from(kind),
            _ => alloc::format!("{kind}@{version}"),
        });
    }
    if !reads.is_empty() {
        w.member("reads", &reads);
    }
    if !upcasts.is_empty() {
        w.member("upcasts", &upcasts);
    }
    if !A::Event::SKIP.is_empty() {
        w.member("skip", A::Event::SKIP);
    }
    w.member("sdk", concat!("rust ", env!("CARGO_PKG_VERSION")));
    w.end_object();
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, kind, want) in [
            ("order.placed", "order.placed", true),
            ("order.placed", "order.placed2", false),
            ("order.*", "order.placed", true),
            ("order.*", "order.line.added", true),
            ("order.*", "order.", false),
            ("*.placed", "order.placed", true),
            ("*.placed", ".placed", false),
            ("*", "é", true),
            ("*", "", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "abbbc", true),
            ("a*b*c", "abc", false),
            ("a*a", "aa", false),
            ("a*a", "aaa", true),
        ] {
            assert_eq!(matches(pattern, kind), want, "{pattern} {kind}");
        }
    }
}
