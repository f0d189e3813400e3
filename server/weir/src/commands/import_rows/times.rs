//! Times as people write them: `24.12.2026 18:30`, `12/24/2026 6:30 PM`, with or without
//! a zone.

use arrow::array::timezone::Tz;
use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone};
use weir_backtest::instant;
use weir_model::Timestamp;

/// How times of a file are read.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    /// In the notation of strftime.
    pub(super) format: Option<String>,
    /// Of times that name none.
    pub(super) zone: Option<Tz>,
    /// The order of dates with slashes, once it is known.
    pub(super) slashes: Option<Slashes>,
}

/// What comes first in dates such as `01/02/2026`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slashes {
    DayFirst,
    MonthFirst,
}

/// A time that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) time: Timestamp,
    /// The clock showed it twice; this is the first.
    pub(super) twice: bool,
}

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTime {
    Unknown,
    /// It names no zone, and none was given.
    NoZone,
    /// The clock went forward over it.
    Skipped,
}

impl Times {
    pub(super) fn read(&self, text: &str) -> Result<Read, NoTime> {
        let text = text.trim();
        let once = |time| Read { time, twice: false };
        if let Some(format) = &self.format {
            if let Ok(time) = DateTime::parse_from_str(text, format) {
                return nanos(time.timestamp_nanos_opt()).map(once);
            }
            let local = NaiveDateTime::parse_from_str(text, format).or_else(|_| {
                let day = NaiveDate::parse_from_str(text, format);
                day.map(|day| day.and_time(NaiveTime::MIN))
            });
            return self.local(local.map_err(|_| NoTime::Unknown)?);
        }
        if let Some(local) = self.written_by_people(text) {
            return self.local(local);
        }
        // Without a zone it is of UTC, unless another is given.
        let iso = |form| NaiveDateTime::parse_from_str(text, form).ok();
        let forms = [
            "%Y-%m-%d %H:%M:%S%.f",
            "%Y-%m-%dT%H:%M:%S%.f",
            "%Y-%m-%d %H:%M",
        ];
        if self.zone.is_some()
            && let Some(local) = forms.into_iter().find_map(iso)
        {
            return self.local(local);
        }
        instant::parse(text).map(once).ok_or(NoTime::Unknown)
    }

    /// `24.12.2026 18:30:05,5`, `24/12/26`, `12/24/2026 6:30 PM`.
    fn written_by_people(&self, text: &str) -> Option<NaiveDateTime> {
        let (date, time) = match text.find([' ', 'T', ',']) {
            Some(at) => (&text[..at], text[at + 1..].trim()),
            None => (text, ""),
        };
        let separator = if date.contains('.') { '.' } else { '/' };
        let parts = date.split(separator).map(|part| part.parse::<u32>().ok());
        let parts = parts.collect::<Option<Vec<_>>>()?;
        let [first, second, third] = parts.as_slice() else {
            return None;
        };
        let (year, month, day) = match (separator, self.slashes) {
            _ if *first > 31 => (*first, *second, *third),
            ('.', _) | ('/', Some(Slashes::DayFirst)) => (*third, *second, *first),
            ('/', Some(Slashes::MonthFirst)) => (*third, *first, *second),
            _ => return None,
        };
        let year = if year < 100 { 2_000 + year } else { year };
        let day = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        Some(day.and_time(time_of_day(time)?))
    }

    fn local(&self, local: NaiveDateTime) -> Result<Read, NoTime> {
        let zone = self.zone.ok_or(NoTime::NoZone)?;
        let (offset, twice) = match zone.offset_from_local_datetime(&local) {
            LocalResult::Single(offset) => (offset, false),
            LocalResult::Ambiguous(first, _) => (first, true),
            LocalResult::None => return Err(NoTime::Skipped),
        };
        let utc = local.checked_sub_offset(offset.fix());
        let utc = utc.ok_or(NoTime::Unknown)?;
        let time = nanos(utc.and_utc().timestamp_nanos_opt())?;
        Ok(Read { time, twice })
    }
}

fn nanos(nanos: Option<i64>) -> Result<Timestamp, NoTime> {
    nanos.map(Timestamp).ok_or(NoTime::Unknown)
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    if text.is_empty() {
        return Some(NaiveTime::MIN);
    }
    let text = text.replace(',', ".");
    let forms = [
        "%H:%M:%S%.f",
        "%H:%M",
        "%I:%M:%S%.f %p",
        "%I:%M %p",
        "%I:%M:%S%.f%p",
        "%I:%M%p",
    ];
    forms
        .into_iter()
        .find_map(|form| NaiveTime::parse_from_str(&text, form).ok())
}

/// The order of dates with slashes that these times have in common; `Err` if there are
/// such dates, and they could be both.
pub(super) fn slashes<'a>(times: impl Iterator<Item = &'a str>) -> Result<Option<Slashes>, String> {
    let (mut undecided, mut found) = (None, None);
    for text in times {
        let date = text
            .trim()
            .split([' ', 'T', ','])
            .next()
            .unwrap_or_default();
        let parts: Vec<Option<u32>> = date.split('/').map(|part| part.parse().ok()).collect();
        let [Some(first), Some(second), Some(_)] = parts.as_slice() else {
            continue;
        };
        let order = match (*first, *second) {
            (first, _) if first > 31 => continue,
            (13.., 13..) => continue,
            (13.., _) => Slashes::DayFirst,
            (_, 13..) => Slashes::MonthFirst,
            _ => {
                undecided.get_or_insert(text);
                continue;
            }
        };
        if *found.get_or_insert(order) != order {
            return Err(text.to_owned());
        }
    }
    match (found, undecided) {
        (None, Some(text)) => Err(text.to_owned()),
        (found, _) => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(format: Option<&str>, zone: Option<&str>, slashes: Option<Slashes>) -> Times {
        Times {
            format: format.map(str::to_owned),
            zone: zone.map(|zone| zone.parse().unwrap()),
            slashes,
        }
    }

    #[test]
    fn times_that_people_write() {
        let brussels = Some("Europe/Brussels");
        let utc = Some("UTC");
        for (times, text, expect) in [
            (
                times(None, brussels, None),
                "24.12.2026 18:30",
                "2026-12-24T17:30:00Z",
            ),
            (
                times(None, brussels, None),
                "24.12.26",
                "2026-12-23T23:00:00Z",
            ),
            (
                times(None, utc, None),
                "1.7.2026, 08:05:01,25",
                "2026-07-01T08:05:01.25Z",
            ),
            (
                times(None, utc, Some(Slashes::DayFirst)),
                "02/01/2026 10:00",
                "2026-01-02T10:00:00Z",
            ),
            (
                times(None, utc, Some(Slashes::MonthFirst)),
                "02/01/2026 06:30:00 PM",
                "2026-02-01T18:30:00Z",
            ),
            (
                times(None, utc, None),
                "2026/02/01 06:30",
                "2026-02-01T06:30:00Z",
            ),
            (
                times(None, brussels, None),
                "2026-07-01 08:00:00",
                "2026-07-01T06:00:00Z",
            ),
            (
                times(None, None, None),
                "2026-07-01 08:00:00",
                "2026-07-01T08:00:00Z",
            ),
            (
                times(None, brussels, None),
                "2026-07-01T08:00:00+05:30",
                "2026-07-01T02:30:00Z",
            ),
            (
                times(None, brussels, None),
                "1782892800",
                "2026-07-01T08:00:00Z",
            ),
            (
                times(Some("%d-%b-%Y %H.%M"), utc, None),
                "01-Jul-2026 08.30",
                "2026-07-01T08:30:00Z",
            ),
            (
                times(Some("%d%m%Y"), utc, None),
                "01072026",
                "2026-07-01T00:00:00Z",
            ),
            (
                times(Some("%Y%m%dT%H%M%S%z"), None, None),
                "20260701T080000+0200",
                "2026-07-01T06:00:00Z",
            ),
        ] {
            let read = times.read(text);
            let expect = Timestamp::parse_rfc3339(expect).unwrap();
            assert_eq!(
                read,
                Ok(Read {
                    time: expect,
                    twice: false
                }),
                "{text}"
            );
        }
    }

    #[test]
    fn hours_that_clocks_skip_or_show_twice() {
        let brussels = times(None, Some("Europe/Brussels"), None);
        let twice = brussels.read("25.10.2026 02:30").unwrap();
        assert_eq!(twice.time.to_rfc3339(), "2026-10-25T00:30:00.000000000Z");
        assert!(twice.twice);
        assert_eq!(brussels.read("29.03.2026 02:30"), Err(NoTime::Skipped));
        let none = times(None, None, None);
        assert_eq!(none.read("24.12.2026 18:30"), Err(NoTime::NoZone));
        assert_eq!(none.read("yesterday"), Err(NoTime::Unknown));
        assert_eq!(none.read("01/02/2026"), Err(NoTime::Unknown));
    }

    #[test]
    fn the_order_of_dates_with_slashes_is_found_where_it_can_be() {
        for (texts, expect) in [
            (
                vec!["01/02/2026 10:00", "13/02/2026"],
                Ok(Some(Slashes::DayFirst)),
            ),
            (
                vec!["01/02/2026", "02/13/2026"],
                Ok(Some(Slashes::MonthFirst)),
            ),
            (vec!["24.12.2026", "2026/01/02"], Ok(None)),
            (
                vec!["01/02/2026", "03/04/2026"],
                Err("01/02/2026".to_owned()),
            ),
            (
                vec!["13/02/2026", "02/13/2026"],
                Err("02/13/2026".to_owned()),
            ),
        ] {
            assert_eq!(slashes(texts.iter().copied()), expect, "{texts:?}");
        }
    }
}
