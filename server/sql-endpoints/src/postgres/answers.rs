//! Answers to statements that are no queries, and how answers are sent.

use std::pin::pin;
use std::sync::Arc;

use arrow_pg::datatypes::arrow_schema_to_pg_fields;
use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::{Sink, SinkExt, StreamExt};
use pgwire::api::portal::Format;
use pgwire::api::results::{DataRowEncoder, QueryResponse, Response, Tag};
use pgwire::api::{ClientInfo, ConnectionHandle};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::extendedquery::PortalSuspended;
use pgwire::messages::response::{EmptyQueryResponse, TransactionStatus};

use super::command::Command;
use super::cursors::Cursors;
use super::statement::{Statement, failure};

pub(super) fn answer(command: &Command, cursors: &Cursors) -> PgWireResult<Response> {
    if matches!(command, Command::Commit | Command::Rollback) {
        cursors.end_transaction();
    }
    Ok(match command {
        Command::Deallocate(_) => Response::Execution(Tag::new("DEALLOCATE")),
        Command::CloseAll => return cursors.close(None),
        Command::DiscardAll => {
            cursors.close(None)?;
            Response::Execution(Tag::new("DISCARD ALL"))
        }
        Command::Empty => Response::EmptyQuery,
        Command::Begin => Response::TransactionStart(Tag::new("BEGIN")),
        Command::Commit => Response::TransactionEnd(Tag::new("COMMIT")),
        Command::Rollback => Response::TransactionEnd(Tag::new("ROLLBACK")),
        Command::Done(word) => Response::Execution(Tag::new(word)),
        Command::Show { value, .. } => one_value(command, value, "SHOW")?,
        Command::UnlockAll => one_value(command, "", "SELECT")?,
    })
}

/// One row with one text.
fn one_value(command: &Command, value: &str, tag: &str) -> PgWireResult<Response> {
    let schema = Statement::Command(command.clone()).schema();
    let fields = arrow_schema_to_pg_fields(&schema, &Format::UnifiedText, None)?;
    let fields = Arc::new(fields);
    let mut encoder = DataRowEncoder::new(fields.clone());
    encoder.encode_field(&value)?;
    let row = futures::stream::iter([Ok(encoder.take_row())]);
    let mut response = QueryResponse::new(fields, row);
    response.set_command_tag(tag);
    Ok(Response::Query(response))
}

/// Reports when the client cancels its request.
pub(super) async fn cancelled<C: ClientInfo>(client: &C) -> PgWireResult<oneshot::Receiver<()>> {
    let handle = client.session_extensions().get::<Arc<ConnectionHandle>>();
    let handle = handle.ok_or_else(|| failure("XX000", "the connection is not known"))?;
    Ok(handle.start_query().await)
}

pub(super) async fn unless<T>(
    cancelled: &mut oneshot::Receiver<()>,
    work: impl Future<Output = PgWireResult<T>>,
) -> PgWireResult<T> {
    match select(pin!(work), cancelled).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(failure("57014", "canceling statement due to user request")),
    }
}

/// Sends rows, at most so many unless that is 0; true at the end.
pub(super) async fn send_rows<C>(
    client: &mut C,
    response: &mut QueryResponse,
    max_rows: usize,
    cancelled: &mut oneshot::Receiver<()>,
) -> PgWireResult<bool>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let mut sent = 0;
    while max_rows == 0 || sent < max_rows {
        let next = async { response.data_rows().next().await.transpose() };
        let Some(row) = unless(cancelled, next).await? else {
            let tag = Tag::new(response.command_tag()).with_rows(sent);
            send_complete(client, tag).await?;
            return Ok(true);
        };
        client.feed(PgWireBackendMessage::DataRow(row)).await?;
        sent += 1;
    }
    let suspended = PgWireBackendMessage::PortalSuspended(PortalSuspended::new());
    client.send(suspended).await?;
    Ok(false)
}

pub(super) async fn send_complete<C>(client: &mut C, tag: Tag) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let complete = PgWireBackendMessage::CommandComplete(tag.into());
    client.feed(complete).await?;
    Ok(())
}

/// Sends what is no result; gives back the result that is.
pub(super) async fn send_other<C>(
    client: &mut C,
    response: Response,
    status: &mut TransactionStatus,
) -> PgWireResult<Option<QueryResponse>>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    match response {
        Response::Query(response) => return Ok(Some(response)),
        Response::EmptyQuery => {
            let empty = PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new());
            client.feed(empty).await?;
        }
        Response::Execution(tag) => send_complete(client, tag).await?,
        Response::TransactionStart(tag) => {
            send_complete(client, tag).await?;
            *status = status.to_in_transaction_state();
        }
        Response::TransactionEnd(tag) => {
            send_complete(client, tag).await?;
            *status = status.to_idle_state();
        }
        Response::Error(_) | Response::CopyIn(_) | Response::CopyOut(_) | Response::CopyBoth(_) => {
            return Err(failure("XX000", "an answer that is never given"));
        }
    }
    Ok(None)
}
