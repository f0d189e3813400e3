//! `[query]`, `[flight]` and `[postgres]`: the limits of queries, and the SQL
//! listeners besides HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use super::listen::loopback_address;
use crate::file::reader::Reader;
use crate::file::values::{GIB, HOUR, MIB, MILLISECOND, count, duration, size};

/// `[query]`: limits of every query, at every listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// From the request to the last row. 100 ms to 1 h.
    pub timeout: Duration,
    /// Rows of one result. 1 to 1,000,000,000.
    pub max_rows: usize,
    /// Bytes of memory of one query. 1 MiB to 64 GiB.
    pub max_memory: u64,
    /// Queries at once; further ones wait. 1 to 1,000.
    pub max_concurrent: usize,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            max_rows: 1_000_000,
            max_memory: 512 * MIB,
            max_concurrent: 8,
        }
    }
}

/// `[flight]`, `[postgres]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlListener {
    /// Loopback only, as [`Http::listen`](crate::Http::listen). Port 0 picks a
    /// free port.
    pub listen: SocketAddr,
}

pub(crate) fn query(reader: &mut Reader<'_>) -> Query {
    let mut section = reader.section("query");
    let default = Query::default();
    Query {
        timeout: section.value(
            "timeout",
            default.timeout,
            duration(100 * MILLISECOND..=HOUR),
        ),
        max_rows: section.value("max_rows", default.max_rows, count(1..=1_000_000_000)),
        max_memory: section.value("max_memory", default.max_memory, size(MIB..=64 * GIB)),
        max_concurrent: section.value("max_concurrent", default.max_concurrent, count(1..=1_000)),
    }
}

pub(crate) fn flight(reader: &mut Reader<'_>) -> Option<SqlListener> {
    listener(reader, "flight", 8815)
}

pub(crate) fn postgres(reader: &mut Reader<'_>) -> Option<SqlListener> {
    listener(reader, "postgres", 5432)
}

fn listener(reader: &mut Reader<'_>, name: &'static str, port: u16) -> Option<SqlListener> {
    let mut section = reader.section(name);
    let default = SocketAddr::from(([127, 0, 0, 1], port));
    let listen = section.value("listen", default, loopback_address);
    section.is_given().then_some(SqlListener { listen })
}
