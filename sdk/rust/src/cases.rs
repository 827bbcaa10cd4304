//! Runs the cases of a `*.test.json` file natively, in `cargo test`: the same ones that the host runs before it
//! publishes the module.
//!
//! ```no_run
//! # use nacre_guest::prelude::*;
//! # json_struct! { #[derive(Clone, Default)] pub struct Counter { count: i64 } }
//! # commands! { pub enum Command { Reset = "reset" } }
//! # events! { pub enum Event { Reset = "counter.reset" } }
//! # impl Aggregate for Counter {
//! #     const NAME: &'static str = "counter";
//! #     type Command = Command;
//! #     type Event = Event;
//! #     fn decide(&self, _: Command, _: &Context) -> Result<Vec<Event>, Error> { Ok(vec![]) }
//! #     fn evolve(&mut self, _: &Event) {}
//! # }
//! # macro_rules! include_str { ($path:literal) => { "[]" }; }
//! #[test]
//! fn cases() {
//!     nacre_guest::cases::check::<Counter>(include_str!("../counter.test.json"));
//! }
//! ```

use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use crate::json::{self, Value};
use crate::{Aggregate, Guest};

/// Runs the cases, and panics with what differs. Each is run in one request, with the state going out and in behind
/// every event, and with kept states; all in one guest.
pub fn check<A: Aggregate>(cases: &str) {
    let cases: Value = match json::from_str(cases) {
        Ok(cases) => cases,
        Err(error) => panic!("the cases are no JSON: {error}"),
    };
    let mut guest = Guest::<A>::new();
    let mut failures = Vec::new();
    for case in cases.items().expect("the cases are no array") {
        for way in [Way::AtOnce, Way::ByState, Way::Kept] {
            if let Err(failure) = run(&mut guest, case, way) {
                let name = case.member("name").and_then(Value::text).unwrap_or("a case without a name");
                failures.push(format!("{name}, {way:?}: {failure}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    AtOnce,
    ByState,
    Kept,
}

/// Makes a request of members that come in the order of the specification.
struct Request(String);

impl Request {
    fn of(case: &Value) -> Self {
        let id = case.member("id").cloned().unwrap_or(Value::Text("test".into()));
        Request(format!("{{\"id\":{}", text(&id)))
    }

    fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.0 += &format!(",\"{name}\":{value}");
        self
    }

    fn state_of(self, before: &Option<String>, way: Way) -> Self {
        match before {
            None => self,
            Some(before) => self.with(if way == Way::Kept { "held" } else { "state" }, before),
        }
    }

    fn sent(self) -> String {
        self.0 + "}"
    }
}

fn text(value: &Value) -> String {
    json::to_string(value).expect("what was read can be written")
}

fn run<A: Aggregate>(guest: &mut Guest<A>, case: &Value, way: Way) -> Result<(), String> {
    let given = case.member("given").and_then(Value::items).unwrap_or_default();
    // What stands for the state before the next request: nothing, its JSON, or its number.
    let mut before: Option<String> = None;
    let mut rest = given;
    if way != Way::AtOnce {
        rest = &[];
        for (at, event) in given.iter().enumerate() {
            let request = Request::of(case).state_of(&before, way).with("events", format!("[{}]", text(event)));
            let request = if way == Way::Kept { request.with("keep", at + 1) } else { request.with("return", true) };
            let reply = read(guest.evolve(request.sent().as_bytes()))?;
            if let Some(error) = reply.member("error") {
                return outcome(case, &reply).map_err(|e| format!("{e}: {}", text(error)));
            }
            before = match way {
                Way::Kept => Some((at + 1).to_string()),
                _ => Some(text(reply.member("state").ok_or("a reply without the state")?)),
            };
        }
    }
    let mut request = Request::of(case).state_of(&before, way);
    let Some(when) = case.member("when") else {
        let events = text(&Value::Array(rest.to_vec()));
        let request = request.with("events", events).with("return", true).sent();
        return outcome(case, &read(guest.evolve(request.as_bytes()))?);
    };
    if !rest.is_empty() {
        request = request.with("events", text(&Value::Array(rest.to_vec())));
    }
    request = request.with("keep", 1000).with("return", true);
    request = request.with("command", text(when.member("command").ok_or("when has no command")?));
    if let Some(payload) = when.member("payload") {
        request = request.with("payload", text(payload));
    }
    let mut context = match when.member("context") {
        Some(Value::Object(members)) => members.clone(),
        _ => BTreeMap::new(),
    };
    context.entry("time".into()).or_insert(Value::Text("2000-01-01T00:00:00Z".into()));
    let request = request.with("context", text(&Value::Object(context))).sent();
    outcome(case, &read(guest.decide(request.as_bytes()))?)
}

fn read(reply: &[u8]) -> Result<Value, String> {
    let reply = std::str::from_utf8(reply).map_err(|e| e.to_string())?;
    json::from_str(reply).map_err(|e| format!("the reply {reply} is no JSON: {e}"))
}

/// Compares a reply with what the case says.
fn outcome(case: &Value, reply: &Value) -> Result<(), String> {
    let then = case.member("then").ok_or("the case has no then")?;
    let differs = |what: &str, want: &Value, got: Option<&Value>| {
        let got = got.map_or("nothing".into(), text);
        Err(format!("{what} should be {}, and came to {got}", text(want)))
    };
    if let Some(want) = then.member("error") {
        let Some(got) = reply.member("error") else { return differs("the error", want, None) };
        let domain = Value::Text("DOMAIN".into());
        for name in ["code", "type", "message", "data"] {
            let wanted = want.member(name).or((name == "code").then_some(&domain));
            if wanted.is_some_and(|wanted| got.member(name) != Some(wanted)) {
                return differs("the error", want, Some(got));
            }
        }
        return Ok(());
    }
    if let Some(error) = reply.member("error") {
        return Err(format!("there is an error: {}", text(error)));
    }
    if let Some(want) = then.member("events") {
        let none = Value::Array(Vec::new());
        let got = reply.member("events").unwrap_or(&none);
        if want != got {
            return differs("the events", want, Some(got));
        }
    }
    match then.member("state") {
        Some(want) if reply.member("state") != Some(want) => differs("the state", want, reply.member("state")),
        _ => Ok(()),
    }
}
