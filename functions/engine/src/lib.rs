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
mod batch;
mod checks;
mod conclusion;
mod derived;
mod detectors;
mod devices;
mod engine;
mod event;
mod input;
mod inspect;
mod kind;
mod kinds;
mod pending;
mod retained;
mod routes;
mod row_builder;
mod rules;
mod sequence;
mod state;
mod text;
mod threshold;
mod validator;
mod wasm;

pub use batch::{Batch, UnusedTime};
/// The detector by itself, for those that measure it.
pub use detectors::adaptive::{Adaptive, Finding, REPORT};
pub use engine::{Engine, Slot};
pub use inspect::decoded::DecodedMessage;
pub use inspect::explain::Explained;
pub use inspect::fact::{Fact, FactValue};
pub use inspect::info::FunctionInfo;
pub use inspect::latest::{DeviceSummary, Latest, LatestValue};
pub use inspect::meter::{FunctionUsage, NanoClock, Tallies, Tally, Times, Usage};
pub use inspect::watched::Watched;
pub use sequence::SequenceCounts;
pub use state::index::REMOVED_FUNCTION;
pub use state::snapshot::SnapshotError;
pub use wasm::{ModuleFailure, ModuleReport, check};
