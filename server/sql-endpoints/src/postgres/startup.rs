//! Lets clients in: with a password (a token, or a chosen one) where credentials
//! are needed. It comes in the clear; this door is on loopback.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{Sink, SinkExt};
use parking_lot::Mutex;
use pgwire::api::auth::{LoginInfo, StartupHandler, save_startup_parameters_to_metadata};
use pgwire::api::{ClientInfo, PgWireConnectionState};
use pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use pgwire::messages::startup::{Authentication, Startup};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use weir_auth::{Access, Credentials, Identity};
use weir_clock::now;

use super::engine::Engine;
use crate::query_access;

pub(super) struct Gate {
    pub(super) engine: Arc<Engine>,
    pub(super) access: Access,
}

/// How the client introduced itself, until it has given its password.
#[derive(Debug)]
struct Waiting(Mutex<Option<Startup>>);

/// Who a connection was let in as.
#[derive(Debug)]
struct Admitted(Identity);

/// Whether its identity is still let in: a connection may outlive its rights.
pub(super) fn check_admitted<C: ClientInfo>(client: &C, access: &Access) -> PgWireResult<()> {
    if !access.is_required() {
        return Ok(());
    }
    match client.session_extensions().get::<Admitted>() {
        Some(admitted) if access.still_holds(&admitted.0, now()) => Ok(()),
        _ => Err(refused("the rights of this connection have ended")),
    }
}

fn refused(reason: &str) -> PgWireError {
    let message = format!("{reason}: give a token, or a password, that may read");
    let info = ErrorInfo::new("FATAL".to_owned(), "28P01".to_owned(), message);
    PgWireError::UserError(Box::new(info))
}

#[async_trait]
impl StartupHandler for Gate {
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
            return self.engine.on_startup(client, message).await;
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
                let access = self.access.clone();
                // A chosen password takes its time.
                let work = tokio::task::spawn_blocking(move || {
                    let (name, password) = (name.as_str(), password.as_bytes());
                    query_access::admit(&access, Some(Credentials::Password { name, password }))
                });
                let admitted = work.await.unwrap_or(Err("it could not be checked"));
                let identity = admitted.map_err(refused)?;
                client.session_extensions().insert(Admitted(identity));
                let startup = PgWireFrontendMessage::Startup(startup);
                self.engine.on_startup(client, startup).await
            }
            _ => Ok(()),
        }
    }
}
