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

pub(crate) mod input;
pub(crate) mod instant;
pub(crate) mod journal;
pub(crate) mod readings;
pub(crate) mod report;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod scores;
pub(crate) mod stored;
mod tabular;
