//! SQL for clients that do not speak HTTP: Arrow Flight SQL and Postgres' wire
//! protocol. Also what every SQL endpoint shares: who may query and within which
//! limits ([`query_access`]), and the tables besides `readings` ([`tables`]).
//!
//! No endpoint plans SQL by itself: all of them pass the text to
//! [`weir_sql::Sql`].

pub mod flight;
pub mod postgres;
pub mod query_access;
pub mod tables;
