use alloc::borrow::{Cow, ToOwned};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{number, Error, FromJson, Reader, ToJson, Writer};

/// Any JSON value. Two are equal where they mean the same: the order of members does not count, and numbers are
/// compared as decimal numbers.
#[derive(Debug, Clone, Default)]
pub enum Value {
    /// null
    #[default]
    Null,
    /// true or false
    Boolean(bool),
    /// a number, as it is written
    Number(String),
    /// a text
    Text(String),
    /// an array
    Array(Vec<Value>),
    /// an object
    Object(BTreeMap<String, Value>),
}

impl Value {
    /// The member of that name, of an object that has one.
    pub fn member(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(members) => members.get(name),
            _ => None,
        }
    }

    /// The text, of a value that is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items, of a value that is an array.
    pub fn items(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Boolean(a), Value::Boolean(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => number::same(a, b),
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::Object(a), Value::Object(b)) => a == b,
            _ => false,
        }
    }
}

impl FromJson for Value {
    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(match r.peek() {
            b'n' => r.null().map(|()| Value::Null)?,
            b't' | b'f' => Value::Boolean(r.boolean()?),
            b'"' => Value::Text(r.string().map(Cow::into_owned)?),
            b'[' => Value::Array(Vec::read(r)?),
            b'{' => Value::Object(BTreeMap::read(r)?),
            _ => Value::Number(r.number()?.to_owned()),
        })
    }
}

impl ToJson for Value {
    fn write(&self, w: &mut Writer) {
        match self {
            Value::Null => w.raw("null"),
            Value::Boolean(value) => value.write(w),
            Value::Number(text) => w.raw(text),
            Value::Text(text) => w.string(text),
            Value::Array(items) => items.write(w),
            Value::Object(members) => members.write(w),
        }
    }
}
