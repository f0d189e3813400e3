//! The broker as clients see it: raw sockets, packets of our codec.

mod access;
mod commits;
mod delivery;
mod limits;
mod malformed;
mod memory_log;
mod properties;
mod qos2;
mod retained;
mod sessions;
mod shared;
mod support;
mod wills;
