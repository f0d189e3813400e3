//! What the broker asks its surroundings: who may do what, and which topics
//! somebody besides subscribers accepts.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use weir_mqtt_codec::ReasonCode;

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a connection comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    pub address: SocketAddr,
    /// Common name of the client certificate that TLS has verified.
    pub certificate_name: Option<String>,
}

/// What CONNECT says about its sender.
#[derive(Clone)]
pub struct Login {
    pub client_id: Arc<str>,
    pub user_name: Option<String>,
    pub password: Option<Vec<u8>>,
    pub origin: Arc<Origin>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("client_id", &self.client_id)
            .field("user_name", &self.user_name)
            .field("password", &self.password.is_some())
            .finish_non_exhaustive()
    }
}

/// Decides who may connect.
pub trait Access: Send + Sync + fmt::Debug {
    /// The permissions of whoever logs in, or the reason code of the refusal.
    /// May take its time.
    fn connect(&self, login: Login) -> BoxFuture<'_, Result<Arc<dyn Permissions>, ReasonCode>>;
}

/// What one client may do. Answers by the rules in force, so that a change of
/// rules needs no new object; [`Broker::access_changed`](crate::Broker) asks
/// again.
pub trait Permissions: Send + Sync + fmt::Debug {
    /// A session belongs to one identity: another cannot resume or end it.
    fn identity(&self) -> &str;

    /// False ends the connection.
    fn is_valid(&self) -> bool;

    fn may_publish(&self, topic: &str) -> bool;

    /// `filter` is as the client sends it, `$share/…` included.
    fn may_subscribe(&self, filter: &str) -> bool;

    /// Asked for queued messages after a change of rules.
    fn may_receive(&self, topic: &str) -> bool;
}

/// Which topics are accepted by others than subscribers.
pub trait Routes: Send + Sync + fmt::Debug {
    fn accepts(&self, topic: &str) -> bool;
}
