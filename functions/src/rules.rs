//! Which functions a series has: the selectors of the `[[function]]`s.
//!
//! A selector is a glob over the whole name: `*` is any run of characters, `?`
//! any one. Series are matched when they appear and when their location
//! changes, never per reading.

use serde::{Deserialize, Serialize};
use weir_config::{Function, FunctionKind};

use crate::threshold::{self, Limits};

/// What a `[[function]]` computes, and over which series. Two that are equal have
/// each other's memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) name: String,
    device: Option<String>,
    sensor: Option<String>,
    location: Option<String>,
    pub(crate) kind: RuleKind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum RuleKind {
    Threshold(Limits),
}

impl Rule {
    pub(crate) fn new(function: &Function) -> Self {
        let FunctionKind::Threshold(threshold) = &function.kind;
        let limits = Limits {
            warning_high: threshold.warning_high,
            critical_high: threshold.critical_high,
            warning_low: threshold.warning_low,
            critical_low: threshold.critical_low,
            deadband: threshold.deadband,
        };
        Self {
            name: function.name.clone(),
            device: function.device.clone(),
            sensor: function.sensor.clone(),
            location: function.location.clone(),
            kind: RuleKind::Threshold(limits),
        }
    }

    /// What this function keeps of the memory of the one that had its name before
    /// it was changed. A threshold keeps level and side: an alarm that is open is
    /// judged by the new limits, and not forgotten.
    pub(crate) fn inherit(&self, before: &Self, memory: threshold::Memory) -> threshold::Memory {
        match (&before.kind, &self.kind) {
            (RuleKind::Threshold(_), RuleKind::Threshold(_)) => memory,
        }
    }

    pub(crate) fn selects(&self, device: &str, sensor: &str, location: &str) -> bool {
        let fits = |glob: &Option<String>, name: &str| {
            glob.as_deref().is_none_or(|glob| glob_matches(glob, name))
        };
        fits(&self.sensor, sensor) && fits(&self.device, device) && fits(&self.location, location)
    }
}

/// Whether the glob matches the whole text. Takes at most glob times text steps:
/// only the last `*` is ever tried again.
fn glob_matches(glob: &str, text: &str) -> bool {
    let (mut glob, mut text) = (glob.chars(), text.chars());
    let mut retry = None;
    loop {
        match (glob.next(), text.clone().next()) {
            (Some('*'), _) => retry = Some((glob.clone(), text.clone())),
            (None, None) => return true,
            (Some(expected), Some(found)) if expected == '?' || expected == found => {
                text.next();
            }
            _ => {
                // The last star takes one character more.
                let Some((after_star, mut rest)) = retry.take() else {
                    return false;
                };
                if rest.next().is_none() {
                    return false;
                }
                glob = after_star.clone();
                text = rest.clone();
                retry = Some((after_star, rest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(glob: &str, text: &str, expect: bool) {
        assert_eq!(glob_matches(glob, text), expect, "{glob:?} on {text:?}");
    }

    #[test]
    fn globs_match_whole_names() {
        check("", "", true);
        check("", "a", false);
        check("*", "", true);
        check("*", "anything", true);
        check("pump-*", "pump-", true);
        check("pump-*", "pump-17", true);
        check("pump-*", "a-pump-17", false);
        check("*-17", "pump-17", true);
        check("p?mp", "pömp", true);
        check("p?mp", "pmp", false);
        check("a*b*c", "aXbYbZc", true);
        check("a*b*c", "aXbYbZ", false);
        check(
            "*a*a*a*b",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            false,
        );
        check("[a]", "[a]", true);
        check("temperature", "temperature", true);
        check("temperature", "Temperature", false);
        check("**", "x", true);
        check("?*", "", false);
    }
}
