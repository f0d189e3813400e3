//! How single values are read, and the range that each must keep.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;
use weir_model::{Severity, Timestamp};

use super::raw::{Raw, Refused, kind, shorten};
use super::units::{
    DURATION_FORM, SIZE_FORM, parse_duration, parse_size, show_duration, show_size,
};

pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3_600);
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
/// A hundred years: the range of int64 nanoseconds is not much longer.
pub(crate) const LONGEST: Duration = Duration::from_secs(36_500 * 24 * 3_600);

/// MQTT cannot carry more than 256 MiB; no telemetry is near that.
pub(crate) const MAX_PACKET: u64 = 128 * MIB;
/// MQTT counts packets in flight in 16 bits.
pub(crate) const MAX_INFLIGHT: i64 = 65_535;

pub(crate) const KIB: u64 = 1 << 10;
pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const GIB: u64 = 1 << 30;

pub(crate) fn size(range: RangeInclusive<u64>) -> impl FnOnce(Raw<'_>) -> Result<u64, Refused> {
    move |raw| {
        let text = quantity(raw, SIZE_FORM, "\"64MiB\"")?;
        let bytes = parse_size(text)
            .ok_or_else(|| format!("must be {SIZE_FORM}, not {:?}", shorten(text)))?;
        if range.contains(&bytes) {
            return Ok(bytes);
        }
        let (min, max) = (show_size(*range.start()), show_size(*range.end()));
        Err(format!("must be {min} to {max}, not {text}").into())
    }
}

pub(crate) fn duration(
    range: RangeInclusive<Duration>,
) -> impl FnOnce(Raw<'_>) -> Result<Duration, Refused> {
    move |raw| {
        let text = quantity(raw, DURATION_FORM, "\"10s\"")?;
        let duration = parse_duration(text)
            .ok_or_else(|| format!("must be {DURATION_FORM}, not {:?}", shorten(text)))?;
        if range.contains(&duration) {
            return Ok(duration);
        }
        let (min, max) = (show_duration(*range.start()), show_duration(*range.end()));
        Err(format!("must be {min} to {max}, not {text}").into())
    }
}

/// A plain number instead of a quantity is the likely mistake: it gets a hint.
fn quantity<'a>(raw: Raw<'a>, form: &str, example: &str) -> Result<&'a str, Refused> {
    match raw {
        Raw::File(DeValue::Integer(_) | DeValue::Float(_)) => {
            Err(format!("needs a unit and quotes, like {example}").into())
        }
        Raw::File(DeValue::String(text)) => Ok(text),
        Raw::File(other) => Err(format!("must be {form}, not {}", kind(other)).into()),
        Raw::Variable(text) => Ok(text),
    }
}

pub(crate) fn count<T: TryFrom<i64>>(
    range: RangeInclusive<i64>,
) -> impl FnOnce(Raw<'_>) -> Result<T, Refused> {
    move |raw| {
        let n = raw.integer()?;
        let in_range = range.contains(&n).then(|| T::try_from(n).ok()).flatten();
        let (min, max) = (range.start(), range.end());
        in_range.ok_or_else(|| format!("must be {min} to {max}, not {n}").into())
    }
}

/// Text of 1 to `max_bytes` bytes without control characters.
pub(crate) fn label(max_bytes: usize) -> impl FnOnce(Raw<'_>) -> Result<String, Refused> {
    move |raw| {
        let text = raw.text()?;
        if text.is_empty() {
            return Err("must not be empty".into());
        }
        if text.len() > max_bytes {
            return Err(format!("has {} bytes, more than {max_bytes}", text.len()).into());
        }
        if text.chars().any(char::is_control) {
            return Err("must not contain control characters".into());
        }
        Ok(text.to_owned())
    }
}

/// An RFC 3339 instant, with or without quotes, as nanoseconds since the epoch.
pub(crate) fn instant_ns(raw: Raw<'_>) -> Result<i64, Refused> {
    let text = match raw {
        Raw::File(DeValue::Datetime(date)) => date.to_string(),
        other => other.text()?.to_owned(),
    };
    let instant = Timestamp::parse_rfc3339(&text).ok_or_else(|| {
        let text = shorten(&text);
        format!("must be an instant like \"2001-09-09T01:46:40Z\" (RFC 3339), not {text:?}")
    })?;
    Ok(instant.0)
}

/// A list of texts, each of 1 to 256 bytes; 1,000 at most.
pub(crate) fn texts(raw: Raw<'_>) -> Result<Vec<String>, Refused> {
    let items = raw.list()?;
    if items.len() > 1_000 {
        return Err("has more than 1,000 items".into());
    }
    items.into_iter().map(|item| label(256)(item)).collect()
}

/// `[a-z0-9_-]`, 1 to 64: a name that is used in topics, ids and metrics.
pub(crate) fn name(raw: Raw<'_>) -> Result<String, Refused> {
    let name = label(64)(raw)?;
    let is_allowed =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    if !name.bytes().all(is_allowed) {
        return Err("may contain only a-z, 0-9, _ and -".into());
    }
    Ok(name)
}

pub(crate) fn severity(raw: Raw<'_>) -> Result<Severity, Refused> {
    match raw.text()? {
        "warning" => Ok(Severity::Warning),
        "critical" => Ok(Severity::Critical),
        other => Err(format!("must be \"warning\" or \"critical\", not {other:?}").into()),
    }
}

pub(crate) fn above_zero(raw: Raw<'_>) -> Result<f64, Refused> {
    let number = raw.number()?;
    if number > 0.0 {
        Ok(number)
    } else {
        Err(format!("must be above 0, not {number}").into())
    }
}

pub(crate) fn at_least_zero(raw: Raw<'_>) -> Result<f64, Refused> {
    let number = raw.number()?;
    if number >= 0.0 {
        Ok(number)
    } else {
        Err(format!("must be at least 0, not {number}").into())
    }
}

/// A number from `min` to `max`.
pub(crate) fn number(range: RangeInclusive<f64>) -> impl FnOnce(Raw<'_>) -> Result<f64, Refused> {
    move |raw| {
        let number = raw.number()?;
        if range.contains(&number) {
            return Ok(number);
        }
        let (min, max) = (range.start(), range.end());
        Err(format!("must be {min} to {max}, not {number}").into())
    }
}
