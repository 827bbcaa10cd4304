use alloc::string::String;

/// Whether two JSON numbers are the same decimal number.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || normal(a) == normal(b)
}

/// A number as its sign, its digits without zeros at either end, and the power of ten behind the last of them.
fn normal(text: &str) -> (bool, String, i64) {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], exponent(&text[at + 1..])),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = String::with_capacity(mantissa.len());
    digits.push_str(whole);
    digits.push_str(fraction);
    let kept = digits.trim_end_matches('0').len();
    let dropped = digits.len() - kept;
    digits.truncate(kept);
    let leading = digits.len() - digits.trim_start_matches('0').len();
    digits.drain(..leading);
    if digits.is_empty() {
        return (false, digits, 0);
    }
    (negative, digits, exponent.saturating_add(dropped as i64 - fraction.len() as i64))
}

/// An exponent, or the largest one there is where it is beyond.
fn exponent(text: &str) -> i64 {
    text.parse().unwrap_or(if text.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 })
}
