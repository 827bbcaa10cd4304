use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use core::fmt;

use crate::json::{self, ToJson, Writer};

/// Whose fault an error is, and what kind it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The command is refused: the caller's fault.
    Domain,
    /// There is no command of this name: the caller's fault.
    UnknownCommand,
    /// The payload is not what the command takes: the caller's fault.
    DecodeCommand,
    /// The context's metadata is not what the aggregate needs: the caller's fault.
    DecodeContext,
    /// A state that this module does not read.
    DecodeState,
    /// An event whose data this module does not read.
    DecodeEvent,
    /// An event whose type this module does not know.
    UnknownEvent,
    /// Anything else: the module's fault.
    Internal,
}

impl Code {
    /// The code as replies have it.
    pub fn name(self) -> &'static str {
        match self {
            Code::Domain => "DOMAIN",
            Code::UnknownCommand => "UNKNOWN_COMMAND",
            Code::DecodeCommand => "DECODE_COMMAND",
            Code::DecodeContext => "DECODE_CONTEXT",
            Code::DecodeState => "DECODE_STATE",
            Code::DecodeEvent => "DECODE_EVENT",
            Code::UnknownEvent => "UNKNOWN_EVENT",
            Code::Internal => "INTERNAL",
        }
    }
}

/// Why a command leads to no events. Nothing is kept of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: Code,
    kind: String,
    message: String,
    data: Option<String>,
}

impl Error {
    /// A command that is refused: the type is for programs, the message for people.
    pub fn domain(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Error { code: Code::Domain, kind: kind.into(), message: message.into(), data: None }
    }

    /// Something that the aggregate should not have come to.
    pub fn internal(message: impl Into<String>) -> Self {
        Error::of(Code::Internal, message)
    }

    pub(crate) fn of(code: Code, message: impl Into<String>) -> Self {
        Error { code, kind: String::new(), message: message.into(), data: None }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn unread(code: Code, about: &str, error: &json::Error) -> Self {
        let mut message = about.to_owned();
        message.push_str(": ");
        message.push_str(&error.to_string());
        Error::of(code, message)
    }

    /// The same error with data, which says more to programs.
    #[must_use]
    pub fn with<T: ToJson + ?Sized>(mut self, data: &T) -> Self {
        match json::to_string(data) {
            Ok(text) => self.data = Some(text),
            Err(error) => return Error::unread(Code::Internal, "an error's data", &error),
        }
        self
    }

    /// What kind of error this is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The type of a domain error, or nothing.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What people read.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The data as JSON, where there is some.
    pub fn data(&self) -> Option<&str> {
        self.data.as_deref()
    }
}

impl ToJson for Error {
    fn write(&self, w: &mut Writer) {
        w.begin_object();
        w.member("code", self.code.name());
        if !self.kind.is_empty() {
            w.member("type", &self.kind);
        }
        w.member("message", &self.message);
        if let Some(data) = &self.data {
            w.name("data");
            w.raw(data);
        }
        w.end_object();
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Error {}
