//! How single values are read and which range they must keep.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;
use weir_model::Timestamp;

use crate::reader::{Raw, kind, shorten};
use crate::units::{
    DURATION_FORM, SIZE_FORM, parse_duration, parse_size, show_duration, show_size,
};

pub(crate) fn size(range: RangeInclusive<u64>) -> impl FnOnce(Raw<'_>) -> Result<u64, String> {
    move |raw| {
        let text = quantity(raw, SIZE_FORM, "\"64MiB\"")?;
        let bytes = parse_size(text)
            .ok_or_else(|| format!("must be {SIZE_FORM}, not {:?}", shorten(text)))?;
        if range.contains(&bytes) {
            return Ok(bytes);
        }
        let (min, max) = (show_size(*range.start()), show_size(*range.end()));
        Err(format!("must be {min} to {max}, not {text}"))
    }
}

pub(crate) fn duration(
    range: RangeInclusive<Duration>,
) -> impl FnOnce(Raw<'_>) -> Result<Duration, String> {
    move |raw| {
        let text = quantity(raw, DURATION_FORM, "\"10s\"")?;
        let duration = parse_duration(text)
            .ok_or_else(|| format!("must be {DURATION_FORM}, not {:?}", shorten(text)))?;
        if range.contains(&duration) {
            return Ok(duration);
        }
        let (min, max) = (show_duration(*range.start()), show_duration(*range.end()));
        Err(format!("must be {min} to {max}, not {text}"))
    }
}

/// A plain number instead of a quantity is the likely mistake: it gets a hint.
fn quantity<'a>(raw: Raw<'a>, form: &str, example: &str) -> Result<&'a str, String> {
    match raw {
        Raw::File(DeValue::Integer(_) | DeValue::Float(_)) => {
            Err(format!("needs a unit and quotes, like {example}"))
        }
        Raw::File(DeValue::String(text)) => Ok(text),
        Raw::File(other) => Err(format!("must be {form}, not {}", kind(other))),
        Raw::Variable(text) => Ok(text),
    }
}

pub(crate) fn count<T: TryFrom<i64>>(
    range: RangeInclusive<i64>,
) -> impl FnOnce(Raw<'_>) -> Result<T, String> {
    move |raw| {
        let n = raw.integer()?;
        let value = if range.contains(&n) {
            T::try_from(n).ok()
        } else {
            None
        };
        let (min, max) = (*range.start(), *range.end());
        value.ok_or_else(|| format!("must be {min} to {max}, not {n}"))
    }
}

/// Text of 1 to `max_bytes` bytes without control characters.
pub(crate) fn label(max_bytes: usize) -> impl FnOnce(Raw<'_>) -> Result<String, String> {
    move |raw| {
        let text = raw.text()?;
        if text.is_empty() {
            return Err("must not be empty".to_owned());
        }
        if text.len() > max_bytes {
            return Err(format!("has {} bytes, more than {max_bytes}", text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err("must not contain control characters".to_owned());
        }
        Ok(text.to_owned())
    }
}

/// An RFC 3339 instant, with or without quotes, as nanoseconds since the epoch.
pub(crate) fn instant_ns(raw: Raw<'_>) -> Result<i64, String> {
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
