//! The start of a connection: asks for a password (a token, or a chosen one) where
//! credentials are needed. The password is not encrypted: this endpoint listens on
//! loopback.

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{Sink, SinkExt};
use parking_lot::Mutex;
use pgwire::api::auth::{LoginInfo, StartupHandler, save_startup_parameters_to_metadata};
use pgwire::api::{ClientInfo, PgWireConnectionState};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::startup::{Authentication, Startup};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use tokio_util::sync::CancellationToken;
use weir_auth::Access;

use super::admission::{Admitted, refused};
use crate::query_access;

/// Admits clients, and passes them on to the next handler.
pub(super) struct Gate<H> {
    pub(super) next: Arc<H>,
    pub(super) access: Access,
    pub(super) peer: IpAddr,
    /// Cancelled once the client is admitted: its deadline ends.
    pub(super) admitted: CancellationToken,
}

/// How the client introduced itself, until it has given its password.
#[derive(Debug)]
struct Waiting(Mutex<Option<Startup>>);

#[async_trait]
impl<H: StartupHandler> StartupHandler for Gate<H> {
    async fn on_startup<C>(
        &self,
        client: &mut C,
        message: PgWireFrontendMessage,
    ) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !self.access.is_required() {
            self.admitted.cancel();
            return self.next.on_startup(client, message).await;
        }
        match message {
            PgWireFrontendMessage::Startup(startup) => {
                save_startup_parameters_to_metadata(client, &startup);
                client
                    .session_extensions()
                    .insert(Waiting(Mutex::new(Some(startup))));
                client.set_state(PgWireConnectionState::AuthenticationInProgress);
                let ask = Authentication::CleartextPassword;
                client
                    .send(PgWireBackendMessage::Authentication(ask))
                    .await?;
                Ok(())
            }
            PgWireFrontendMessage::PasswordMessageFamily(password) => {
                let password = password.into_password()?.password;
                let name = LoginInfo::from_client_info(client)
                    .user()
                    .unwrap_or_default()
                    .to_owned();
                let waiting = client.session_extensions().get::<Waiting>();
                let Some(startup) = waiting.and_then(|waiting| waiting.0.lock().take()) else {
                    return Err(refused("a password before the name"));
                };
                let password = password.as_bytes();
                let admitted =
                    query_access::admit_by_password(&self.access, &name, password, self.peer).await;
                let identity = admitted.map_err(refused)?;
                self.admitted.cancel();
                client.session_extensions().insert(Admitted(identity));
                let startup = PgWireFrontendMessage::Startup(startup);
                self.next.on_startup(client, startup).await
            }
            _ => Ok(()),
        }
    }
}
