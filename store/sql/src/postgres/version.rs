//! The version of Postgres that Weir reports. Clients choose their statements by it.

pub const POSTGRES_VERSION: &str = "16.6";
