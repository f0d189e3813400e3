//! The walkers: one per encoding, from the bytes of a payload to a tape.
//!
//! A walker reads the payload once, from left to right. It allocates nothing for a
//! length that the payload does not hold, and goes no deeper than
//! [`MAX_DEPTH`](crate::json_scanner::MAX_DEPTH).

mod bytes;
pub(crate) mod cbor;
pub(crate) mod chirpstack;
pub(crate) mod json;
pub(crate) mod msgpack;
#[cfg(test)]
mod tests;
pub(crate) mod wire;
