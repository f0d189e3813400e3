//! A JSON number as it is written, and what it is worth: the nearest double, and
//! whether an integer survives becoming one.

/// A number as it is written: `mantissa * 10^exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) mantissa: u64,
    pub(crate) exponent: i32,
    pub(crate) negative: bool,
    /// Neither a fraction nor an exponent is written.
    pub(crate) integer: bool,
    /// The mantissa holds all digits.
    pub(crate) complete: bool,
}

/// Powers of ten that a double holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

impl Number {
    /// The nearest double; infinite when it is beyond the range.
    pub(crate) fn to_f64(self, text: &str) -> f64 {
        // Clinger's fast path: both operands are exact, so the one rounding of
        // the operation is the right one. Everything else is left to std.
        if self.complete && self.mantissa <= 1 << 53 && self.exponent.unsigned_abs() <= 22 {
            let power = EXACT_POWERS[self.exponent.unsigned_abs() as usize];
            let mantissa = self.mantissa as f64;
            let value = if self.exponent < 0 {
                mantissa / power
            } else {
                mantissa * power
            };
            return if self.negative { -value } else { value };
        }
        self.text(text).parse().unwrap_or(f64::INFINITY)
    }

    /// An integer is written, and a double cannot hold it. Digits beyond the
    /// range of doubles do not count as such.
    pub(crate) fn is_inexact_integer(self, text: &str) -> bool {
        if !self.integer || (self.complete && self.mantissa <= 1 << 53) {
            return false;
        }
        let value = self.to_f64(text);
        if !value.is_finite() {
            return false;
        }
        // A double prints its exact value when no fraction is asked for.
        format!("{value:.0}") != self.text(text)
    }

    /// The value when it is a whole number, however it is written.
    pub(crate) fn to_i64(self, text: &str) -> Option<i64> {
        if self.integer {
            if self.complete && self.mantissa <= i64::MAX as u64 {
                let value = self.mantissa as i64;
                return Some(if self.negative { -value } else { value });
            }
            return self.text(text).parse().ok();
        }
        let value = self.to_f64(text);
        // -2^63 and 2^63: every whole double from the first up to, but without,
        // the second is an i64.
        let whole = value.trunc() == value && (-(2f64.powi(63))..2f64.powi(63)).contains(&value);
        whole.then_some(value as i64)
    }

    /// As it is written.
    pub(crate) fn text(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}
