//! The same handler behind HTTP, for every platform that calls a container: Cloud
//! Run, Knative, Azure, OpenFaaS.
//!
//! `server.rs` reads requests and writes answers; `requests.rs` turns a request into
//! an event. 2xx acknowledges; 503 has to come again. Bad data is quarantined and
//! acknowledged, as anywhere else.

mod requests;
mod server;

use std::io;
use std::net::{SocketAddr, TcpListener};

use serde_json::Value;

use crate::handler::Handler;

/// Where the handler listens.
#[derive(Debug)]
pub struct HttpHost {
    listener: TcpListener,
    address: SocketAddr,
}

impl HttpHost {
    /// On `$FUNCTIONS_CUSTOMHANDLER_PORT` of this machine, as Azure Functions wants
    /// it, or on `$PORT` of all addresses, as Cloud Run and Knative do; 8080 without.
    pub fn from_environment() -> io::Result<Self> {
        let port = |name: &str| std::env::var(name).ok()?.parse::<u16>().ok();
        let address: SocketAddr = match port("FUNCTIONS_CUSTOMHANDLER_PORT") {
            Some(port) => ([127, 0, 0, 1], port).into(),
            None => ([0, 0, 0, 0], port("PORT").unwrap_or(8080)).into(),
        };
        Self::bind(address)
    }

    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Answers requests until the listener fails. `log` gets the line of each event.
pub fn serve(host: &HttpHost, handler: &Handler, log: &(dyn Fn(&Value) + Sync)) -> io::Result<()> {
    server::run(&host.listener, &|request| {
        requests::answer(handler, request, log)
    })
}

#[cfg(test)]
mod tests;
