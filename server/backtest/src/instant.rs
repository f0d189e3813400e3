//! Times as files have them.

use chrono::NaiveDateTime;
use weir_model::Timestamp;

/// What is understood, for errors.
pub const FORMS: &str = "2026-01-02 03:04:05[.6] (UTC), RFC 3339, or seconds, milliseconds, \
                                microseconds or nanoseconds since 1970";

/// Reads an instant. A number is taken for the coarsest unit in which it is
/// before the year 5138.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b'.' || b == b'-')
        && !text.get(1..).is_some_and(|rest| rest.contains('-'))
    {
        return number(text);
    }
    if let Some(instant) = Timestamp::parse_rfc3339(text) {
        return Some(instant);
    }
    [
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
    ]
    .into_iter()
    .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    .and_then(|time| time.and_utc().timestamp_nanos_opt())
    .map(Timestamp)
}

/// Since the epoch, decimals included, exactly.
fn number(text: &str) -> Option<Timestamp> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.contains('-') || decimals.contains('.') {
        return None;
    }
    let count: i64 = whole.parse().ok()?;
    let digits = unit_digits(count.unsigned_abs());
    let nanos = count.checked_mul(10_i64.pow(digits))?;
    let kept = &decimals[..decimals.len().min(digits as usize)];
    let part: i64 = if kept.is_empty() {
        0
    } else {
        kept.parse().ok()?
    };
    let part = part * 10_i64.pow(digits - kept.len() as u32);
    let signed = if text.starts_with('-') { -part } else { part };
    nanos.checked_add(signed).map(Timestamp)
}

/// A whole number since the epoch.
pub fn from_number(count: i64) -> Option<Timestamp> {
    let scale = 10_i64.pow(unit_digits(count.unsigned_abs()));
    count.checked_mul(scale).map(Timestamp)
}

/// Decimal digits between the unit that a number of this size is in and
/// nanoseconds.
fn unit_digits(size: u64) -> u32 {
    match size {
        0..100_000_000_000 => 9,
        100_000_000_000..100_000_000_000_000 => 6,
        100_000_000_000_000..100_000_000_000_000_000 => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_nanosecond() {
        #[track_caller]
        fn check(text: &str, expect: i64) {
            assert_eq!(parse(text), Some(Timestamp(expect)), "{text}");
        }
        let second = 1_396_310_400_000_000_000;
        check("2014-04-01 00:00:00", second);
        check("2014-04-01 00:00:00.25", second + 250_000_000);
        check("2014-04-01 00:00:00.000000001", second + 1);
        check("2014-04-01T00:00:00Z", second);
        check("2014-04-01T02:00:00.5+02:00", second + 500_000_000);
        check("2014-04-01T00:00:00", second);
        check("2014-04-01 00:00", second);
        check(" 1396310400 ", second);
        check("1396310400.123456789", second + 123_456_789);
        check("1396310400123", second + 123_000_000);
        check("1396310400123.5", second + 123_500_000);
        check("1396310400123456", second + 123_456_000);
        check("1396310400123456789", second + 123_456_789);
        check("-1.5", -1_500_000_000);
        check("-0.5", -500_000_000);
        check("0", 0);
        for text in [
            "",
            "now",
            "2014-13-01 00:00:00",
            "1.2.3",
            "--1",
            "9e9",
            "2014",
        ] {
            let year = text == "2014";
            assert_eq!(parse(text).is_some(), year, "{text}");
        }
    }
}
