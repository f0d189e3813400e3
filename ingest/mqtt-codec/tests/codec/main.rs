//! The codec against itself, against two other codecs, and against bytes that
//! nobody means well with.

mod differential;
mod hostile;
mod malformed;
mod packets;
mod round_trip;
