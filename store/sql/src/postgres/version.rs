//! The version of Postgres that clients are told. They decide by it which
//! statements to send.

pub const POSTGRES_VERSION: &str = "16.6";
