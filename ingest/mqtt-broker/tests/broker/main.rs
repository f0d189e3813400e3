//! The broker as clients see it: raw sockets, packets of our codec.

// Helpers of tests fail as tests do.
#![allow(clippy::unwrap_used)]

mod access;
mod commits;
mod delivery;
mod hostile;
mod limits;
mod malformed;
mod memory_log;
mod mutated;
mod properties;
mod qos2;
mod retained;
mod sessions;
mod shared;
mod support;
mod wills;
