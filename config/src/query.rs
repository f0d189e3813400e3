//! `[query]`, `[flight]` and `[postgres]`: what a query may use, and the doors for
//! SQL besides HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use crate::Config;
use crate::address::parse_listen;
use crate::range::{count, duration, size};
use crate::reader::Reader;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// `[query]`: limits of every query, at whichever door it comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// From its arrival to its last row. 100 ms to 1 h.
    pub timeout: Duration,
    /// Rows of one result. 1 to 1,000,000,000.
    pub max_rows: usize,
    /// Bytes that one query may work with. 1 MiB to 64 GiB.
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
pub struct SqlDoor {
    /// Loopback only, as [`Http::listen`](crate::Http::listen). Port 0 picks one.
    pub listen: SocketAddr,
}

pub(crate) fn query(reader: &mut Reader<'_>) -> Query {
    let mut section = reader.section("query");
    let default = Query::default();
    Query {
        timeout: section.value(
            "timeout",
            default.timeout,
            duration(Duration::from_millis(100)..=Duration::from_secs(3600)),
        ),
        max_rows: section.value("max_rows", default.max_rows, count(1..=1_000_000_000)),
        max_memory: section.value("max_memory", default.max_memory, size(MIB..=64 * GIB)),
        max_concurrent: section.value("max_concurrent", default.max_concurrent, count(1..=1_000)),
    }
}

pub(crate) fn flight(reader: &mut Reader<'_>) -> Option<SqlDoor> {
    door(reader, "flight", 8815)
}

pub(crate) fn postgres(reader: &mut Reader<'_>) -> Option<SqlDoor> {
    door(reader, "postgres", 5432)
}

fn door(reader: &mut Reader<'_>, name: &'static str, port: u16) -> Option<SqlDoor> {
    let mut section = reader.section(name);
    let default = SocketAddr::from(([127, 0, 0, 1], port));
    let listen = section.value("listen", default, |raw| parse_listen(raw.text()?));
    section.is_given().then_some(SqlDoor { listen })
}

/// Two listeners cannot have the same address.
pub(crate) fn check_ports(reader: &mut Reader<'_>, config: &Config) {
    let mut taken = vec![("http.listen", config.http.listen)];
    if let Some(broker) = &config.broker {
        taken.push(("broker.listen", broker.listen));
        taken.extend(
            broker
                .websocket_listen
                .map(|at| ("broker.websocket_listen", at)),
        );
    }
    for (name, door) in [("flight", &config.flight), ("postgres", &config.postgres)] {
        let Some(door) = door else { continue };
        let other = taken.iter().find(|(_, at)| *at == door.listen);
        if let Some((other, at)) = other
            && at.port() != 0
        {
            let mut section = reader.section(name);
            section.note("listen", format!("{other} is {at} too"));
        }
        let key = if name == "flight" {
            "flight.listen"
        } else {
            "postgres.listen"
        };
        taken.push((key, door.listen));
    }
}
