//! Binds a listener, with an error that names the key to change.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::net::TcpListener;

pub(crate) async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener> {
    let context = || {
        format!(
            "cannot listen on {address} ({key}); another program may use it: choose another \
             address in the configuration or by WEIR_{}",
            key.replace('.', "_").to_uppercase()
        )
    };
    TcpListener::bind(address).await.with_context(context)
}
