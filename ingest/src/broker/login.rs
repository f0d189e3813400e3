//! Authentication and authorization of a connection: the credentials of CONNECT and
//! the client's certificate are checked against the access rules. Every refusal is
//! counted and logged.

use std::sync::atomic::Ordering;

use mqtt5::broker::AuthResult;
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::types::ReasonCode;
use tracing::warn;
use weir_auth::{Action, Credentials, Identity, Unauthenticated};
use weir_model::Timestamp;

use super::client_ids::ClientIdLease;
use super::connection::Connection;
use crate::log_text::shown;

impl Connection {
    /// Authenticates the client, or returns the reason code that refuses it.
    pub(super) async fn login(&self, connect: &ConnectPacket) -> Result<(), AuthResult> {
        let access = &self.shared.access;
        let identity = match self.identify(connect).await {
            Ok(identity) => identity,
            Err(error) => {
                let name = connect.username.as_deref().unwrap_or_default();
                self.refuse_connect(&connect.client_id, name, &error.to_string());
                return Err(AuthResult::fail(match error {
                    Unauthenticated::Missing => ReasonCode::NotAuthorized,
                    Unauthenticated::Wrong => ReasonCode::BadUsernameOrPassword,
                }));
            }
        };
        if access.is_required() {
            let lease = self.lease(&connect.client_id, identity.name()).await;
            let Some(lease) = lease else {
                let reason = "the client id belongs to another identity";
                self.refuse_connect(&connect.client_id, identity.name(), reason);
                return Err(AuthResult::fail(ReasonCode::NotAuthorized));
            };
            self.keep_lease(lease);
            self.register_session(&identity);
        }
        self.set_identity(identity);
        Ok(())
    }

    async fn identify(&self, connect: &ConnectPacket) -> Result<Identity, Unauthenticated> {
        let access = &self.shared.access;
        if !access.is_required() {
            return access.everybody();
        }
        let name = connect.username.clone().unwrap_or_default();
        let Some(password) = connect.password.clone() else {
            return match self.common_name() {
                Some(common_name) if name.is_empty() => {
                    access.authenticate(Credentials::Certificate { common_name }, Timestamp::now())
                }
                _ if name.is_empty() => Err(Unauthenticated::Missing),
                _ => Err(Unauthenticated::Wrong),
            };
        };
        let access = access.clone();
        // A password takes tens of milliseconds to check.
        let work = tokio::task::spawn_blocking(move || {
            let credentials = match std::str::from_utf8(&password) {
                Ok(token) if name.is_empty() => Credentials::Token(token),
                _ => Credentials::Password {
                    name: &name,
                    password: &password,
                },
            };
            access.authenticate(credentials, Timestamp::now())
        });
        work.await.unwrap_or(Err(Unauthenticated::Wrong))
    }

    /// `None` when a connection or a session of another identity has this client id.
    async fn lease(&self, client_id: &str, identity: &str) -> Option<ClientIdLease> {
        let lease = self.shared.client_ids.acquire(client_id, identity)?;
        match self.shared.session_owner(client_id).await {
            Some(owner) if owner != identity => None,
            _ => Some(lease),
        }
    }

    pub(super) fn may_publish(&self, topic: &str) -> bool {
        self.allows(Action::Publish { topic })
    }

    pub(super) fn may_subscribe(&self, filter: &str) -> bool {
        self.allows(Action::Subscribe { filter })
    }

    fn allows(&self, action: Action<'_>) -> bool {
        self.identity()
            .is_some_and(|identity| self.shared.access.allows(identity, action))
    }

    fn refuse_connect(&self, client_id: &str, name: &str, reason: &str) {
        let counters = &self.shared.counters;
        counters.refused_logins.fetch_add(1, Ordering::Relaxed);
        if let Some(suppressed) = self.shared.login_log.admit() {
            let (client_id, name) = (shown(client_id), shown(name));
            let peer = self.peer;
            warn!(security = true, %peer, ?client_id, ?name, suppressed, "refused a connection: {reason}");
        }
    }

    pub(super) fn refuse_publish(&self, client_id: &str, topic: &str) {
        let counters = &self.shared.counters;
        counters.refused_publishes.fetch_add(1, Ordering::Relaxed);
        self.log_refusal("publish to this topic", client_id, topic);
    }

    pub(super) fn refuse_subscribe(&self, client_id: &str, filter: &str) {
        let counters = &self.shared.counters;
        counters.refused_subscribes.fetch_add(1, Ordering::Relaxed);
        self.log_refusal("subscribe to this filter", client_id, filter);
    }

    fn log_refusal(&self, what: &str, client_id: &str, topic: &str) {
        if let Some(suppressed) = self.shared.refusal_log.admit() {
            let identity = self.identity().map_or("", Identity::name);
            let (client_id, topic) = (shown(client_id), shown(topic));
            let peer = self.peer;
            warn!(security = true, %peer, ?client_id, identity, ?topic, suppressed, "refused a client: it may not {what}");
        }
    }
}
