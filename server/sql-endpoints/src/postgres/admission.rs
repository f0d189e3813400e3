//! Who a connection belongs to, and whether it may still query.

use pgwire::api::ClientInfo;
use pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use weir_auth::{Access, Identity};
use weir_model::Timestamp;

use crate::query_access;

/// The identity of a connection.
#[derive(Debug)]
pub(super) struct Admitted(pub(super) Identity);

/// Whether the identity still has its rights: a connection may outlive them.
pub(super) fn check_admitted<C: ClientInfo>(client: &C, access: &Access) -> PgWireResult<()> {
    if !access.is_required() {
        return Ok(());
    }
    match client.session_extensions().get::<Admitted>() {
        Some(admitted) if access.still_holds(&admitted.0, Timestamp::now()) => Ok(()),
        _ => Err(refused("the rights of this connection have ended")),
    }
}

pub(super) fn refused(reason: &str) -> PgWireError {
    if reason == query_access::BUSY {
        // cannot_connect_now: clients try again.
        let info = ErrorInfo::new("FATAL".to_owned(), "57P03".to_owned(), reason.to_owned());
        return PgWireError::UserError(Box::new(info));
    }
    let message = format!("{reason}: give a token, or a password, that may read");
    let info = ErrorInfo::new("FATAL".to_owned(), "28P01".to_owned(), message);
    PgWireError::UserError(Box::new(info))
}
