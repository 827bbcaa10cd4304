//! Reading and writing JSON (RFC 8259), strictly: no trailing commas, no halves of surrogate pairs, no member
//! twice, numbers whole and in range.
//!
//! [`Reader`] goes over a text, [`Writer`] makes one; [`FromJson`] and [`ToJson`] are what they carry. The
//! macros [`json_struct!`](crate::json_struct) and [`json_enum!`](crate::json_enum) implement both for types of
//! one's own; [`Raw`] passes a value through as it is written, and [`Value`] is any value.
//!
//! Members that nobody knows are passed over, or refused where a reader is [strict](Reader::strict). What is
//! passed over is checked as JSON, but not for members that are there twice.

mod number;
mod reader;
#[cfg(test)]
mod tests;
mod types;
mod value;
mod writer;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;

pub use reader::{Items, Members, Reader, MAX_DEPTH};
pub use types::Raw;
pub use value::Value;
pub use writer::Writer;

/// What can be read from JSON.
pub trait FromJson: Sized {
    /// Reads one value.
    fn read(r: &mut Reader<'_>) -> Result<Self, Error>;

    /// What stands for a member that is not there; `None` makes that an error.
    fn absent() -> Option<Self> {
        None
    }
}

/// What can be written as JSON.
pub trait ToJson {
    /// Writes one value.
    fn write(&self, w: &mut Writer);

    /// Whether a member of this value is left out.
    fn is_absent(&self) -> bool {
        false
    }
}

/// Says what was wrong with a text, and in which member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    path: String,
    what: String,
}

impl Error {
    /// An error about the value that is read.
    #[cold]
    pub fn new(what: impl Into<String>) -> Self {
        Error { path: String::new(), what: what.into() }
    }

    /// The same error, seen from the object or array around it.
    #[must_use]
    pub fn within(mut self, name: &str) -> Self {
        self.path = if self.path.is_empty() { name.to_owned() } else { format!("{name}.{}", self.path) };
        self
    }

    #[doc(hidden)]
    pub fn twice(name: &str) -> Self {
        Error::new(format!("the member \"{name}\" is there twice"))
    }

    #[doc(hidden)]
    pub fn unlisted(found: &str, known: &[&str]) -> Self {
        Error::new(format!("\"{found}\" is none of {}", known.join(", ")))
    }

    #[doc(hidden)]
    pub fn missing(name: &str) -> Self {
        Error::new(format!("the member \"{name}\" is missing"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.what)
    }
}

impl core::error::Error for Error {}

/// Reads a text that is one value, and nothing behind it. Members that nobody knows are passed over.
pub fn from_str<T: FromJson>(text: &str) -> Result<T, Error> {
    let mut r = Reader::new(text);
    let value = T::read(&mut r)?;
    r.end()?;
    Ok(value)
}

/// Writes a value as a text. What has no JSON, as infinity has none, is an error.
pub fn to_string<T: ToJson + ?Sized>(value: &T) -> Result<String, Error> {
    let mut w = Writer::new();
    value.write(&mut w);
    match w.fault() {
        Some(fault) => Err(Error::new(fault)),
        None => Ok(w.into_string()),
    }
}
