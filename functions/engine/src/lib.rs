//! From a message's bytes to rows, verdicts and quarantine: pure.
//!
//! There is no I/O here, no clock and no global: time comes with the messages,
//! and what has to be remembered is the [`Engine`]'s. The same messages in the
//! same order give the same [`Batch`]es and the same snapshot, live, at replay
//! and in a backtest.

mod absence;
mod adopt;
mod batch;
mod checks;
mod conclusion;
mod derived;
mod detectors;
mod engine;
mod explain;
mod kinds;
mod latest;
mod memory;
mod meter;
mod reading;
mod row_builder;
mod rules;
mod run;
mod sequence;
mod snapshot;
mod threshold;
mod unit_step;
mod usage;
mod validator;
mod wasm;

pub use batch::Batch;
/// The detector by itself, for those that measure it.
pub use detectors::adaptive::{Adaptive, Finding, REPORT};
pub use engine::{Engine, FunctionInfo, Slot};
pub use explain::{Explained, Fact, FactValue};
pub use latest::{DeviceSummary, Latest, LatestValue};
pub use memory::REMOVED_FUNCTION;
pub use meter::{FunctionUsage, NanoClock, Tallies, Tally, Times, Usage};
pub use sequence::SequenceCounts;
pub use snapshot::SnapshotError;
pub use wasm::{ModuleFailure, ModuleReport, check};
