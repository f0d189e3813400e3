//! Numbers in texts: as JSON writes them, or with a decimal comma.

use weir_model::QuarantineReason as Reason;

/// Longest text that is looked at: no number of a sensor has more digits.
const MAX_BYTES: usize = 64;

/// The number that the whole text is; `None` if it is none, an error if a double cannot
/// hold it. With `comma`, the first comma stands for the decimal point.
pub(crate) fn parse(text: &str, comma: bool) -> Option<Result<f64, Reason>> {
    let text = text.trim_ascii();
    if text.len() > MAX_BYTES {
        return None;
    }
    let mut bytes = [0; MAX_BYTES];
    let bytes = &mut bytes[..text.len()];
    bytes.copy_from_slice(text.as_bytes());
    if comma {
        if bytes.contains(&b'.') {
            return None;
        }
        *bytes.iter_mut().find(|byte| **byte == b',')? = b'.';
    }
    let is_integer = number(bytes)?;
    let text = std::str::from_utf8(bytes).ok()?;
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() {
        return Some(Err(Reason::NumberOutOfRange));
    }
    // A double prints its exact value when no fraction is asked for.
    if is_integer && value.abs() >= 9_007_199_254_740_992.0 && format!("{value:.0}") != text {
        return Some(Err(Reason::InexactInteger));
    }
    Some(Ok(value))
}

/// Whether the bytes are a number by JSON's grammar, and whether it is an integer.
fn number(bytes: &[u8]) -> Option<bool> {
    let digits = |bytes: &[u8]| {
        bytes
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut rest = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let whole = digits(rest);
    if whole == 0 || whole > 1 && rest[0] == b'0' {
        return None;
    }
    rest = &rest[whole..];
    let mut is_integer = true;
    if let Some(after) = rest.strip_prefix(b".") {
        let decimals = digits(after);
        if decimals == 0 {
            return None;
        }
        (rest, is_integer) = (&after[decimals..], false);
    }
    if let [b'e' | b'E', after @ ..] = rest {
        let after = match after {
            [b'+' | b'-', after @ ..] => after,
            after => after,
        };
        let exponent = digits(after);
        if exponent == 0 {
            return None;
        }
        (rest, is_integer) = (&after[exponent..], false);
    }
    rest.is_empty().then_some(is_integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_numbers_by_the_grammar_of_json() {
        for (text, comma, expect) in [
            ("21.5", false, Some(Ok(21.5))),
            (" -1.5e-3 ", false, Some(Ok(-0.0015))),
            ("0", false, Some(Ok(0.0))),
            ("21,5", true, Some(Ok(21.5))),
            ("-0,5", true, Some(Ok(-0.5))),
            ("21,5", false, None),
            ("1.234,5", true, None),
            ("1,2,3", true, None),
            ("007", false, None),
            ("+1", false, None),
            (".5", false, None),
            ("1.", false, None),
            ("1e", false, None),
            ("0x10", false, None),
            ("NaN", false, None),
            ("", false, None),
            ("21.5 C", false, None),
            ("1e400", false, Some(Err(Reason::NumberOutOfRange))),
            ("9007199254740992", false, Some(Ok(9_007_199_254_740_992.0))),
            ("9007199254740993", false, Some(Err(Reason::InexactInteger))),
        ] {
            assert_eq!(parse(text, comma), expect, "{text}");
        }
    }
}
