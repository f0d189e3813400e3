//! Numbers as people write them: with a decimal comma, with separators of thousands.

/// The decimal sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decimal {
    Point,
    Comma,
}

impl Decimal {
    pub(super) fn of(sign: char) -> Option<Self> {
        match sign {
            '.' => Some(Self::Point),
            ',' => Some(Self::Comma),
            _ => None,
        }
    }

    /// The number in a cell; `None` if it is none.
    pub(super) fn number(self, text: &str) -> Option<f64> {
        let text = text.trim();
        let (decimal, group) = match self {
            Self::Point => ('.', ','),
            Self::Comma => (',', '.'),
        };
        let is_space = |c: char| matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'');
        let grouped = text.contains(|c: char| c == group || is_space(c));
        let mut plain = String::with_capacity(text.len());
        if grouped {
            let (whole, decimals) = text.split_once(decimal).unwrap_or((text, ""));
            let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
            let mut groups = digits.split(|c: char| c == group || is_space(c));
            let first = groups.next()?;
            let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            let first_fits = (1..=3).contains(&first.len()) && is_digits(first);
            if !first_fits || !groups.all(|part| part.len() == 3 && is_digits(part)) {
                return None;
            }
            plain.extend(whole.chars().filter(|c| *c != group && !is_space(*c)));
            if text.contains(decimal) {
                plain.push('.');
                plain.push_str(decimals);
            }
        } else {
            plain.extend(text.chars().map(|c| if c == decimal { '.' } else { c }));
            if self == Self::Comma && text.contains('.') {
                return None;
            }
        }
        plain
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
    }
}

/// What the numbers of a file have before their decimals; `Err` if it could be both.
pub(super) fn decimal<'a>(cells: impl Iterator<Item = &'a str>) -> Result<Decimal, String> {
    let (mut undecided, mut found) = (None, None);
    for text in cells {
        let text = text.trim();
        let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+');
        if text.is_empty() || !text.chars().all(digits) {
            continue;
        }
        let sign = match (text.rfind('.'), text.rfind(',')) {
            (None, None) => continue,
            (Some(_), None) => {
                let decimals = text.len() - text.rfind('.').unwrap_or(0) - 1;
                match text.matches('.').count() {
                    1 if decimals != 3 => Decimal::Point,
                    1 => continue,
                    // `1.234.567` has separators of thousands; `1.2.3` is no number.
                    _ if Decimal::Comma.number(text).is_some() => Decimal::Comma,
                    _ => continue,
                }
            }
            (Some(point), Some(comma)) if point > comma => Decimal::Point,
            (Some(_), Some(_)) => Decimal::Comma,
            (None, Some(comma)) => {
                let whole = text[..comma].trim_start_matches(['-', '+']);
                let decimals = text.len() - comma - 1;
                if text.matches(',').count() > 1 {
                    Decimal::Point
                } else if decimals != 3 || whole.len() > 3 || whole.starts_with('0') {
                    Decimal::Comma
                } else {
                    undecided.get_or_insert(text);
                    continue;
                }
            }
        };
        if *found.get_or_insert(sign) != sign {
            return Err(text.to_owned());
        }
    }
    match (found, undecided) {
        (None, Some(text)) => Err(text.to_owned()),
        (found, _) => Ok(found.unwrap_or(Decimal::Point)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_people_write() {
        for (decimal, text, expect) in [
            (Decimal::Point, "21.5", Some(21.5)),
            (Decimal::Point, " -1.5e-3 ", Some(-0.0015)),
            (Decimal::Point, "1,234,567.5", Some(1_234_567.5)),
            (Decimal::Point, "21,5", None),
            (Decimal::Comma, "21,5", Some(21.5)),
            (Decimal::Comma, "-1.234,5", Some(-1_234.5)),
            (Decimal::Comma, "1\u{202f}234,5", Some(1_234.5)),
            (Decimal::Comma, "1.234", Some(1_234.0)),
            (Decimal::Comma, "21.5", None),
            (Decimal::Comma, "nan", None),
            (Decimal::Comma, "24.12.2026", None),
        ] {
            assert_eq!(decimal.number(text), expect, "{text}");
        }
    }

    #[test]
    fn the_decimal_sign_is_found_where_it_can_be() {
        for (cells, expect) in [
            (vec!["21,5", "1,234"], Ok(Decimal::Comma)),
            (vec!["1.234,5"], Ok(Decimal::Comma)),
            (vec!["1,234.5"], Ok(Decimal::Point)),
            (vec!["21.5", "22", "on"], Ok(Decimal::Point)),
            (vec!["0,125"], Ok(Decimal::Comma)),
            (vec!["1,234", "22"], Err("1,234".to_owned())),
            (vec!["1,234", "22.5", "1.2.3"], Ok(Decimal::Point)),
            (vec!["1,5", "1,234.5"], Err("1,234.5".to_owned())),
        ] {
            assert_eq!(decimal(cells.iter().copied()), expect, "{cells:?}");
        }
    }
}
