//! How finely a series moves: the floor under what a detector takes for usual.
//!
//! A sensor that mostly repeats itself has a spread of nearly nothing, and would
//! be unusual whenever its last digit moves. So no deviation is taken to be less
//! than half the smallest step that the series has ever made.

use serde::{Deserialize, Serialize};

use crate::inspect::fact::{Fact, measure};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Steps {
    last: f64,
    /// Above 0; infinite until the series has moved.
    smallest: f64,
}

impl Default for Steps {
    fn default() -> Self {
        Self {
            last: f64::NAN,
            smallest: f64::INFINITY,
        }
    }
}

impl Steps {
    pub(crate) fn take(&mut self, value: f64) {
        let step = (value - self.last).abs();
        if step > 0.0 && step < self.smallest {
            self.smallest = step;
        }
        self.last = value;
    }

    /// The smallest step, once there is one.
    pub(crate) fn facts(&self) -> Option<Fact> {
        let known = self.smallest.is_finite();
        known.then(|| measure("smallest_step", self.smallest))
    }

    /// The spread as it is to be reckoned with, never 0. `around` is the usual
    /// value; `least` comes from the configuration.
    pub(crate) fn floor(&self, spread: f64, least: f64, around: f64) -> f64 {
        let half = if self.smallest.is_finite() {
            self.smallest / 2.0
        } else {
            0.0
        };
        let spread = spread.max(least).max(half);
        if spread > 0.0 {
            return spread;
        }
        // It has never moved: a thousandth of the value is as good as any guess.
        (around.abs() / 1_000.0).max(1e-9)
    }
}
