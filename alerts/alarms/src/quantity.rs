//! Numbers in sentences for people: with as many digits as somebody reads.

use std::fmt;

/// Significant digits, if the integer part does not need more.
const DIGITS: usize = 6;
/// Digits with which a double reads back as the same double.
const ALL_DIGITS: usize = 17;

/// A number with its unit, in six significant digits. The integer part is never
/// rounded.
#[derive(Clone, Copy, Debug)]
pub struct Quantity<'a> {
    number: f64,
    unit: Option<&'a str>,
    digits: usize,
}

impl<'a> Quantity<'a> {
    pub fn new(number: f64, unit: Option<&'a str>) -> Self {
        Self {
            number,
            unit,
            digits: DIGITS,
        }
    }

    /// As [`Quantity::new`], with more digits where `number` and `other` differ
    /// and would look the same: a value just above its limit.
    pub fn beside(number: f64, other: f64, unit: Option<&'a str>) -> Self {
        let differ = |digits: &usize| rounded(number, *digits) != rounded(other, *digits);
        let digits = if number == other {
            DIGITS
        } else {
            (DIGITS..ALL_DIGITS).find(differ).unwrap_or(ALL_DIGITS)
        };
        Self {
            number,
            unit,
            digits,
        }
    }
}

impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = rounded(self.number, self.digits);
        let size = number.abs();
        if size != 0.0 && size.is_finite() && !(1e-5..1e15).contains(&size) {
            write!(f, "{number:e}")?;
        } else {
            write!(f, "{number}")?;
        }
        match self.unit {
            Some(unit) if !unit.is_empty() => write!(f, " {unit}"),
            _ => Ok(()),
        }
    }
}

/// The double that the decimal number of so many digits reads back as.
fn rounded(number: f64, digits: usize) -> f64 {
    if !number.is_finite() {
        return number;
    }
    let integer = match number.abs() {
        size @ 1.0..1e15 => size.log10() as usize + 1,
        _ => 0,
    };
    let decimals = digits.max(integer).min(ALL_DIGITS) - 1;
    format!("{number:.decimals$e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_stay_short() {
        #[track_caller]
        fn check(number: f64, unit: Option<&str>, expect: &str) {
            assert_eq!(Quantity::new(number, unit).to_string(), expect);
        }
        check(93.5, Some("°C"), "93.5 °C");
        check(90.0, None, "90");
        check(0.1 + 0.2, Some(""), "0.3");
        check(100.55195198416013, Some("Cel"), "100.552 Cel");
        check(-0.012345678, None, "-0.0123457");
        check(1_234_567.891, None, "1234568");
        check(999_999.96, None, "1000000");
        check(123_456_789_012_345.0, None, "123456789012345");
        check(1e300, Some("Pa"), "1e300 Pa");
        check(-2.5e-9, None, "-2.5e-9");
        check(1.23456789e-9, None, "1.23457e-9");
        check(0.0, None, "0");
        check(f64::NAN, None, "NaN");
        check(f64::INFINITY, None, "inf");
    }

    #[test]
    fn a_value_just_above_its_limit_does_not_look_like_the_limit() {
        #[track_caller]
        fn check(number: f64, other: f64, expect: (&str, &str)) {
            let text = |a, b| Quantity::beside(a, b, None).to_string();
            let found = (text(number, other), text(other, number));
            assert_eq!((&*found.0, &*found.1), expect);
        }
        check(80.000000125, 80.0, ("80.0000001", "80"));
        check(100.55195198416013, 90.0, ("100.552", "90"));
        check(90.0, 90.0, ("90", "90"));
        check(f64::NAN, 90.0, ("NaN", "90"));
        let next = 80.0f64.next_up();
        check(next, 80.0, ("80.00000000000001", "80"));
    }
}
