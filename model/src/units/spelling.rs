//! Spellings of units that are not in the list: signs, case and words.
//!
//! 1. Signs that look alike become one: `º` and `˚` are `°`, `µ` and `μ` are `u`,
//!    `²` is `2`, full-width letters are ASCII, spaces are dropped.
//! 2. Words become codes: `celsius`, `kelvin`, `kilowatt hours`.
//! 3. Case is ignored where one unit of the list remains. The prefixes m and M, p
//!    and P are never exchanged: `MV` is not `mV`.

use super::Unit;

/// The unit of a text that is not in the list as it is.
pub(super) fn find(text: &str) -> Option<Unit> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let signs = signs(text);
    Unit::exact(&signs)
        .or_else(|| word(&signs.to_lowercase()))
        .or_else(|| in_any_case(&signs))
}

/// What a text means besides the unit that the list has for it.
pub(super) fn other_meaning(text: &str) -> Option<Unit> {
    let code = match signs(text).as_str() {
        "C" | "c" => "Cel",
        "F" | "f" => "[degF]",
        "R" => "[degR]",
        "g" | "G" => "[g]",
        _ => return None,
    };
    Unit::exact(code)
}

/// Spellings in the list that are no UCUM codes.
pub(super) fn is_colloquial(code: &str) -> bool {
    const COLLOQUIAL: &[&str] = &[
        "%RH", "%rh", "Ah", "GWh", "MVA", "MWh", "Mvar", "Nm", "VA", "VAr", "Wh", "cfm", "dBm",
        "degC", "degF", "ft", "gal", "gpm", "in", "inHg", "kVA", "kVAr", "kWh", "kn", "kph", "lb",
        "lbf", "mAh", "mi", "mmHg", "mph", "oz", "pH", "ppb", "ppm", "psi", "rpm", "yd",
    ];
    !code.is_ascii() || COLLOQUIAL.contains(&code)
}

/// Longest text that may be a unit.
const MAX_BYTES: usize = 64;

/// The text with one sign for all that look alike, and without spaces.
fn signs(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if c.is_whitespace() => {}
            // Masculine ordinal, ring above, ring operator, modifier letters.
            '\u{ba}' | '\u{2da}' | '\u{2218}' | '\u{1d52}' | '\u{2070}' => folded.push('°'),
            '℃' => folded.push_str("°C"),
            '℉' => folded.push_str("°F"),
            // The signs of kelvin, angstrom and ohm are letters of their own.
            '\u{212a}' => folded.push('K'),
            '\u{2126}' | '\u{3a9}' => folded.push_str("Ohm"),
            '\u{b5}' | '\u{3bc}' => folded.push('u'),
            '\u{b9}' => folded.push('1'),
            '\u{b2}' => folded.push('2'),
            '\u{b3}' => folded.push('3'),
            '\u{2044}' | '\u{2215}' => folded.push('/'),
            '\u{b7}' | '\u{22c5}' | '\u{2219}' | '\u{2022}' | '*' => folded.push('.'),
            '\u{2212}' | '\u{207b}' => folded.push('-'),
            '\u{2032}' | '\u{2019}' => folded.push('\''),
            '^' => {}
            '‰' => folded.push_str("[ppth]"),
            '㎡' => folded.push_str("m2"),
            '㎥' => folded.push_str("m3"),
            '㎜' => folded.push_str("mm"),
            '㎝' => folded.push_str("cm"),
            '㎞' => folded.push_str("km"),
            '㎎' => folded.push_str("mg"),
            '㎏' => folded.push_str("kg"),
            '㎐' => folded.push_str("Hz"),
            '㎑' => folded.push_str("kHz"),
            '㎒' => folded.push_str("MHz"),
            '㎩' => folded.push_str("Pa"),
            '㎪' => folded.push_str("kPa"),
            '㎷' => folded.push_str("mV"),
            '㎾' => folded.push_str("kW"),
            // Full-width ASCII.
            '\u{ff01}'..='\u{ff5e}' => {
                folded.extend(char::from_u32(u32::from(c) - 0xfee0));
            }
            _ => folded.push(c),
        }
    }
    folded
}

/// Whole words that no rule makes. Lower case, sorted by nothing: a handful.
const WORDS: &[(&str, &str)] = &[
    ("°c", "Cel"),
    ("degc", "Cel"),
    ("°celsius", "Cel"),
    ("celsius", "Cel"),
    ("celcius", "Cel"),
    ("centigrade", "Cel"),
    ("degcelsius", "Cel"),
    ("degreecelsius", "Cel"),
    ("degreescelsius", "Cel"),
    ("degreesc", "Cel"),
    ("degree_celsius", "Cel"),
    ("degrees_celsius", "Cel"),
    ("deg_c", "Cel"),
    ("°f", "[degF]"),
    ("degf", "[degF]"),
    ("°fahrenheit", "[degF]"),
    ("fahrenheit", "[degF]"),
    ("degfahrenheit", "[degF]"),
    ("degreefahrenheit", "[degF]"),
    ("degreesfahrenheit", "[degF]"),
    ("degrees_fahrenheit", "[degF]"),
    ("degreesf", "[degF]"),
    ("deg_f", "[degF]"),
    ("°k", "K"),
    ("kelvin", "K"),
    ("kelvins", "K"),
    ("degkelvin", "K"),
    ("rankine", "[degR]"),
    ("percent", "%"),
    ("pct", "%"),
    ("percentage", "%"),
    ("ph", "[pH]"),
    ("ppm", "[ppm]"),
    ("ppb", "[ppb]"),
    ("psi", "[psi]"),
    ("rpm", "{rpm}"),
    ("revolutionsperminute", "{rpm}"),
    ("degree", "deg"),
    ("degrees", "deg"),
    ("minute", "min"),
    ("minutes", "min"),
    ("hour", "h"),
    ("hours", "h"),
    ("hr", "h"),
    ("hrs", "h"),
    ("day", "d"),
    ("days", "d"),
    ("sec", "s"),
    ("secs", "s"),
    ("inch", "[in_i]"),
    ("inches", "[in_i]"),
    ("foot", "[ft_i]"),
    ("feet", "[ft_i]"),
    ("mile", "[mi_i]"),
    ("miles", "[mi_i]"),
    ("knot", "[kn_i]"),
    ("knots", "[kn_i]"),
    ("decibel", "dB"),
    ("decibels", "dB"),
    ("gallon", "[gal_us]"),
    ("gallons", "[gal_us]"),
];

/// Words that take a prefix, and their codes.
const NAMES: &[(&str, &str)] = &[
    ("watthour", "W.h"),
    ("watt-hour", "W.h"),
    ("amperehour", "A.h"),
    ("amphour", "A.h"),
    ("voltampere", "V.A"),
    ("volt", "V"),
    ("ampere", "A"),
    ("amp", "A"),
    ("watt", "W"),
    ("hertz", "Hz"),
    ("pascal", "Pa"),
    ("ohm", "Ohm"),
    ("meter", "m"),
    ("metre", "m"),
    ("gram", "g"),
    ("liter", "L"),
    ("litre", "L"),
    ("second", "s"),
    ("bar", "bar"),
    ("joule", "J"),
    ("newton", "N"),
    ("tesla", "T"),
    ("siemens", "S"),
    ("farad", "F"),
    ("henry", "H"),
    ("lumen", "lm"),
    ("lux", "lx"),
    ("becquerel", "Bq"),
    ("radian", "rad"),
    ("byte", "By"),
    ("bit", "bit"),
    ("mole", "mol"),
];

const PREFIXES: &[(&str, &str)] = &[
    ("", ""),
    ("kilo", "k"),
    ("mega", "M"),
    ("giga", "G"),
    ("hecto", "h"),
    ("deci", "d"),
    ("centi", "c"),
    ("milli", "m"),
    ("micro", "u"),
    ("nano", "n"),
    ("pico", "p"),
];

/// The unit of a word in lower case, in the singular or plural.
fn word(text: &str) -> Option<Unit> {
    if let Some((_, code)) = WORDS.iter().find(|(word, _)| *word == text) {
        return Unit::exact(code);
    }
    for (word, prefix) in PREFIXES {
        let Some(rest) = text.strip_prefix(word) else {
            continue;
        };
        let named = |(name, _): &&(&str, &str)| {
            let behind = rest.strip_prefix(*name);
            behind.is_some_and(|behind| behind.is_empty() || behind == "s")
        };
        if let Some((_, code)) = NAMES.iter().find(named) {
            return Unit::exact(&format!("{prefix}{code}"));
        }
    }
    None
}

/// The one unit of the list that a text is in another case.
fn in_any_case(text: &str) -> Option<Unit> {
    let first = text.chars().next()?;
    let is_prefix = matches!(first, 'm' | 'M' | 'p' | 'P');
    let mut found: Option<Unit> = None;
    for code in Unit::codes() {
        let same = code.eq_ignore_ascii_case(text);
        if !same || (is_prefix && !code.starts_with(first)) {
            continue;
        }
        let unit = Unit::exact(code)?;
        if found.is_some_and(|found| found != unit) {
            return None;
        }
        found = Some(unit);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::UNITS;
    use super::*;

    #[test]
    fn the_tables_name_units_of_the_list() {
        assert!(UNITS.len() > 200);
        for (word, code) in WORDS.iter().chain(NAMES) {
            assert!(Unit::exact(code).is_some(), "{word}: {code}");
        }
    }

    #[test]
    fn spellings_mean_what_the_code_means() {
        #[track_caller]
        fn check(code: &str, spellings: &[&str]) {
            let unit = Unit::exact(code).unwrap();
            for spelling in spellings {
                assert_eq!(Unit::find(spelling), Some(unit), "{spelling:?} is {code}");
            }
        }
        check(
            "Cel",
            &[
                "\u{ba}C",
                "\u{2da}C",
                "°C",
                "° C",
                "℃",
                "celsius",
                "Celsius",
                "CELSIUS",
                "deg C",
                "degrees Celsius",
                "\u{b0}c",
                "°\u{ff23}",
            ],
        );
        check(
            "[degF]",
            &["ºF", "˚F", "℉", "fahrenheit", "Fahrenheit", "deg F"],
        );
        check("K", &["kelvin", "Kelvin", "\u{212a}"]);
        check("%", &["percent", "Percent", "\u{ff05}", "pct"]);
        check(
            "kW.h",
            &[
                "KWH",
                "kwh",
                "kW·h",
                "kilowatt hours",
                "Kilowatthour",
                "kW*h",
            ],
        );
        check("Ohm", &["\u{2126}", "ohm", "Ohms", "OHM"]);
        check("kOhm", &["k\u{3a9}", "kΩ", "kilo ohm"]);
        check("uS/cm", &["µS/cm", "μS/cm"]);
        check("m3/h", &["m\u{b3}/h", "m^3/h", "m³⁄h"]);
        check("hPa", &["hpa", "hectopascal", "HPA"]);
        check("[ppm]", &["PPM"]);
        check("V", &["volt", "Volts", "v"]);
        check("mV", &["millivolts", "mv"]);
    }

    #[test]
    fn prefixes_are_not_exchanged_and_nonsense_is_unknown() {
        for unknown in [
            "MV",
            "mpa",
            "furlong",
            "",
            "  ",
            "celsiuss",
            "°",
            "°X",
            "kilokelvin",
        ] {
            let found = Unit::find(unknown);
            let is_angle = unknown == "°";
            assert_eq!(found.is_some(), is_angle, "{unknown:?}");
        }
        let long = "C".repeat(1_000);
        assert_eq!(Unit::find(&long), None);
    }

    #[test]
    fn a_text_of_two_meanings_has_the_one_that_converts() {
        let unit = |code| Unit::exact(code).unwrap();
        let (kelvin, coulomb) = (unit("K"), unit("C"));
        assert_eq!(Unit::find_for("C", kelvin), Some(unit("Cel")));
        assert_eq!(Unit::find_for("F", kelvin), Some(unit("[degF]")));
        assert_eq!(Unit::find_for("C", coulomb), Some(coulomb));
        assert_eq!(Unit::find_for("F", unit("uF")), Some(unit("F")));
        assert_eq!(Unit::find_for("g", unit("m/s2")), Some(unit("[g]")));
        assert_eq!(Unit::find_for("g", unit("kg")), Some(unit("g")));
        assert_eq!(Unit::find_for("V", kelvin), Some(unit("V")));
    }
}
