//! What every TCP listener of Weir needs: an accept loop that bounds the open
//! connections ([`Listener`]), the TLS configuration of `[tls]`
//! ([`server_config`]), and the name in a client's certificate ([`client_name`]).
//!
//! A listener knows no protocol: HTTP, Flight SQL and Postgres read from the
//! connections that it hands out.

mod accept;
mod tls;

pub use accept::{Accepted, Listener, Places, WhenFull};
pub use tls::{TlsError, client_name, server_config};
