use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use super::ToJson;

/// Writes a JSON text from left to right, without white space.
///
/// Objects are [`begin_object`](Writer::begin_object), then [`name`](Writer::name) and a value for each member
/// or [`member`](Writer::member) for both, then [`end_object`](Writer::end_object). Commas come by themselves.
/// A value that has no JSON does not stop the writer; [`fault`](Writer::fault) tells of it in the end.
#[derive(Default)]
pub struct Writer {
    out: Vec<u8>,
    fault: Option<&'static str>,
}

impl Writer {
    /// A writer of a new text.
    pub fn new() -> Self {
        Writer::default()
    }

    /// A writer that uses the memory of that buffer, whose content is lost. More than 1 MiB is given back.
    pub(crate) fn reusing(mut buffer: Vec<u8>) -> Self {
        if buffer.capacity() > 1 << 20 {
            buffer = Vec::new();
        }
        buffer.clear();
        Writer { out: buffer, fault: None }
    }

    pub(crate) fn clear(&mut self) {
        self.out.clear();
        self.fault = None;
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// What was written.
    pub fn into_string(self) -> String {
        // Everything that is pushed comes from texts, or is ASCII.
        unsafe { String::from_utf8_unchecked(self.out) }
    }

    /// Tells of the first value that has no JSON.
    pub fn fault(&self) -> Option<&'static str> {
        self.fault
    }

    /// Says that a value has no JSON, in place of writing it.
    pub fn fail(&mut self, fault: &'static str) {
        self.fault.get_or_insert(fault);
    }

    fn separate(&mut self) {
        // A comma belongs behind all that is not the beginning of an object, of an array, or of a member.
        if !matches!(self.out.last(), None | Some(b'{' | b'[' | b':')) {
            self.out.push(b',');
        }
    }

    /// Begins an object.
    pub fn begin_object(&mut self) {
        self.separate();
        self.out.push(b'{');
    }

    /// Ends an object.
    pub fn end_object(&mut self) {
        self.out.push(b'}');
    }

    /// Begins an array.
    pub fn begin_array(&mut self) {
        self.separate();
        self.out.push(b'[');
    }

    /// Ends an array.
    pub fn end_array(&mut self) {
        self.out.push(b']');
    }

    /// Writes the name of a member, whose value comes next.
    pub fn name(&mut self, name: &str) {
        self.string(name);
        self.out.push(b':');
    }

    /// Writes a member, unless its value is to be left out.
    pub fn member<T: ToJson + ?Sized>(&mut self, name: &str, value: &T) {
        if !value.is_absent() {
            self.name(name);
            value.write(self);
        }
    }

    /// Writes a text.
    pub fn string(&mut self, text: &str) {
        self.separate();
        self.out.push(b'"');
        let bytes = text.as_bytes();
        let mut from = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            if byte >= 0x20 && byte != b'"' && byte != b'\\' {
                continue;
            }
            self.out.extend_from_slice(&bytes[from..at]);
            from = at + 1;
            self.escape(byte);
        }
        self.out.extend_from_slice(&bytes[from..]);
        self.out.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        let letter = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x8 => b'b',
            0xc => b'f',
            _ => {
                let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit)];
                self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]);
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', letter]);
    }

    /// Writes a value that is JSON already.
    pub fn raw(&mut self, json: &str) {
        self.separate();
        self.out.extend_from_slice(json.as_bytes());
    }

    pub(crate) fn unsigned(&mut self, negative: bool, mut number: u64) {
        self.separate();
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            // What is left of it is below 10.
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        if negative {
            self.out.push(b'-');
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    pub(crate) fn float(&mut self, number: f64) {
        if !number.is_finite() {
            self.fail("a number that is infinite, or none, has no JSON");
            return self.raw("null");
        }
        self.separate();
        let size = if number < 0.0 { -number } else { number };
        // Writing to a vector cannot fail.
        let _ = if size != 0.0 && !(1e-6..1e21).contains(&size) {
            write!(Sink(&mut self.out), "{number:e}")
        } else {
            write!(Sink(&mut self.out), "{number}")
        };
    }
}

struct Sink<'a>(&'a mut Vec<u8>);

impl Write for Sink<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
