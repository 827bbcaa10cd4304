use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use super::{from_str, to_string, Error, FromJson, Raw, Reader, ToJson, Value, Writer, MAX_DEPTH};
use crate::testing::Random;
use crate::{json_enum, json_struct};

#[test]
fn what_is_json() {
    for text in [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "12",
        "-1.5",
        "1e3",
        "1E+3",
        "0.10e-2",
        "\"\"",
        "\"a\\u00e9\\ud83d\\ude00\"",
        "[]",
        "[1,[2],{}]",
        "{}",
        "{\"a\":{\"b\":[]}}",
        " { \"a\" : 1 , \"b\" : [ 1 , 2 ] }\n",
        "\"\u{2028}\u{7f}\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    ] {
        assert!(from_str::<Value>(text).is_ok(), "{text}: {:?}", from_str::<Value>(text));
        assert_eq!(from_str::<Raw>(text).map(|raw| raw.0), Ok(text.trim().to_string()));
    }
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "--1",
        "0x1",
        "NaN",
        "Infinity",
        "1 2",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "\"\n\"",
        "\"\u{0}\"",
        "'a'",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[,]",
        "[1 2]",
        "]",
        "[}",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{\"a\" 1}",
        "{a:1}",
        "{1:1}",
        "{]",
        "[1]]",
        "// a\n1",
        "\u{feff}1",
        "{\"a\":1 \"b\":2}",
        "\"\\",
        "\"\\u",
        "\u{a0}1",
        "\"\\é\"",
        "\"\\ué000\"",
    ] {
        assert!(from_str::<Value>(text).is_err(), "{text}");
        assert!(from_str::<Raw>(text).is_err(), "{text}");
    }
    assert!(from_str::<Value>("{\"a\":1,\"a\":2}").is_err());
    assert!(from_str::<Value>("{\"a\":1,\"\\u0061\":2}").is_err());
}

#[test]
fn integers_are_whole_and_in_range() {
    assert_eq!(from_str("-128"), Ok(-128_i8));
    assert_eq!(from_str("255"), Ok(255_u8));
    assert_eq!(from_str("-9223372036854775808"), Ok(i64::MIN));
    assert_eq!(from_str("18446744073709551615"), Ok(u64::MAX));
    assert_eq!(from_str("-0"), Ok(0_i64));
    for text in ["-129", "128", "1.0", "1e1", "\"1\"", "null", "true", "[1]"] {
        assert!(from_str::<i8>(text).is_err(), "{text}");
    }
    for text in ["-1", "18446744073709551616", "1e999999999999"] {
        assert!(from_str::<u64>(text).is_err(), "{text}");
    }
    for text in ["9223372036854775808", "-9223372036854775809"] {
        assert!(from_str::<i64>(text).is_err(), "{text}");
    }
    for number in [0, 1, -1, 9, 10, -10, i64::MAX, i64::MIN] {
        assert_eq!(to_string(&number), Ok(number.to_string()));
    }
    assert_eq!(to_string(&u64::MAX), Ok(u64::MAX.to_string()));
    assert_eq!(to_string(&i8::MIN), Ok("-128".to_string()));
}

#[test]
fn floats_come_back() {
    assert!(from_str::<f64>("1e400").is_err());
    assert!(from_str::<f32>("1e40").is_err());
    assert!(to_string(&f64::NAN).is_err());
    assert!(to_string(&vec![f32::INFINITY]).is_err());
    assert_eq!(to_string(&1.0_f64), Ok("1".to_string()));
    assert_eq!(to_string(&1e300_f64), Ok("1e300".to_string()));
    assert_eq!(to_string(&0.1_f32), Ok("1e-1".to_string()));
    Random::each("floats_come_back", 2000, |random| {
        let (large, small) = (f64::from_bits(random.bits()), f32::from_bits(random.bits() as u32));
        if large.is_finite() {
            let text = to_string(&large).unwrap();
            assert_eq!(from_str::<f64>(&text).map(f64::to_bits), Ok(large.to_bits()), "{text}");
            assert!(from_str::<Raw>(&text).is_ok(), "{text}");
        }
        if small.is_finite() {
            let text = to_string(&small).unwrap();
            assert_eq!(from_str::<f32>(&text).map(f32::to_bits), Ok(small.to_bits()), "{text}");
            assert!(from_str::<Raw>(&text).is_ok(), "{text}");
        }
    });
}

#[test]
fn numbers_are_compared_as_decimal_numbers() {
    let number = |text: &str| Value::Number(text.to_string());
    for (a, b) in [
        ("1", "1.0"),
        ("10", "1e1"),
        ("-0", "0"),
        ("0e5", "0.00"),
        ("120", "1.2E+2"),
        ("0.00120", "12e-4"),
        ("100000000000000000000000000001", "100000000000000000000000000001.0"),
        ("1e400", "10e399"),
    ] {
        assert_eq!(number(a), number(b));
    }
    for (a, b) in [
        ("1", "-1"),
        ("1", "10"),
        ("0.1", "0.01"),
        ("100000000000000000000000000001", "100000000000000000000000000002"),
        ("1e99999999999999999999", "1e-99999999999999999999"),
        ("1e400", "1e401"),
    ] {
        assert_ne!(number(a), number(b));
    }
}

#[test]
fn depth_is_bounded_for_values_and_free_for_what_is_passed_over() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(from_str::<Value>(&nested(MAX_DEPTH as usize)).is_ok());
    assert!(from_str::<Value>(&nested(MAX_DEPTH as usize + 1)).is_err());
    assert!(from_str::<Raw>(&nested(1_000_000)).is_ok());
    assert!(from_str::<Raw>(&"[".repeat(1_000_000)).is_err());
    assert!(from_str::<Raw>(&"{\"a\":".repeat(100_000)).is_err());
}

json_enum! {
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Kind {
        Plain = "plain",
        Odd = "o\"dd",
    }
}

json_struct! {
    #[derive(Debug, Clone, PartialEq)]
    struct Thing {
        id: u32,
        kind: Kind as "type",
        note: Option<String>,
        sizes: Vec<i16> = vec![7],
        inner: BTreeMap<String, Option<Thing>> = BTreeMap::new(),
    }
}

fn strict<T: FromJson>(text: &str) -> Result<T, Error> {
    let mut r = Reader::strict(text);
    let value = T::read(&mut r)?;
    r.end()?;
    Ok(value)
}

fn message<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.expect_err("it should not read").to_string()
}

#[test]
fn structs() {
    let thing: Thing = from_str(r#"{"type":"o\"dd","id":3,"x":[1,{}],"inner":{"a":null}}"#).unwrap();
    assert_eq!(thing.kind, Kind::Odd);
    assert_eq!((thing.id, thing.note.clone(), thing.sizes.clone()), (3, None, vec![7]));
    assert_eq!(to_string(&thing).unwrap(), r#"{"id":3,"type":"o\"dd","sizes":[7],"inner":{"a":null}}"#);
    assert_eq!(message(strict::<Thing>(r#"{"id":3,"type":"plain","x":1}"#)), "the member \"x\" is not known");
    assert_eq!(message(from_str::<Thing>(r#"{"id":3}"#)), "the member \"type\" is missing");
    assert_eq!(message(from_str::<Thing>(r#"{"id":3,"id":3}"#)), "the member \"id\" is there twice");
    assert_eq!(message(from_str::<Thing>(r#"{"id":null}"#)), "id: wanted a number, found null");
    assert_eq!(message(from_str::<Thing>(r#"{"type":"flat"}"#)), "type: \"flat\" is none of plain, o\"dd");
    assert_eq!(
        message(from_str::<Thing>(r#"{"inner":{"b":{"sizes":[1,2,"3"]}}}"#)),
        "inner.b.sizes.2: wanted a number, found a text"
    );
    let unknown_inside = r#"{"id":3,"type":"plain","inner":{"a":{"id":4,"type":"plain","y":0}}}"#;
    assert!(from_str::<Thing>(unknown_inside).is_ok());
    assert_eq!(message(strict::<Thing>(unknown_inside)), "inner.a: the member \"y\" is not known");
}

fn value(random: &mut Random, depth: u32) -> Value {
    match random.below(if depth == 0 { 4 } else { 6 }) {
        0 => Value::Null,
        1 => Value::Boolean(random.below(2) == 0),
        2 => Value::Number(match random.below(3) {
            0 => format!("{}", random.bits() as i64),
            1 => format!("{}.{}", random.below(100), random.bits()),
            _ => format!("-{}e{}", random.bits(), random.below(400) as i32 - 200),
        }),
        3 => Value::Text(random.text()),
        4 => Value::Array((0..random.below(4)).map(|_| value(random, depth - 1)).collect()),
        _ => Value::Object((0..random.below(4)).map(|_| (random.text(), value(random, depth - 1))).collect()),
    }
}

/// Writes a value with white space here and there, and every character of a text escaped now and then.
fn spaced(random: &mut Random, value: &Value, out: &mut String) {
    let space = |random: &mut Random, out: &mut String| {
        for _ in 0..random.below(3) {
            out.push([' ', '\t', '\n', '\r'][random.below(4) as usize]);
        }
    };
    let text = |random: &mut Random, text: &str, out: &mut String| {
        let mut w = Writer::new();
        w.string(text);
        let plain = w.into_string();
        if random.below(2) == 0 {
            return out.push_str(&plain);
        }
        out.push('"');
        text.encode_utf16().for_each(|unit| out.push_str(&format!("\\u{unit:04X}")));
        out.push('"');
    };
    space(random, out);
    match value {
        Value::Text(t) => text(random, t, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                spaced(random, item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (at, (name, member)) in members.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                space(random, out);
                text(random, name, out);
                space(random, out);
                out.push(':');
                spaced(random, member, out);
            }
            out.push('}');
        }
        other => out.push_str(&to_string(other).unwrap()),
    }
    space(random, out);
}

#[test]
fn random_values_come_back() {
    Random::each("random_values_come_back", 3000, |random| {
        let value = value(random, 4);
        assert_eq!(from_str::<Value>(&to_string(&value).unwrap()), Ok(value.clone()));
        let mut text = String::new();
        spaced(random, &value, &mut text);
        assert_eq!(from_str::<Value>(&text), Ok(value), "{text}");
        assert_eq!(from_str::<Raw>(&text).map(|raw| raw.0), Ok(text.trim_matches([' ', '\t', '\n', '\r']).to_string()));
    });
}

/// What reads values and what passes over them are written apart, and have to agree on what is JSON.
#[test]
fn broken_texts_are_refused_by_all_or_none() {
    Random::each("broken_texts_are_refused_by_all_or_none", 10_000, |random| {
        let mut bytes = to_string(&value(random, 4)).unwrap().into_bytes();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() as u32 + 1) as usize;
            let byte = b"{}[]\",:\\u0019-.eEtfn \x00\xe9"[random.below(23) as usize];
            match random.below(3) {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (value, raw) = (from_str::<Value>(&text), from_str::<Raw>(&text));
        match (&value, &raw) {
            (Ok(_), Err(_)) => panic!("only read as a value: {text}"),
            // A member twice is no matter to what is passed over.
            (Err(error), Ok(_)) if !error.to_string().contains("twice") => panic!("{error}, but passed over: {text}"),
            (Ok(value), Ok(raw)) => assert_eq!(from_str::<Value>(&raw.0).as_ref(), Ok(value)),
            _ => {}
        }
        // Nothing of this may panic, whatever it gives.
        let _ = (strict::<Thing>(&text), from_str::<Thing>(&text), from_str::<Vec<String>>(&text));
        let mut w = Writer::new();
        if let Ok(value) = value {
            value.write(&mut w);
            assert!(w.fault().is_none());
        }
    });
}
