//! The kind `allowed`: a reading must be one of the possible values, and none of
//! those that mean an error. A
//! valve is open or shut; a state of "on~" is a bad byte on a serial line.
//!
//! Numbers and texts; booleans are 1 and 0. Remembers nothing: 0 bytes per
//! series.

use weir_config::{Allowed, Values};
use weir_model::{Flags, Why, printable};

use crate::conclusion::Conclusion;
use crate::input::{Input, InputValue};
use crate::inspect::fact::{Fact, text};
use crate::kind::{Kind, Stage};

impl Kind for Allowed {
    type Memory = ();

    const STAGE: Stage = Stage::Check;
    const CHECKS_LATE: bool = true;

    fn empty(&self) {}

    fn step(&self, _: &mut (), input: &Input<'_>) -> Conclusion {
        check(self, input.value)
    }

    fn settings(&self) -> Vec<Fact> {
        let list = |values: &Values| shown(values).collect::<Vec<_>>().join(", ");
        let values = self
            .values
            .as_ref()
            .map(|values| text("values", list(values)));
        let not = text("not", list(&self.not));
        let not = (self.not != Values::default()).then_some(not);
        values.into_iter().chain(not).collect()
    }
}

/// The permitted values for a sentence: the first few and the number of the others.
pub(crate) fn list(settings: &Allowed) -> Option<String> {
    const SHOWN: usize = 8;
    let values = shown(settings.values.as_ref()?);
    let values: Vec<String> = values.collect();
    let more = values.len().saturating_sub(SHOWN);
    let shown = values[..values.len() - more].join(", ");
    match (values.len(), more) {
        (0, _) => None,
        (_, 0) => Some(shown),
        (_, more) => Some(format!("{shown} and {more} more")),
    }
}

fn shown(values: &Values) -> impl Iterator<Item = String> {
    let numbers = values.numbers.iter().map(ToString::to_string);
    numbers.chain(values.texts.iter().map(|text| printable(text)))
}

/// Concludes from any value.
fn check(settings: &Allowed, value: InputValue<'_>) -> Conclusion {
    if holds(&settings.not, value) {
        return Conclusion::check(true, settings.effect, Flags::NOT_ALLOWED, Why::NotAValue);
    }
    let values = settings.values.as_ref();
    let known = values.is_none_or(|values| holds(values, value));
    Conclusion::check(!known, settings.effect, Flags::NOT_ALLOWED, Why::NotAllowed)
}

/// Whether a value is in a list. The lists are short and sorted.
fn holds(values: &Values, value: InputValue<'_>) -> bool {
    match value {
        InputValue::Number(value) => {
            // -0 is 0.
            let value = value + 0.0;
            let numbers = &values.numbers;
            numbers
                .binary_search_by(|known| (known + 0.0).total_cmp(&value))
                .is_ok()
        }
        InputValue::Text(text) => {
            let texts = &values.texts;
            texts.binary_search_by(|known| (**known).cmp(text)).is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_config::Effect;
    use weir_model::Quality;

    use super::*;

    #[test]
    fn a_value_is_in_the_list_or_not_allowed() {
        let settings = Allowed {
            values: Some(Values {
                numbers: vec![0.0, 1.0, 2.5],
                texts: vec!["off".to_owned(), "on".to_owned()],
            }),
            not: Values::default(),
            effect: Effect {
                quality: Quality::Bad,
                severity: None,
            },
        };
        let bad = |value| check(&settings, value).quality == Quality::Bad;
        for value in [0.0, 1.0, 2.5] {
            assert!(!bad(InputValue::Number(value)), "{value}");
        }
        for value in [-1.0, 0.5, f64::MAX] {
            assert!(bad(InputValue::Number(value)), "{value}");
        }
        assert!(!bad(InputValue::Text("on")) && !bad(InputValue::Text("off")));
        assert!(bad(InputValue::Text("on~")) && bad(InputValue::Text("")));
        assert_eq!(list(&settings).as_deref(), Some("0, 1, 2.5, off, on"));
    }

    #[test]
    fn only_the_values_that_mean_an_error_are_at_fault() {
        let settings = Allowed {
            values: None,
            not: Values {
                numbers: vec![-127.0, 85.0],
                texts: vec!["ERR".to_owned(), "n/a".to_owned()],
            },
            effect: Effect {
                quality: Quality::Bad,
                severity: None,
            },
        };
        let why = |value| check(&settings, value).why;
        let bad = |value| check(&settings, value).quality == Quality::Bad;
        for value in [
            InputValue::Number(85.0),
            InputValue::Number(-127.0),
            InputValue::Text("ERR"),
        ] {
            assert!(bad(value) && why(value) == Why::NotAValue, "{value:?}");
        }
        for value in [
            InputValue::Number(84.9),
            InputValue::Text("err"),
            InputValue::Text("85"),
        ] {
            assert!(!bad(value), "{value:?}");
        }
        assert_eq!(list(&settings), None);
    }
}
