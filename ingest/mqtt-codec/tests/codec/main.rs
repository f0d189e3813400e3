//! Tests the codec against itself, against two other codecs, and against hostile
//! input.

mod differential;
mod hostile;
mod malformed;
mod packets;
mod round_trip;
