use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Error;

/// How deep objects and arrays may stand in one another where they are read into values. What is passed over,
/// and what [`Raw`](super::Raw) takes, may be of any depth.
pub const MAX_DEPTH: u32 = 128;

/// Reads a JSON text from left to right.
///
/// A reader that gave an error has lost its place, and is not used again.
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    strict: bool,
}

/// The members of an object that is being read.
pub struct Members {
    first: bool,
}

/// The items of an array that is being read.
pub struct Items {
    first: bool,
}

impl<'a> Reader<'a> {
    /// A reader of that text, which passes over members that nobody knows.
    pub fn new(text: &'a str) -> Self {
        Reader { text, at: 0, depth: 0, strict: false }
    }

    /// A reader of that text, which refuses members that nobody knows.
    pub fn strict(text: &'a str) -> Self {
        Reader { strict: true, ..Reader::new(text) }
    }

    /// Says whether members that nobody knows are refused from here on.
    pub(crate) fn set_strict(&mut self, strict: bool) {
        self.strict = strict;
    }

    fn byte(&self, at: usize) -> u8 {
        // A zero byte is no part of a JSON text outside of strings, where control characters are refused.
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    /// The byte that the next value begins with, or 0 at the end of the text.
    #[inline]
    pub fn peek(&mut self) -> u8 {
        loop {
            let byte = self.byte(self.at);
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return byte;
            }
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    fn found(&mut self, wanted: &str) -> Error {
        let found = match self.peek() {
            b'{' => "an object",
            b'[' => "an array",
            b'"' => "a text",
            b't' | b'f' => "a truth value",
            b'n' => "null",
            b'-' | b'0'..=b'9' => "a number",
            0 if self.at >= self.text.len() => "the end",
            _ => "what is no JSON",
        };
        Error::new(format!("wanted {wanted}, found {found}"))
    }

    /// An error unless the text ends here.
    pub fn end(&mut self) -> Result<(), Error> {
        self.peek();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(Error::new("there is more behind the value"))
        }
    }

    fn enter(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::new(format!("deeper than {MAX_DEPTH} objects and arrays")));
        }
        Ok(())
    }

    /// Begins an object.
    pub fn object(&mut self) -> Result<Members, Error> {
        if !self.take(b'{') {
            return Err(self.found("an object"));
        }
        self.enter()?;
        Ok(Members { first: true })
    }

    /// Begins an array.
    pub fn array(&mut self) -> Result<Items, Error> {
        if !self.take(b'[') {
            return Err(self.found("an array"));
        }
        self.enter()?;
        Ok(Items { first: true })
    }

    /// Takes the value of a member that nobody knows: passes over it, or refuses it.
    pub fn unknown(&mut self, name: &str) -> Result<(), Error> {
        if self.strict {
            return Err(Error::new(format!("the member \"{name}\" is not known")));
        }
        self.raw().map(|_| ())
    }

    /// Reads an object without members that are known; null counts as one.
    pub fn nothing(&mut self) -> Result<(), Error> {
        if self.peek() == b'n' {
            return self.null();
        }
        let mut members = self.object()?;
        while let Some(name) = members.next(self)? {
            self.unknown(&name)?;
        }
        Ok(())
    }

    fn word(&mut self, word: &str, wanted: &str) -> Result<(), Error> {
        self.peek();
        if !self.text[self.at..].starts_with(word) {
            return Err(self.found(wanted));
        }
        self.at += word.len();
        Ok(())
    }

    /// Reads null.
    pub fn null(&mut self) -> Result<(), Error> {
        self.word("null", "null")
    }

    /// Reads true or false.
    pub fn boolean(&mut self) -> Result<bool, Error> {
        if self.peek() == b't' {
            self.word("true", "a truth value").map(|()| true)
        } else {
            self.word("false", "a truth value").map(|()| false)
        }
    }

    /// Reads a number as it is written.
    pub fn number(&mut self) -> Result<&'a str, Error> {
        if !matches!(self.peek(), b'-' | b'0'..=b'9') {
            return Err(self.found("a number"));
        }
        let start = self.at;
        self.at = number_end(self.text.as_bytes(), start).ok_or_else(|| Error::new("that is no number in JSON"))?;
        Ok(&self.text[start..self.at])
    }

    /// Reads a text. It is copied only where it is written with escapes.
    #[inline]
    pub fn string(&mut self) -> Result<Cow<'a, str>, Error> {
        if !self.take(b'"') {
            return Err(self.found("a text"));
        }
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start;
        while at < bytes.len() && bytes[at] != b'"' && bytes[at] != b'\\' && bytes[at] >= 0x20 {
            at += 1;
        }
        self.at = at;
        if self.byte(at) == b'"' {
            self.at += 1;
            return Ok(Cow::Borrowed(&self.text[start..at]));
        }
        self.escaped(start).map(Cow::Owned)
    }

    /// Reads the rest of a text that begins at start, and has something at the reader's place that is not
    /// simply a character.
    fn escaped(&mut self, start: usize) -> Result<String, Error> {
        let mut out = String::with_capacity(self.at - start + 16);
        out.push_str(&self.text[start..self.at]);
        loop {
            let from = self.at;
            let mut byte = self.byte(self.at);
            while byte != b'"' && byte != b'\\' && byte >= 0x20 {
                self.at += 1;
                byte = self.byte(self.at);
            }
            out.push_str(&self.text[from..self.at]);
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => out.push(self.escape()?),
                _ if self.at >= self.text.len() => return Err(Error::new("a text does not end")),
                _ => return Err(Error::new("a control character in a text")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let letter = self.byte(self.at + 1);
        self.at += 2;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                let mut point = unit;
                if (0xd800..0xdc00).contains(&unit) && self.byte(self.at) == b'\\' && self.byte(self.at + 1) == b'u' {
                    self.at += 2;
                    let low = self.unit()?;
                    if (0xdc00..0xe000).contains(&low) {
                        point = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                    }
                }
                char::from_u32(point).ok_or_else(|| Error::new("half of a surrogate pair"))?
            }
            _ => return Err(Error::new("an escape that JSON does not have")),
        })
    }

    fn unit(&mut self) -> Result<u32, Error> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.byte(self.at)).to_digit(16);
            unit = unit << 4 | digit.ok_or_else(|| Error::new("an escape without four hexadecimal digits"))?;
            self.at += 1;
        }
        Ok(unit)
    }

    /// Takes a value as it is written, having checked that it is one. It may be of any depth.
    pub fn raw(&mut self) -> Result<&'a str, Error> {
        self.peek();
        let start = self.at;
        // What is open, the innermost one last.
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.peek() {
                b'{' => {
                    self.at += 1;
                    if !self.take(b'}') {
                        open.push(b'}');
                        self.name()?;
                        continue;
                    }
                }
                b'[' => {
                    self.at += 1;
                    if !self.take(b']') {
                        open.push(b']');
                        continue;
                    }
                }
                b'"' => self.pass_string()?,
                b't' => self.word("true", "a value")?,
                b'f' => self.word("false", "a value")?,
                b'n' => self.word("null", "a value")?,
                b'-' | b'0'..=b'9' => {
                    self.number()?;
                }
                _ => return Err(self.found("a value")),
            }
            // A value has ended, and with it perhaps what it stands in.
            loop {
                let Some(&end) = open.last() else { return Ok(&self.text[start..self.at]) };
                if self.take(end) {
                    open.pop();
                    continue;
                }
                if !self.take(b',') {
                    return Err(Error::new(if end == b'}' { "wanted , or }" } else { "wanted , or ]" }));
                }
                if end == b'}' {
                    self.name()?;
                }
                break;
            }
        }
    }

    fn name(&mut self) -> Result<(), Error> {
        if self.peek() != b'"' {
            return Err(self.found("a member's name"));
        }
        self.pass_string()?;
        self.colon()
    }

    fn colon(&mut self) -> Result<(), Error> {
        if self.take(b':') {
            Ok(())
        } else {
            Err(Error::new("wanted : behind a member's name"))
        }
    }

    fn pass_string(&mut self) -> Result<(), Error> {
        self.at += 1;
        loop {
            match self.byte(self.at) {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => {
                    self.escape()?;
                }
                0x20.. => self.at += 1,
                _ if self.at >= self.text.len() => return Err(Error::new("a text does not end")),
                _ => return Err(Error::new("a control character in a text")),
            }
        }
    }
}

impl Members {
    /// The name of the next member, whose value has to be read then; `None` behind the last one.
    #[inline]
    pub fn next<'a>(&mut self, r: &mut Reader<'a>) -> Result<Option<Cow<'a, str>>, Error> {
        if r.take(b'}') {
            r.depth -= 1;
            return Ok(None);
        }
        if !core::mem::take(&mut self.first) && !r.take(b',') {
            return Err(Error::new("wanted , or }"));
        }
        if r.peek() != b'"' {
            return Err(r.found("a member's name"));
        }
        let name = r.string()?;
        r.colon()?;
        Ok(Some(name))
    }
}

impl Items {
    /// Whether there is another item, which has to be read then.
    #[inline]
    pub fn next(&mut self, r: &mut Reader<'_>) -> Result<bool, Error> {
        if r.take(b']') {
            r.depth -= 1;
            return Ok(false);
        }
        if !core::mem::take(&mut self.first) && !r.take(b',') {
            return Err(Error::new("wanted , or ]"));
        }
        if r.peek() == b']' {
            return Err(r.found("an item"));
        }
        Ok(true)
    }
}

/// Where the number that begins at the given place ends, if there is one.
fn number_end(bytes: &[u8], start: usize) -> Option<usize> {
    let digits = |mut at: usize| {
        let from = at;
        while at < bytes.len() && bytes[at].is_ascii_digit() {
            at += 1;
        }
        (at > from).then_some(at)
    };
    let first = start + usize::from(bytes[start] == b'-');
    let mut at = if bytes.get(first) == Some(&b'0') { first + 1 } else { digits(first)? };
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
        at = digits(at + 1 + usize::from(sign))?;
    }
    Some(at)
}
