//! Codecs: from a payload's bytes to readings that are not validated yet.
//!
//! A codec knows the format of a payload. It does not know devices, time or
//! limits: `weir-engine` validates what a codec returns. A [`Decoder`] keeps
//! its output in buffers and fills them again for the next message.
//!
//! ```text
//! payload ─▶ json, line_protocol, value ─▶ Decoder { events, readings, faults }
//!                  │
//!                  └─ json_scanner, line_scanner: one pass over the text, spans out
//!
//! payload ─▶ walk/{json, cbor, msgpack} ─▶ tape ─▶ preset/{tts, shelly, …} ─▶ Decoder
//! ```
//!
//! A walker per encoding writes a tape of tokens, and a consumer per format reads it
//! (`tape.rs`, `preset.rs`, `output.rs`).
//!
//! Pure: no I/O, no clock.

mod decoder;
mod fault;
mod json;
mod json_decoding;
mod json_flat;
mod json_members;
mod json_number;
mod json_reading;
mod json_scanner;
mod line_protocol;
mod line_scanner;
mod memory;
mod moment;
mod names;
mod output;
mod preset;
mod raw;
mod span;
mod tape;
mod text_number;
mod unused_time;
mod value;
mod walk;

pub use decoder::Decoder;
pub use fault::{Fault, Quoted};
pub use json_decoding::JsonSettings;
pub use line_protocol::{LineSettings, split_lines};
pub use memory::Memory;
pub use output::Facts;
pub use raw::{Attribute, EventMark, RawEvent, RawReading, RawTime, RawValue};
pub use span::Span;
