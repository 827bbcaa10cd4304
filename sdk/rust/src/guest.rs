use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::mem;

use crate::aggregate::{describe, matches, Aggregate, Commands, Events};
use crate::context::Context;
use crate::error::{Code, Error};
use crate::heap;
use crate::json::{self, FromJson, Reader, Writer};

/// How many states are kept, and how many bytes may be in use, before the oldest of them are forgotten.
const MAX_KEPT: usize = 1024;
const MAX_BYTES: usize = 4 << 20;

/// Answers a host's requests for one aggregate. In a module, [`export_aggregate!`](crate::export_aggregate) makes
/// one; it runs natively as well.
///
/// A reply is the guest's until the next request.
pub struct Guest<A: Aggregate> {
    /// States by number. One that is evolved in place moves to its new number, so the lowest number is the one
    /// that was not used for the longest time.
    kept: BTreeMap<u64, A>,
    reply: Vec<u8>,
}

/// Where the state of a request came from.
#[derive(Clone, Copy, PartialEq)]
enum Source {
    /// The request, or nowhere.
    Given,
    /// What was kept under this number, and is as it was.
    Kept(u64),
    /// What was kept, and has changed since.
    Spent,
}

struct Run<'a, A> {
    state: Option<A>,
    source: Source,
    keep: Option<u64>,
    back: bool,
    name: Option<Cow<'a, str>>,
    context: Context<'a>,
}

enum Outcome {
    Done,
    Missing,
}

impl<A: Aggregate> Default for Guest<A> {
    fn default() -> Self {
        Guest::new()
    }
}

impl<A: Aggregate> Guest<A> {
    /// A guest that keeps no states yet.
    pub const fn new() -> Self {
        Guest { kept: BTreeMap::new(), reply: Vec::new() }
    }

    /// The description.
    pub fn describe(&mut self) -> &[u8] {
        let mut w = Writer::reusing(mem::take(&mut self.reply));
        describe::<A>(&mut w);
        self.reply = w.into_bytes();
        &self.reply
    }

    /// Answers a request to decide.
    pub fn decide(&mut self, request: &[u8]) -> &[u8] {
        self.answer(request, true)
    }

    /// Answers a request to evolve.
    pub fn evolve(&mut self, request: &[u8]) -> &[u8] {
        self.answer(request, false)
    }

    fn answer(&mut self, request: &[u8], deciding: bool) -> &[u8] {
        let mut w = Writer::reusing(mem::take(&mut self.reply));
        let mut run = Run {
            state: None,
            source: Source::Given,
            keep: None,
            back: false,
            name: None,
            context: Context::default(),
        };
        let result = self.run(request, deciding, &mut run, &mut w);
        match &result {
            Ok(Outcome::Done) => {}
            Ok(Outcome::Missing) => {
                w.clear();
                w.raw("{\"missing\":true}");
            }
            Err(error) => {
                w.clear();
                w.begin_object();
                w.member("error", error);
                w.end_object();
            }
        }
        let number = match (result.is_ok(), run.keep, run.source) {
            (true, Some(number), _) | (_, _, Source::Kept(number)) => Some(number),
            _ => None,
        };
        if let (Some(number), Some(state)) = (number, run.state) {
            self.kept.insert(number, state);
        }
        while self.kept.len() > MAX_KEPT || (heap::in_use() > MAX_BYTES && !self.kept.is_empty()) {
            self.kept.pop_first();
        }
        self.reply = w.into_bytes();
        &self.reply
    }

    /// Reads the request, whose members come in the order of the specification, and does what it says.
    fn run<'a>(
        &mut self,
        request: &'a [u8],
        deciding: bool,
        run: &mut Run<'a, A>,
        w: &mut Writer,
    ) -> Result<Outcome, Error> {
        let text = core::str::from_utf8(request).map_err(|_| Error::internal("the request is not UTF-8"))?;
        let mut r = Reader::new(text);
        let mut command: Option<A::Command> = None;
        let mut members = r.object().map_err(shape)?;
        while let Some(member) = members.next(&mut r).map_err(shape)? {
            match &*member {
                "id" => run.context.id = r.string().map_err(shape)?,
                "held" => {
                    let number = u64::read(&mut r).map_err(shape)?;
                    run.state = self.kept.remove(&number);
                    if run.state.is_none() {
                        return Ok(Outcome::Missing);
                    }
                    run.source = Source::Kept(number);
                }
                "state" => {
                    let state = A::read(&mut r).map_err(|e| Error::unread(Code::DecodeState, "the state", &e))?;
                    run.state = Some(state);
                }
                "events" => {
                    let state = run.state.get_or_insert_with(A::default);
                    apply_all(state, &mut r, &mut run.source)?;
                }
                "keep" => run.keep = Some(u64::read(&mut r).map_err(shape)?),
                "return" => run.back = bool::read(&mut r).map_err(shape)?,
                "command" => run.name = Some(r.string().map_err(shape)?),
                "payload" => {
                    let name = run.name.as_deref().unwrap_or("");
                    command = Some(read_command::<A>(name, &mut r)?);
                }
                "context" => {
                    run.context.read(&mut r).map_err(|e| Error::unread(Code::DecodeContext, "the context", &e))?
                }
                _ => {
                    r.raw().map_err(shape)?;
                }
            }
        }
        r.end().map_err(shape)?;
        run.state.get_or_insert_with(A::default);
        w.begin_object();
        if deciding {
            let command = match command {
                Some(command) => command,
                None => read_command::<A>(run.name.as_deref().unwrap_or(""), &mut Reader::new("null"))?,
            };
            decide(run, command, w)?;
        }
        if run.back {
            w.name("state");
            if let Some(state) = &run.state {
                state.write(w);
            }
        }
        w.end_object();
        match w.fault() {
            Some(fault) => {
                // What the events did to the state is not to be kept either.
                run.source = if run.source == Source::Given { Source::Given } else { Source::Spent };
                Err(Error::internal(fault))
            }
            None => Ok(Outcome::Done),
        }
    }
}

#[cold]
#[inline(never)]
fn shape(error: json::Error) -> Error {
    Error::unread(Code::Internal, "the request", &error)
}

fn read_command<A: Aggregate>(name: &str, r: &mut Reader<'_>) -> Result<A::Command, Error> {
    r.set_strict(true);
    let command = A::Command::read(name, r)
        .map_err(|e| Error::unread(Code::DecodeCommand, &format!("the payload of {name}"), &e))?
        .ok_or_else(|| Error::of(Code::UnknownCommand, format!("{} has no command \"{name}\"", A::NAME)))?;
    r.set_strict(false);
    Ok(command)
}

/// Decides, writes the events, and makes the run's state the one after them where somebody needs it.
fn decide<A: Aggregate>(run: &mut Run<'_, A>, command: A::Command, w: &mut Writer) -> Result<(), Error> {
    let Some(state) = &mut run.state else { return Ok(()) };
    let events = state.decide(command, &run.context)?;
    if events.is_empty() {
        return Ok(());
    }
    w.name("events");
    w.begin_array();
    for event in &events {
        let entry = event.entry();
        w.begin_object();
        w.member("type", entry.name);
        w.name("data");
        event.write(w);
        let tags = A::tags(event);
        if !tags.is_empty() {
            w.member("tags", &tags);
        }
        if entry.schema_version != 1 {
            w.member("schemaVersion", &entry.schema_version);
        }
        w.end_object();
    }
    w.end_array();
    if run.keep.is_none() && !run.back {
        return Ok(());
    }
    if let (Source::Kept(_), None) = (run.source, run.keep) {
        // The kept state stays what it is, and another one goes out.
        let mut after = state.clone();
        events.iter().for_each(|event| after.evolve(event));
        w.name("state");
        after.write(w);
        run.back = false;
        return Ok(());
    }
    events.iter().for_each(|event| state.evolve(event));
    if run.source != Source::Given {
        run.source = Source::Spent;
    }
    Ok(())
}

/// Reads events and applies them, one after the other.
fn apply_all<A: Aggregate>(state: &mut A, r: &mut Reader<'_>, source: &mut Source) -> Result<(), Error> {
    let mut items = r.array().map_err(shape)?;
    while items.next(r).map_err(shape)? {
        let (mut kind, mut version, mut data) = (Cow::Borrowed(""), 1, "null");
        let mut members = r.object().map_err(shape)?;
        while let Some(member) = members.next(r).map_err(shape)? {
            match &*member {
                "type" => kind = r.string().map_err(shape)?,
                "data" => data = r.raw().map_err(shape)?,
                "schemaVersion" => version = u32::read(r).map_err(shape)?,
                _ => {
                    r.raw().map_err(shape)?;
                }
            }
        }
        let event = A::Event::read(&kind, version, &mut Reader::new(data))
            .map_err(|e| Error::unread(Code::DecodeEvent, &format!("an event {kind}"), &e))?;
        let Some(event) = event else {
            if A::Event::SKIP.iter().any(|pattern| matches(pattern, &kind)) {
                continue;
            }
            return Err(Error::of(Code::UnknownEvent, format!("{} has no event \"{kind}\"", A::NAME)));
        };
        if *source != Source::Given {
            *source = Source::Spent;
        }
        state.evolve(&event);
    }
    Ok(())
}
