//! Answers what clients ask, streaming rows as they are made.
//!
//! pgwire's own loops are not used where they would collect a whole result, or
//! could not be cancelled once rows flow.

use std::fmt::Debug;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_pg::datatypes::arrow_schema_to_pg_fields;
use arrow_pg::encode_recordbatch;
use async_trait::async_trait;
use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::{Sink, SinkExt, StreamExt};
use pgwire::api::auth::StartupHandler;
use pgwire::api::auth::noop::NoopStartupHandler;
use pgwire::api::cancel::{CancelHandler, DefaultCancelHandler};
use pgwire::api::portal::{Format, Portal, PortalExecutionState};
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler, send_ready_for_query};
use pgwire::api::results::{DataRowEncoder, QueryResponse, Response, Tag};
use pgwire::api::stmt::StoredStatement;
use pgwire::api::store::{Entry, PortalStore};
use pgwire::api::{
    ClientInfo, ClientPortalStore, ConnectionHandle, ConnectionManager, DEFAULT_NAME,
    PgWireConnectionState, PgWireServerHandlers,
};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::RowDescription;
use pgwire::messages::extendedquery::{Execute, Parse, ParseComplete, PortalSuspended};
use pgwire::messages::response::{EmptyQueryResponse, TransactionStatus};
use pgwire::messages::simplequery::Query;
use tokio_util::sync::CancellationToken;
use weir_auth::Access;
use weir_sql::{Parameters, QueryError, QueryLimits, Sql};

use super::admission::check_admitted;
use super::command::Command;
use super::parameters;
use super::startup::Gate;
use super::statement::{Parser, Statement, failure, refusal};

/// Prepared statements of one connection.
const MAX_STATEMENTS: usize = 1_000;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Engine {
    parser: Arc<Parser>,
    connections: Arc<ConnectionManager>,
    access: Access,
}

impl Engine {
    pub(super) fn new(sql: Sql, limits: QueryLimits, access: Access) -> Self {
        Self {
            parser: Arc::new(Parser { sql, limits }),
            connections: Arc::default(),
            access,
        }
    }

    async fn run(
        &self,
        statement: &Statement,
        parameters: &Parameters,
        format: &Format,
    ) -> PgWireResult<Response> {
        let prepared = match statement {
            Statement::Query(prepared) => prepared,
            Statement::Command(command) => return answer(command),
        };
        let Parser { sql, limits } = &*self.parser;
        let batches = sql.run(prepared, parameters, *limits).await;
        let batches = batches.map_err(refusal)?;
        let fields = arrow_schema_to_pg_fields(&batches.schema(), format, None)?;
        let fields = Arc::new(fields);
        let columns = fields.clone();
        let rows = batches.flat_map(move |batch| match batch {
            Ok(batch) => {
                let rows = encode_recordbatch(columns.clone(), batch);
                futures::stream::iter(rows).left_stream()
            }
            Err(error) => {
                let error = Err(refusal(QueryError::from(error)));
                futures::stream::iter([error]).right_stream()
            }
        });
        Ok(Response::Query(QueryResponse::new(fields, rows)))
    }
}

fn answer(command: &Command) -> PgWireResult<Response> {
    Ok(match command {
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
async fn cancelled<C: ClientInfo>(client: &C) -> PgWireResult<oneshot::Receiver<()>> {
    let handle = client.session_extensions().get::<Arc<ConnectionHandle>>();
    let handle = handle.ok_or_else(|| failure("XX000", "the connection is not known"))?;
    Ok(handle.start_query().await)
}

async fn unless<T>(
    cancelled: &mut oneshot::Receiver<()>,
    work: impl Future<Output = PgWireResult<T>>,
) -> PgWireResult<T> {
    match select(pin!(work), cancelled).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(failure("57014", "canceling statement due to user request")),
    }
}

/// Sends rows, at most so many unless that is 0; true at the end.
async fn send_rows<C>(
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

async fn send_complete<C>(client: &mut C, tag: Tag) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let complete = PgWireBackendMessage::CommandComplete(tag.into());
    client.feed(complete).await?;
    Ok(())
}

/// Sends what is no result; gives back the result that is.
async fn send_other<C>(
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

#[async_trait]
impl SimpleQueryHandler for Engine {
    async fn on_query<C>(&self, client: &mut C, query: Query) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        let mut status = client.transaction_status();
        client.set_state(PgWireConnectionState::QueryInProgress);
        let mut cancelled = cancelled(client).await?;
        check_admitted(client, &self.access)?;
        let work = SimpleQueryHandler::do_query(self, client, &query.query);
        for response in unless(&mut cancelled, work).await? {
            if let Some(mut response) = send_other(client, response, &mut status).await? {
                let columns = response.row_schema().iter().map(Into::into).collect();
                let columns = RowDescription::new(columns);
                client
                    .feed(PgWireBackendMessage::RowDescription(columns))
                    .await?;
                send_rows(client, &mut response, 0, &mut cancelled).await?;
            }
        }
        client.set_state(PgWireConnectionState::ReadyForQuery);
        client.set_transaction_status(status);
        send_ready_for_query(client, status).await
    }

    async fn do_query<C>(&self, _client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if let Some(commands) = Command::parse_several(query) {
            return commands.iter().map(answer).collect();
        }
        let Parser { sql, limits } = &*self.parser;
        let statement = Statement::parse(sql, *limits, query).await?;
        let response = self.run(&statement, &Parameters::None, &Format::UnifiedText);
        Ok(vec![response.await?])
    }
}

/// Counts the statements that a connection has prepared.
#[derive(Debug, Default)]
struct Statements(AtomicUsize);

#[async_trait]
impl ExtendedQueryHandler for Engine {
    type Statement = Statement;
    type QueryParser = Parser;

    fn query_parser(&self) -> Arc<Parser> {
        self.parser.clone()
    }

    async fn on_parse<C>(&self, client: &mut C, message: Parse) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message
            .name
            .clone()
            .unwrap_or_else(|| DEFAULT_NAME.to_owned());
        if client.portal_store().get_statement(&name).is_none() {
            let extensions = client.session_extensions();
            let statements = extensions.get_or_insert_with(Statements::default);
            if statements.0.fetch_add(1, Ordering::Relaxed) >= MAX_STATEMENTS {
                return Err(failure(
                    "53400",
                    format!(
                        "this connection has prepared {MAX_STATEMENTS} statements; open a new one"
                    ),
                ));
            }
        }
        match StoredStatement::parse(client, &message, self.query_parser()).await? {
            Some(statement) => client.portal_store().put_statement(Arc::new(statement)),
            None => client.portal_store().put_empty_statement(&name),
        }
        let complete = PgWireBackendMessage::ParseComplete(ParseComplete::new());
        client.send(complete).await?;
        Ok(())
    }

    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        let mut status = client.transaction_status();
        client.set_state(PgWireConnectionState::QueryInProgress);
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let max_rows = usize::try_from(message.max_rows).unwrap_or(0);
        match client.portal_store().get_portal(name) {
            None => return Err(PgWireError::PortalNotFound(name.to_owned())),
            Some(Entry::Empty) => {
                send_other(client, Response::EmptyQuery, &mut status).await?;
            }
            Some(Entry::Value(portal)) => {
                let mut cancelled = cancelled(client).await?;
                let state = portal.state();
                let mut state = state.lock().await;
                if matches!(*state, PortalExecutionState::Initial) {
                    let work = ExtendedQueryHandler::do_query(self, client, &portal, max_rows);
                    let response = unless(&mut cancelled, work).await?;
                    *state = match send_other(client, response, &mut status).await? {
                        Some(response) => PortalExecutionState::Suspended(response),
                        None => PortalExecutionState::Finished,
                    };
                }
                if let PortalExecutionState::Suspended(response) = &mut *state
                    && send_rows(client, response, max_rows, &mut cancelled).await?
                {
                    *state = PortalExecutionState::Finished;
                }
            }
        }
        client.set_state(PgWireConnectionState::ReadyForQuery);
        client.set_transaction_status(status);
        Ok(())
    }

    async fn do_query<C>(
        &self,
        client: &mut C,
        portal: &Portal<Statement>,
        _max_rows: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        check_admitted(client, &self.access)?;
        let parameters = parameters::values(portal)?;
        let statement = &portal.statement.statement;
        self.run(statement, &parameters, &portal.result_column_format)
            .await
    }
}

#[async_trait]
impl NoopStartupHandler for Engine {
    fn connection_manager(&self) -> Option<Arc<ConnectionManager>> {
        Some(self.connections.clone())
    }
}

/// One connection's way to the engine.
pub(super) struct Handlers {
    engine: Arc<Engine>,
    peer: IpAddr,
    /// Cancelled once the client is admitted.
    admitted: CancellationToken,
}

impl Handlers {
    pub(super) fn new(engine: Arc<Engine>, peer: IpAddr, admitted: CancellationToken) -> Self {
        Self {
            engine,
            peer,
            admitted,
        }
    }
}

impl PgWireServerHandlers for Handlers {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        self.engine.clone()
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        self.engine.clone()
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::new(Gate {
            next: self.engine.clone(),
            access: self.engine.access.clone(),
            peer: self.peer,
            admitted: self.admitted.clone(),
        })
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::new(DefaultCancelHandler::new(self.engine.connections.clone()))
    }
}
