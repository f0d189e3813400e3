//! Times as formats write them: seconds with a fraction, in decimal arithmetic.

use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use weir_model::Timestamp;

use crate::json_number::Number;
use crate::raw::RawTime;

const NANOS: i64 = 1_000_000_000;
/// 2001-09-09: a clock that shows less was never set.
const EARLIEST: i64 = 1_000_000_000 * NANOS;

pub(crate) fn nanos_of_seconds(seconds: i64) -> Option<i64> {
    seconds.checked_mul(NANOS)
}

/// A double of seconds holds microseconds at most.
pub(crate) fn nanos_of_double(seconds: f64) -> Option<i64> {
    let micros = (seconds * 1e6).round();
    let fits = micros.abs() < 9.2e15;
    fits.then(|| micros as i64 * 1_000)
}

/// A number of seconds as it is written, to the nanosecond below.
pub(crate) fn nanos_of_decimal(number: Number, text: &str) -> Option<i64> {
    if !number.complete {
        return nanos_of_double(number.to_f64(text));
    }
    let shift = number.exponent.checked_add(9)?;
    let mantissa = i128::from(number.mantissa);
    let power = 10i128.checked_pow(shift.unsigned_abs())?;
    let nanos = if shift < 0 {
        mantissa / power
    } else {
        mantissa.checked_mul(power)?
    };
    let nanos = if number.negative { -nanos } else { nanos };
    i64::try_from(nanos).ok()
}

/// RFC 3339 with its zone.
pub(crate) fn nanos_of_text(text: &str) -> Option<i64> {
    Timestamp::parse_rfc3339(text).map(|time| time.0)
}

/// A local time without its zone. Of an hour that exists twice it is the first.
pub(crate) fn nanos_of_local(text: &str, zone: Tz) -> Option<i64> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").ok()?;
    let time = zone.from_local_datetime(&local).earliest()?;
    time.timestamp_nanos_opt()
}

/// A time of a clock that may never have been set.
pub(crate) fn of_set_clock(nanos: Option<i64>) -> RawTime {
    nanos
        .filter(|nanos| *nanos >= EARLIEST)
        .map_or(RawTime::Missing, RawTime::Nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_have_the_offset_of_their_zone() {
        let berlin: Tz = "Europe/Berlin".parse().unwrap();
        #[track_caller]
        fn check(local: &str, zone: Tz, utc: Option<&str>) {
            assert_eq!(
                nanos_of_local(local, zone),
                utc.and_then(nanos_of_text),
                "{local}"
            );
        }
        check("2024-01-14T18:03:15", berlin, Some("2024-01-14T17:03:15Z"));
        check("2024-07-14T18:03:15", berlin, Some("2024-07-14T16:03:15Z"));
        // It exists twice, and never.
        check("2024-10-27T02:30:00", berlin, Some("2024-10-27T00:30:00Z"));
        check("2024-03-31T02:30:00", berlin, None);
        check("Sunday", berlin, None);
    }

    #[test]
    fn clocks_that_were_never_set_say_nothing() {
        assert_eq!(of_set_clock(Some(3_000_000_000)), RawTime::Missing);
        let set = 1_788_945_292_880_000_000;
        assert_eq!(of_set_clock(Some(set)), RawTime::Nanos(set));
        assert_eq!(nanos_of_double(1_788_945_292.88), Some(set));
        assert_eq!(nanos_of_double(f64::INFINITY), None);
    }
}
