//! From TOML and environment variables to typed values, with the line of every
//! problem. The sections say which keys exist ([`schema`]).

pub(crate) mod address;
pub(crate) mod raw;
pub(crate) mod reader;
pub(crate) mod schema;
pub(crate) mod units;
pub(crate) mod values;
