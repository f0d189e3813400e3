//! Why a function concluded what it did: plain numbers on the hot path, a
//! phrase only when somebody reads it (an alert, an explanation).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The numbers behind a conclusion. [`Why::phrase`] follows "sensor value is".
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// There is a limit, or there is not: `Verdict::threshold` has it.
    #[default]
    Limit,
    /// The function has not seen enough yet: `seen` of `needed`, in what it counts.
    Learning { seen: f64, needed: f64 },
    /// Beyond what the sensor can measure; an end that is absent is NaN.
    Range { min: f64, max: f64 },
    /// None of the values that there are.
    NotAllowed,
    /// In a unit that the expected one cannot be had from.
    Unit,
    /// `change` in `seconds`, where `allowed` would have been in that time.
    Rate {
        change: f64,
        seconds: f64,
        allowed: f64,
    },
    /// It moved by no more than `within` for so long.
    Unchanged { seconds: f64, within: f64 },
    /// So much time after the reading before, where `expected` is the most.
    Gap { seconds: f64, expected: f64 },
    /// The device's clock: ahead of Weir's (positive) or behind it.
    Clock { ahead: f64, allowed: f64 },
    /// The same value again, so soon after the last.
    Repeated { seconds: f64 },
    /// Beside what is usual. `spread` is one standard deviation, or its estimate.
    Deviation { usual: f64, spread: f64 },
    /// Its level moved; both are means.
    Shift { from: f64, to: f64, spread: f64 },
    /// Nothing came for `seconds`; `expected` is the longest that is usual.
    Silence { seconds: f64, expected: f64 },
    /// How unusual several sensors are together: within their pattern
    /// (Hotelling's T²) and beside it (Q), each divided by its limit.
    Together { t2: f64, q: f64 },
    /// How surprising, between 0 and 1, and what was expected.
    Surprise { expected: f64, score: f64 },
    /// One of the statistics of `adaptive` is further out than ever, or nearly:
    /// `ratio` times the fifth-largest of its peaks so far.
    Unusual {
        statistic: Statistic,
        /// What it compares with.
        usual: f64,
        ratio: f64,
    },
    /// A condition of the configuration holds.
    Condition,
    /// The reason of a user's module: its configuration has the phrase,
    /// counted from 1; 0: it says nothing.
    Module { reason: u16 },
    /// A value that the sensor sends instead of a measurement: an error code.
    NotAValue,
}

impl Why {
    /// What follows "temperature 23.1 °C is"; `None` when only a limit, or
    /// nothing, is to be said.
    pub fn phrase(&self, value: f64, unit: Option<&str>) -> Option<String> {
        let with = |number: f64| Measure(number, unit);
        let phrase = match *self {
            Self::Limit | Self::Silence { .. } | Self::Module { .. } => return None,
            Self::Learning { seen, needed } => {
                format!("not judged yet: {} of {} seen", Short(seen), Short(needed))
            }
            Self::Range { min, .. } if value < min => {
                format!("below {}, the least it can be", with(min))
            }
            Self::Range { max, .. } if value > max => {
                format!("above {}, the most it can be", with(max))
            }
            Self::Range { .. } => "within its range".to_owned(),
            Self::NotAllowed => "none of the values allowed".to_owned(),
            Self::Unit => "in another unit than expected".to_owned(),
            Self::Rate {
                change,
                seconds,
                allowed,
            } => rate(with(change.abs()), change, seconds, with(allowed)),
            Self::Unchanged { seconds, within } if within > 0.0 => {
                format!("unchanged within {} for {}", with(within), Span(seconds))
            }
            Self::Unchanged { seconds, .. } => format!("unchanged for {}", Span(seconds)),
            Self::Gap { seconds, expected } => format!(
                "the first for {}, where at most {} is expected",
                Span(seconds),
                Span(expected)
            ),
            Self::Clock { ahead, allowed } => clock(ahead, allowed),
            Self::Repeated { seconds } => {
                format!("the value of {} before once more", Span(seconds))
            }
            Self::Deviation { usual, spread } => deviation(value, usual, spread),
            Self::Shift { from, to, spread } => format!(
                "on a new level: about {} after {} ± {}",
                Short(to),
                Short(from),
                Short(spread)
            ),
            Self::Together { t2, q } if t2 >= q => format!(
                "{} times the limit: the sensors together are further out than ever",
                Short(t2)
            ),
            Self::Together { q, .. } => format!(
                "{} times the limit: the sensors do not go together as usual",
                Short(q)
            ),
            Self::Surprise { expected, score } => format!(
                "surprising ({} of 1): about {} was expected",
                Short(score),
                Short(expected)
            ),
            Self::Unusual { ratio: 0.0, .. } => "as usual".to_owned(),
            Self::Unusual {
                statistic,
                usual,
                ratio,
            } => format!(
                "{}, {} times as far out as its fifth-largest peak so far",
                statistic.phrase(usual),
                Short(ratio)
            ),
            Self::NotAValue => "a value that means an error".to_owned(),
            Self::Condition => "where its condition holds".to_owned(),
        };
        Some(phrase)
    }
}

fn rate(amount: Measure<'_>, change: f64, seconds: f64, allowed: Measure<'_>) -> String {
    let direction = if change < 0.0 { "less" } else { "more" };
    let before = Span(seconds);
    format!("{amount} {direction} than {before} before, where at most {allowed} is expected")
}

fn clock(ahead: f64, allowed: f64) -> String {
    let side = if ahead < 0.0 { "behind" } else { "ahead of" };
    let (distance, allowed) = (Span(ahead.abs()), Span(allowed));
    format!("{distance} {side} Weir's clock, where at most {allowed} is expected")
}

/// What `adaptive` looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The last two dozen readings against the long mean.
    #[default]
    Level,
    /// The last ten against the last hundred or so.
    Change,
    /// The value against what is usual at this time of day.
    TimeOfDay,
    /// The same over the last eight readings.
    TimeOfDayLasting,
    /// How much the value moves from reading to reading.
    Roughness,
}

impl Statistic {
    fn phrase(self, usual: f64) -> String {
        let usual = Short(usual);
        match self {
            Self::Level => format!("on another level than the usual {usual}"),
            Self::Change => format!("the end of a fast change from about {usual}"),
            Self::TimeOfDay => format!("not what is usual at this time of day, about {usual}"),
            Self::TimeOfDayLasting => {
                format!("for some readings not what is usual at this time of day, about {usual}")
            }
            Self::Roughness => {
                format!("moving more or less from reading to reading than the usual {usual}")
            }
        }
    }
}

fn deviation(value: f64, usual: f64, spread: f64) -> String {
    let deviations = (value - usual) / spread;
    if !deviations.is_finite() {
        return format!("not the usual {}", Short(usual));
    }
    format!(
        "{} deviations {} the usual {} ± {}",
        Short(deviations.abs()),
        if deviations < 0.0 { "below" } else { "above" },
        Short(usual),
        Short(spread)
    )
}

/// A computed number in three digits or so: nobody reads more of an estimate.
#[derive(Clone, Copy, Debug)]
pub struct Short(pub f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        if size == 0.0 || !size.is_finite() {
            return write!(f, "{}", self.0);
        }
        if !(1e-3..1e7).contains(&size) {
            return write!(f, "{:.2e}", self.0);
        }
        let decimals = (2.0 - size.log10().floor()).max(0.0) as usize;
        write!(f, "{:.*}", decimals.min(5), self.0)
    }
}

struct Measure<'a>(f64, Option<&'a str>);

impl fmt::Display for Measure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Short(self.0))?;
        match self.1 {
            Some(unit) if !unit.is_empty() => write!(f, " {unit}"),
            _ => Ok(()),
        }
    }
}

/// Seconds as a person says them, in the two largest units: `4 min 10 s`.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub f64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 10.0 {
            return write!(f, "{} s", Short(self.0));
        }
        let seconds = self.0.round() as u64;
        let (large, large_unit, small, small_unit) = match seconds {
            0..60 => return write!(f, "{seconds} s"),
            60..3_600 => (seconds / 60, "min", seconds % 60, "s"),
            3_600..86_400 => (seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
            _ => (seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
        };
        write!(f, "{large} {large_unit}")?;
        if small > 0 {
            write!(f, " {small} {small_unit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_name_the_numbers() {
        #[track_caller]
        fn check(why: Why, value: f64, expect: &str) {
            assert_eq!(why.phrase(value, Some("°C")).unwrap(), expect);
        }
        let (usual, spread) = (14.0, 1.5);
        let deviation = Why::Deviation { usual, spread };
        check(
            deviation,
            23.3,
            "6.20 deviations above the usual 14.0 ± 1.50",
        );
        check(
            deviation,
            11.0,
            "2.00 deviations below the usual 14.0 ± 1.50",
        );
        let (min, max) = (-40.0, f64::NAN);
        check(
            Why::Range { min, max },
            -400.0,
            "below -40.0 °C, the least it can be",
        );
        let rate = Why::Rate {
            change: -12.5,
            seconds: 2.0,
            allowed: 4.0,
        };
        check(
            rate,
            1.0,
            "12.5 °C less than 2.00 s before, where at most 4.00 °C is expected",
        );
        let unchanged = Why::Unchanged {
            seconds: 3_660.0,
            within: 0.0,
        };
        check(unchanged, 1.0, "unchanged for 1 h 1 min");
        assert_eq!(Why::Limit.phrase(1.0, None), None);
    }

    #[test]
    fn estimates_are_short() {
        let text = |number| Short(number).to_string();
        assert_eq!(text(0.0), "0");
        assert_eq!(text(1234.5678), "1235");
        assert_eq!(text(-0.012345), "-0.0123");
        assert_eq!(text(1e-9), "1.00e-9");
        assert_eq!(text(f64::INFINITY), "inf");
    }
}
