//! Durations and sizes as people write them: `"1m30s"`, `"64MiB"`.

use std::time::Duration;

const DURATION_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

const SIZE_UNITS: [(&str, u64); 10] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

pub(crate) const DURATION_FORM: &str = "a duration like \"10s\", \"1m30s\", \"250ms\" or \"90d\"";
pub(crate) const SIZE_FORM: &str = "a size like \"64MiB\", \"8GiB\" or \"1MB\"";

/// Numbers with the units d, h, m, s, ms, from the largest to the smallest,
/// each at most once. `None` when it is malformed or beyond `u64` milliseconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut units = DURATION_UNITS.iter();
    let mut millis = 0_u64;
    while !rest.is_empty() {
        let (number, unit, behind) = split_quantity(rest)?;
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        millis = millis.checked_add(number.checked_mul(*factor)?)?;
        rest = behind;
    }
    Some(Duration::from_millis(millis))
}

/// A whole number with a unit, decimal (kB, MB, GB, TB) or binary (KiB to TiB).
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit, behind) = split_quantity(text)?;
    let (_, factor) = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?;
    if behind.is_empty() {
        number.checked_mul(*factor)
    } else {
        None
    }
}

/// `"1m30s"` to `(1, "m", "30s")`.
fn split_quantity(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number = text[..digits].parse().ok()?;
    let text = &text[digits..];
    let letters = text
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    Some((number, &text[..letters], &text[letters..]))
}

/// The form that [`parse_duration`] reads, in the largest units that fit.
pub(crate) fn show_duration(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, factor) in DURATION_UNITS {
        if millis >= factor {
            text.push_str(&format!("{}{unit}", millis / factor));
            millis %= factor;
        }
    }
    text
}

/// The form that [`parse_size`] reads, in the largest binary unit that is exact.
pub(crate) fn show_size(bytes: u64) -> String {
    let units = [
        ("TiB", 1_u64 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
    ];
    match units
        .iter()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
    {
        Some((unit, factor)) => format!("{}{unit}", bytes / factor),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_numbers_with_units_in_falling_order() {
        let millis = |text| parse_duration(text).map(|d| d.as_millis());
        assert_eq!(millis("10s"), Some(10_000));
        assert_eq!(millis("1m30s"), Some(90_000));
        assert_eq!(millis("250ms"), Some(250));
        assert_eq!(millis("1h"), Some(3_600_000));
        assert_eq!(millis("90d"), Some(7_776_000_000));
        assert_eq!(millis("0s"), Some(0));
        for text in [
            "", "s", "10", "10 s", "-1s", "1.5s", "30s1m", "1s1s", "1S", "1w", "1s ", "٣s",
        ] {
            assert_eq!(millis(text), None, "{text:?}");
        }
        assert_eq!(millis("18446744073709551615d"), None);
        assert_eq!(millis("99999999999999999999s"), None);
    }

    #[test]
    fn sizes_distinguish_decimal_and_binary() {
        assert_eq!(parse_size("8GiB"), Some(8 << 30));
        assert_eq!(parse_size("64MiB"), Some(64 << 20));
        assert_eq!(parse_size("1MB"), Some(1_000_000));
        assert_eq!(parse_size("512B"), Some(512));
        for text in [
            "", "MiB", "64", "64 MiB", "64mib", "64M", "1.5GiB", "-1B", "1MiB2KiB",
        ] {
            assert_eq!(parse_size(text), None, "{text:?}");
        }
        assert_eq!(parse_size("18446744073709551615KiB"), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(n in any::<u64>()) {
            prop_assert_eq!(parse_size(&show_size(n)), Some(n));
            let duration = Duration::from_millis(n);
            prop_assert_eq!(parse_duration(&show_duration(duration)), Some(duration));
        }

        #[test]
        fn arbitrary_text_is_refused_or_read(text in "\\PC*") {
            let _ = (parse_duration(&text), parse_size(&text));
        }
    }
}
