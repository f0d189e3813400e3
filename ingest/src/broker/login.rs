//! Authentication and authorization of MQTT clients: the credentials of CONNECT and
//! the client's certificate are checked against the access rules.
//!
//! The MQTT broker asks at CONNECT, PUBLISH, SUBSCRIBE and for a will, and again when
//! the rules have changed. A client id belongs to the identity that holds its
//! session: no other identity can take it over.

use std::sync::Arc;

use tracing::warn;
use weir_auth::{Access, Action, Credentials, Identity, Unauthenticated};
use weir_model::Timestamp;
use weir_mqtt_broker::{BoxFuture, Login, Permissions, ReasonCode};
use weir_retry::LogThrottle;

use super::arrivals::Arrivals;
use crate::log_text::shown;

/// Checks CONNECT.
#[derive(Debug)]
pub(super) struct Logins {
    access: Access,
    arrivals: Arc<Arrivals>,
    log: LogThrottle,
}

impl Logins {
    pub(super) fn new(access: Access, arrivals: Arc<Arrivals>) -> Self {
        Self {
            access,
            arrivals,
            log: LogThrottle::per_second(),
        }
    }

    async fn identify(&self, login: &Login) -> Result<Identity, Unauthenticated> {
        let access = &self.access;
        if !access.is_required() {
            return access.everybody();
        }
        let name = login.user_name.clone().unwrap_or_default();
        let Some(password) = login.password.clone() else {
            return match login.origin.certificate_name.as_deref() {
                Some(common_name) if name.is_empty() => {
                    access.authenticate(Credentials::Certificate { common_name }, Timestamp::now())
                }
                _ if name.is_empty() => Err(Unauthenticated::Missing),
                _ => Err(Unauthenticated::Wrong),
            };
        };
        let credentials = match std::str::from_utf8(&password) {
            Ok(token) if name.is_empty() => Credentials::Token(token),
            _ => Credentials::Password {
                name: &name,
                password: &password,
            },
        };
        let peer = Some(login.origin.address.ip());
        access.log_in(credentials, peer, Timestamp::now()).await
    }

    fn note_refusal(&self, login: &Login, reason: &Unauthenticated) {
        if let Some(suppressed) = self.log.admit() {
            let client_id = shown(&login.client_id);
            let name = shown(login.user_name.as_deref().unwrap_or_default());
            let peer = login.origin.address;
            warn!(security = true, %peer, ?client_id, ?name, suppressed, "refused a connection: {reason}");
        }
    }
}

impl weir_mqtt_broker::Access for Logins {
    fn connect(&self, login: Login) -> BoxFuture<'_, Result<Arc<dyn Permissions>, ReasonCode>> {
        Box::pin(async move {
            match self.identify(&login).await {
                Ok(identity) => {
                    self.arrivals.end(login.origin.address);
                    Ok(Arc::new(Client {
                        access: self.access.clone(),
                        identity,
                    }) as Arc<dyn Permissions>)
                }
                Err(error) => {
                    self.note_refusal(&login, &error);
                    Err(match error {
                        Unauthenticated::Missing => ReasonCode::NotAuthorized,
                        Unauthenticated::Wrong => ReasonCode::BadUserNameOrPassword,
                        // MQTT 3.1.1: "server unavailable".
                        Unauthenticated::Busy => ReasonCode::ServerBusy,
                    })
                }
            }
        })
    }
}

/// What one client may do, by the rules in force.
#[derive(Debug)]
struct Client {
    access: Access,
    identity: Identity,
}

impl Permissions for Client {
    fn identity(&self) -> &str {
        self.identity.name()
    }

    fn is_valid(&self) -> bool {
        self.access.still_holds(&self.identity, Timestamp::now())
    }

    fn may_publish(&self, topic: &str) -> bool {
        self.access
            .allows(&self.identity, Action::Publish { topic })
    }

    fn may_subscribe(&self, filter: &str) -> bool {
        self.access
            .allows(&self.identity, Action::Subscribe { filter })
    }

    fn may_receive(&self, topic: &str) -> bool {
        self.may_subscribe(topic)
    }
}
