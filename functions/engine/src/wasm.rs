//! The kind `wasm`: functions of the user's own, as WebAssembly modules.
//!
//! A module is handed a batch and fills in verdicts in place. It exports
//!
//! ```text
//! memory                                          its only memory
//! weir_input_1    (length: i32) -> (address: i32) where the batch may go; 8-byte aligned
//! weir_evaluate_1 (address: i32, length: i32) -> (status: i32)      0: it is done
//! ```
//!
//! and imports nothing. The batch, little-endian, every part 8-byte aligned:
//!
//! ```text
//! header    u32 version (1)   u32 readings       u32 series         u32 bytes of a state
//!           u32 numbers       u32 → numbers      u32 → readings     u32 → states
//! numbers   f64 …             `params` of the configuration
//! readings  i64 time (ns)     f64 value          u32 series         u32 0
//!           u8 level          u8 side            u16 reason         u32 0
//!           f64 score         f64 threshold                         40 bytes + 8: 48 each
//! states    bytes …           one per series, zeroes at first
//! ```
//!
//! `→` are offsets from the start. The module fills in level, side, reason, score and
//! threshold (0, 0, 0, NaN, NaN before), and the states.
//!
//! What makes it as pure as a built-in function: each call has its own instance, so
//! only the states carry over, which the engine keeps; a batch is what one message
//! brings, in pieces of fixed size ([`runs`]), so it does not depend on how the
//! journal was cut; and fuel, which counts what was executed, runs out at the same
//! place every time. The timeout only catches what fuel does not, long after it
//! (`program.rs`).
//!
//! Only `program.rs` and `call.rs` use wasmtime: the feature `wasm` compiles them.
//! A build without it has `absent.rs` instead.

#[cfg(feature = "wasm")]
mod call;
mod check;
mod frame;
mod kind;
#[cfg_attr(not(feature = "wasm"), path = "wasm/absent.rs")]
mod program;
mod runs;

pub use check::check;
pub use runs::{ModuleFailure, ModuleReport};

pub(crate) use runs::{Kept, Runs};

#[cfg(test)]
#[cfg(feature = "wasm")]
mod tests;
