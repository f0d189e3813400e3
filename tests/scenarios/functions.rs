//! Functions over live readings, and over stored ones in a backtest.

mod backtest;
mod backtest_journal;
mod explain;
mod kinds;
mod metering;
mod removed;
mod wasm;

/// The module of the documentation: a reading above the first parameter is a
/// warning, above the second critical.
const LIMIT: &str = include_str!("../../docs/reference/functions/wasm/limit.wat");

/// [`LIMIT`], trapping at every reading.
fn trapping() -> String {
    let trap = "(if (i32.load offset=4 (local.get $batch)) (then unreachable)) (block $done";
    LIMIT.replace("(block $done", trap)
}
