//! The kind `allowed`: a reading must be one of the possible values. A
//! valve is open or shut; a state of "on~" is a bad byte on a serial line.
//!
//! Numbers and texts; booleans are 1 and 0. Remembers nothing: 0 bytes per
//! series.

use weir_config::Allowed;
use weir_model::{Flags, Why};

use crate::conclusion::Conclusion;
use crate::fact::{Fact, text};
use crate::input::{Input, InputValue};
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
        let numbers = self.numbers.iter().map(ToString::to_string);
        let values: Vec<String> = numbers.chain(self.texts.iter().cloned()).collect();
        vec![text("values", values.join(", "))]
    }
}

/// Concludes from any value. The lists are short and sorted.
fn check(settings: &Allowed, value: InputValue<'_>) -> Conclusion {
    let known = match value {
        InputValue::Number(value) => settings
            .numbers
            .binary_search_by(|known| known.total_cmp(&value))
            .is_ok(),
        InputValue::Text(text) => settings
            .texts
            .binary_search_by(|known| (**known).cmp(text))
            .is_ok(),
    };
    Conclusion::check(!known, settings.effect, Flags::NOT_ALLOWED, Why::NotAllowed)
}

#[cfg(test)]
mod tests {
    use weir_config::Effect;
    use weir_model::Quality;

    use super::*;

    #[test]
    fn a_value_is_in_the_list_or_not_allowed() {
        let settings = Allowed {
            numbers: vec![0.0, 1.0, 2.5],
            texts: vec!["off".to_owned(), "on".to_owned()],
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
    }
}
