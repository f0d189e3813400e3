//! From a message's bytes to rows, verdicts and quarantine: pure.
//!
//! There is no I/O here, no clock and no global: time comes with the messages,
//! and what has to be remembered is the [`Engine`]'s. The same messages in the
//! same order give the same [`Batch`]es and the same snapshot, live, at replay
//! and in a backtest.
//!
//! ```text
//! message ─▶ routes ─▶ weir-codec ─▶ event ─▶ tables (device, series, slots) ─▶ Batch
//!                                      └─▶ kinds: checks, threshold, detectors, …
//! ```
//!
//! A function is of a kind; `kinds.rs` is the table of all kinds and says how
//! to add one. The feature `wasm` runs functions that are WebAssembly modules.

mod absence;
mod adopt;
mod batch;
mod checks;
mod conclusion;
mod derived;
mod detectors;
mod devices;
mod engine;
mod event;
mod explain;
mod fact;
mod index;
mod info;
mod input;
mod kind;
mod kinds;
mod latest;
mod meter;
mod pending;
mod retained;
mod routes;
mod row_builder;
mod rules;
mod sequence;
mod slot;
mod snapshot;
mod tables;
mod text;
mod threshold;
mod usage;
mod validator;
mod wasm;

pub use batch::Batch;
/// The detector by itself, for those that measure it.
pub use detectors::adaptive::{Adaptive, Finding, REPORT};
pub use engine::{Engine, Slot};
pub use explain::Explained;
pub use fact::{Fact, FactValue};
pub use index::REMOVED_FUNCTION;
pub use info::FunctionInfo;
pub use latest::{DeviceSummary, Latest, LatestValue};
pub use meter::{FunctionUsage, NanoClock, Tallies, Tally, Times, Usage};
pub use sequence::SequenceCounts;
pub use snapshot::SnapshotError;
pub use wasm::{ModuleFailure, ModuleReport, check};
