//! The vectors that every guest SDK passes, run natively.

use nacre_guest::json::{self, Value};
use nacre_guest::{cases, Guest};

#[path = "../examples/probe/src/lib.rs"]
mod probe;

use probe::Probe;

fn vectors() -> Value {
    json::from_str(include_str!("../../../spec/vectors/wasm/probe.json")).expect("the vectors are JSON")
}

fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let items = value.member(name).and_then(Value::items).expect(name);
    assert!(!items.is_empty(), "{name} is empty");
    items
}

#[test]
fn cases() {
    let vectors = vectors();
    assert!(!items(&vectors, "cases").is_empty());
    cases::check::<Probe>(&json::to_string(vectors.member("cases").unwrap()).unwrap());
}

#[test]
fn description() {
    let mut guest = Guest::<Probe>::new();
    let got: Value = json::from_str(std::str::from_utf8(guest.describe()).unwrap()).unwrap();
    let Value::Object(want) = vectors().member("description").unwrap().clone() else { panic!("no object") };
    for (name, value) in want {
        assert_eq!(got.member(&name), Some(&value), "{name}");
    }
}

#[test]
fn exchanges() {
    for exchange in items(&vectors(), "exchanges") {
        let mut guest = Guest::<Probe>::new();
        for (at, step) in items(exchange, "steps").iter().enumerate() {
            let reply = match (step.member("decide"), step.member("evolve")) {
                (Some(Value::Text(request)), None) => guest.decide(request.as_bytes()),
                (None, Some(Value::Text(request))) => guest.evolve(request.as_bytes()),
                _ => panic!("step {at} is neither one nor the other"),
            };
            let reply: Value = json::from_str(std::str::from_utf8(reply).unwrap()).unwrap();
            let fits = |want: &Value| match want.member("error") {
                // Of an error, the members count that are there.
                Some(Value::Object(error)) => {
                    error.iter().all(|(name, value)| reply.member("error").and_then(|e| e.member(name)) == Some(value))
                }
                _ => *want == reply,
            };
            assert!(
                fits(step.member("reply").unwrap()) || step.member("or").is_some_and(fits),
                "{:?}, step {at}: {reply:?}",
                exchange.member("name")
            );
        }
    }
}

#[test]
fn requests_of_any_shape_have_a_reply() {
    let mut guest = Guest::<Probe>::new();
    for request in [
        &b""[..],
        b"null",
        b"[]",
        b"{",
        b"{}",
        b"{\"id\":1}",
        b"\xff",
        b"{\"events\":[1]}",
        b"{\"events\":[{}]}",
        b"{\"held\":-1}",
        b"{\"keep\":\"a\"}",
        b"{\"state\":null}",
        b"{} {}",
        b"{\"command\":\"add\",\"context\":[]}",
        b"{\"command\":\"add\",\"payload\":{\"by\":1},\"context\":{\"time\":1}}",
    ] {
        for reply in [guest.decide(request).to_vec(), guest.evolve(request).to_vec()] {
            let reply = String::from_utf8(reply).unwrap();
            assert!(json::from_str::<Value>(&reply).is_ok(), "{reply}");
        }
    }
}

#[test]
fn old_states_are_forgotten_and_refusals_keep_what_there_was() {
    let mut guest = Guest::<Probe>::new();
    for number in 1..5000 {
        let request = format!("{{\"id\":\"ann\",\"keep\":{number},\"command\":\"add\",\"payload\":{{\"by\":1}}}}");
        assert!(guest.decide(request.as_bytes()).starts_with(b"{\"events\""));
    }
    let mut ask = |held: u32, by: i32, more: &str| {
        let command = format!("\"command\":\"add\",\"payload\":{{\"by\":{by}}}");
        let request = format!("{{\"id\":\"ann\",\"held\":{held}{more},\"keep\":9000,{command}}}");
        String::from_utf8(guest.decide(request.as_bytes()).to_vec()).unwrap()
    };
    assert_eq!(ask(1, 1, ""), "{\"missing\":true}");
    assert!(ask(4999, 5000, "").contains("\"limit\""));
    assert!(ask(4999, 5, "").contains("\"count\":6"));
    // A state that events changed before the refusal is not the one that was held.
    let events = ",\"events\":[{\"type\":\"probe.added\",\"data\":{\"by\":7,\"count\":900}}]";
    assert!(ask(4998, 500, events).contains("1400"));
    let again = ask(4998, 1, "");
    assert!(again.contains("missing") || again.contains("\"count\":2"), "{again}");
}

#[test]
#[should_panic(expected = "one that is wrong")]
fn cases_that_are_wrong_fail() {
    cases::check::<Probe>(
        r#"[{"name":"one that is wrong","when":{"command":"add","payload":{"by":1}},"then":{"events":[]}}]"#,
    );
}
