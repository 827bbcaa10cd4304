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

/// How many states are kept, and how many bytes may be in use, before the oldest of them are forgotten. The last one
/// stays, however large it is.
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
        while self.kept.len() > MAX_KEPT || (heap::in_use() > MAX_BYTES && self.kept.len() > 1) {
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

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};
    use std::vec;
    use std::vec::Vec;

    use super::Guest;
    use crate::json::{self, Value};
    use crate::testing::Random;
    use crate::{commands, events, json_struct, Aggregate, Context, Error};

    json_struct! {
        #[derive(Clone, Default)]
        struct Sum {
            of: Vec<f64>,
        }
    }

    commands! {
        enum Command {
            Add { number: f64, times: u8 = 1 } = "add",
            Halve = "halve",
        }
    }

    events! {
        enum Event {
            Added { number: f64 } = "sum.added",
            Halved(f64) = "sum.halved" @ 2,
        }
        upcast { "sum.halved" => |(): ()| Event::Halved(0.5) }
        skip { "sum.debug.*" }
    }

    impl Aggregate for Sum {
        const NAME: &'static str = "sum";
        type Command = Command;
        type Event = Event;

        fn decide(&self, command: Command, context: &Context<'_>) -> Result<Vec<Event>, Error> {
            Ok(match command {
                Command::Add { number, times } => (0..times).map(|_| Event::Added { number }).collect(),
                Command::Halve if context.actor().is_empty() => return Err(Error::domain("nobody", "who asks?")),
                Command::Halve => vec![Event::Halved(context.metadata::<f64>()?)],
            })
        }

        fn evolve(&mut self, event: &Event) {
            match event {
                Event::Added { number } => self.of.push(*number),
                Event::Halved(by) => self.of.iter_mut().for_each(|number| *number *= by),
            }
        }
    }

    fn ask(guest: &mut Guest<Sum>, request: &str) -> String {
        String::from_utf8(guest.decide(request.as_bytes()).to_vec()).expect("a reply is UTF-8")
    }

    #[test]
    fn what_has_no_json_keeps_nothing() {
        let mut guest = Guest::<Sum>::new();
        let add = |held: &str, keep: u32, number: &str| {
            let payload = std::format!("\"payload\":{{\"number\":{number},\"times\":10}}");
            std::format!("{{{held}\"keep\":{keep},\"return\":true,\"command\":\"add\",{payload}}}")
        };
        assert!(ask(&mut guest, &add("", 1, "1e308")).contains("\"state\":{\"of\":[1e308,"));
        // Ten times as much has no JSON: what is kept has become unknown.
        let events = "\"events\":[{\"type\":\"sum.halved\",\"data\":10,\"schemaVersion\":2}],";
        let reply = ask(&mut guest, &add(&std::format!("\"held\":1,{events}"), 2, "1"));
        assert!(reply.contains("\"INTERNAL\""), "{reply}");
        for number in ["1", "2"] {
            assert_eq!(ask(&mut guest, &add(&std::format!("\"held\":{number},"), 3, "1")), "{\"missing\":true}");
        }
    }

    #[test]
    fn broken_requests_have_a_reply() {
        const REQUESTS: [&str; 5] = [
            r#"{"id":"a","keep":1,"command":"add","payload":{"number":1.5},"context":{"time":"2026-01-02T03:04:05Z"}}"#,
            r#"{"id":"a","held":1,"keep":2,"return":true,"command":"halve","context":{"actor":"b","metadata":0.5}}"#,
            r#"{"id":"a","state":{"of":[1,2]},"events":[{"type":"sum.added","data":{"number":2},"tags":["x"]}],"keep":1}"#,
            r#"{"id":"a","events":[{"type":"sum.halved","data":{}},{"type":"sum.halved","data":2,"schemaVersion":2}]}"#,
            r#"{"id":"a","held":2,"events":[{"type":"sum.debug.x","data":null},{"type":"sum.lost","data":1}],"return":true}"#,
        ];
        const BYTES: &[u8] = b"{}[]\",:\\0123456789-.eEtrufalsn \x00\xe9";
        Random::each("broken_requests_have_a_reply", 300, |random| {
            let mut guest = Guest::<Sum>::new();
            for _ in 0..50 {
                let mut request = REQUESTS[random.below(5) as usize].to_string().into_bytes();
                for _ in 0..random.below(4) {
                    let at = random.below(request.len() as u32) as usize;
                    match random.below(3) {
                        0 => request[at] = BYTES[random.below(BYTES.len() as u32) as usize],
                        1 => drop(request.remove(at)),
                        _ => request.truncate(at),
                    }
                    if request.is_empty() {
                        break;
                    }
                }
                let reply = if random.below(2) == 0 { guest.decide(&request) } else { guest.evolve(&request) };
                let reply = std::str::from_utf8(reply).expect("a reply is UTF-8");
                let reply: Value = json::from_str(reply).unwrap_or_else(|e| panic!("{e}: {reply}"));
                let Value::Object(members) = reply else { panic!("{reply:?}") };
                assert!(
                    members.keys().all(|name| ["events", "state", "error", "missing"].contains(&&**name)),
                    "{members:?}"
                );
                assert!(members.len() < 2 || !members.contains_key("error") && !members.contains_key("missing"));
            }
        });
    }
}
