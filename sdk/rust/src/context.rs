use alloc::borrow::Cow;

use crate::error::{Code, Error};
use crate::json::{self, FromJson, Reader};

/// What a decision may know beside state and command. Texts are empty where they are not known.
#[derive(Debug, Clone, Default)]
pub struct Context<'a> {
    pub(crate) id: Cow<'a, str>,
    command_id: Cow<'a, str>,
    time: Cow<'a, str>,
    actor: Cow<'a, str>,
    correlation_id: Cow<'a, str>,
    causation_id: Cow<'a, str>,
    source_device: Cow<'a, str>,
    metadata: Option<&'a str>,
}

impl<'a> Context<'a> {
    /// A context for tests: of that aggregate instance, at that time.
    pub fn new(id: &'a str, time: &'a str) -> Self {
        Context { id: Cow::Borrowed(id), time: Cow::Borrowed(time), ..Context::default() }
    }

    /// The same context, of that actor.
    #[must_use]
    pub fn by(mut self, actor: &'a str) -> Self {
        self.actor = Cow::Borrowed(actor);
        self
    }

    pub(crate) fn read(&mut self, r: &mut Reader<'a>) -> Result<(), json::Error> {
        let mut members = r.object()?;
        while let Some(name) = members.next(r)? {
            let text = match &*name {
                "commandId" => &mut self.command_id,
                "time" => &mut self.time,
                "actor" => &mut self.actor,
                "correlationId" => &mut self.correlation_id,
                "causationId" => &mut self.causation_id,
                "sourceDevice" => &mut self.source_device,
                "metadata" => {
                    self.metadata = Some(r.raw()?);
                    continue;
                }
                _ => {
                    r.raw()?;
                    continue;
                }
            };
            *text = r.string().map_err(|e| e.within(&name))?;
        }
        Ok(())
    }

    /// The id of the aggregate instance.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id that makes a command take place once.
    pub fn command_id(&self) -> &str {
        &self.command_id
    }

    /// The command's time, RFC 3339 in UTC: the only clock there is.
    pub fn time(&self) -> &str {
        &self.time
    }

    /// The command's time in milliseconds since 1970. `None` where [`time`](Context::time) is not of the form
    /// that the host writes, as in a test that gives another one.
    pub fn unix_millis(&self) -> Option<i64> {
        unix_millis(self.time.as_bytes())
    }

    /// Who asks.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// What the whole chain of commands and events has in common.
    pub fn correlation_id(&self) -> &str {
        &self.correlation_id
    }

    /// The event or command that led to this one.
    pub fn causation_id(&self) -> &str {
        &self.causation_id
    }

    /// Where the command was said.
    pub fn source_device(&self) -> &str {
        &self.source_device
    }

    /// The metadata of the command, which is an object; of nothing where there is none. An error is the
    /// caller's fault, and may be returned as it is.
    pub fn metadata<T: FromJson>(&self) -> Result<T, Error> {
        json::from_str(self.metadata.unwrap_or("{}"))
            .map_err(|e| Error::unread(Code::DecodeContext, "the context's metadata", &e))
    }
}

/// Milliseconds since 1970 of a time like 2026-01-02T03:04:05.678Z.
fn unix_millis(text: &[u8]) -> Option<i64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        text.get(from..to)?
            .iter()
            .try_fold(0, |sum: i64, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    for (at, sign) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
        if text.get(at) != Some(&sign) {
            return None;
        }
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let mut millis = 0;
    let mut at = 19;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let mut unit = 100;
        while let Some(digit) = text.get(at).filter(|digit| digit.is_ascii_digit()) {
            millis += i64::from(digit - b'0') * unit;
            unit /= 10;
            at += 1;
        }
        if at == 20 {
            return None;
        }
    }
    if text.get(at..) != Some(b"Z") || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days, by years that begin in March, so that a leap day is a year's last one.
    let year = year - i64::from(month <= 2);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-01-01T00:00:00Z", Some(946_684_800_000)),
            ("2000-02-29T12:00:00.5Z", Some(951_825_600_500)),
            ("2026-01-02T03:04:05.678901234Z", Some(1_767_323_045_678)),
            ("1969-12-31T23:59:59.999Z", Some(-1)),
            ("2026-01-02T03:04:05", None),
            ("2026-01-02T03:04:05.Z", None),
            ("2026-13-02T03:04:05Z", None),
            ("2026-01-02 03:04:05Z", None),
            ("2026-01-02T03:04:05+01:00", None),
            ("", None),
        ] {
            assert_eq!(Context::new("ann", text).unix_millis(), millis, "{text}");
        }
    }
}
