//! `weir backtest`: what a configuration would have made of readings that are
//! there already. It touches nothing.
//!
//! ```text
//! files ─┐                 ┌ device 1: engine ─▶ alarm engine ┐
//!        ├─▶ groups ──────▶│ device 2: …                      ├─▶ report, scores
//! store ─┘  of devices     └ device n, on all cores           ┘
//! ```
//!
//! A journal is not cut into devices: its messages go through one engine in their
//! order ([`journal`]).
//!
//! The engine and the alarm engine are those of a running Weir, and the readings
//! come to them as messages: what is decided here would have been decided there.

pub mod decode;
pub mod explain;
pub mod input;
pub mod instant;
pub mod journal;
pub mod readings;
pub mod report;
pub mod rows;
pub mod run;
pub mod scores;
pub mod stored;
mod tabular;
