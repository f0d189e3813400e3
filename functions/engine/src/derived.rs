//! The kind `derived`: new sensors, computed from others of the same device.
//!
//! An expression is evaluated with the latest values of the sensors that it names.
//! A condition is 1 or 0, and with a `severity` raises an alarm while it holds. What
//! fails is quarantined with the expression. When that happens, and what becomes of
//! the result, is in `event/derive.rs`.
//!
//! Remembers nothing; an evaluation allocates a name and a value per input.
//!
//! `multivariate` looks at several sensors as well, and feeds one: its score.

use weir_config::Derived;

use crate::inspect::fact::{Fact, length, text};
use crate::kind::{Kind, Stage};

impl Kind for Derived {
    type Memory = ();

    const STAGE: Stage = Stage::Device;

    fn empty(&self) {}

    fn settings(&self) -> Vec<Fact> {
        vec![
            text("expression", self.expression.text()),
            length("max_age", self.max_age),
        ]
    }

    fn output(&self) -> Option<&str> {
        Some(&self.output)
    }
}
