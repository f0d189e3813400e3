//! Answers what clients ask, streaming rows as they are made.
//!
//! pgwire's own loops are not used where they would collect a whole result, or
//! could not be cancelled once rows flow.

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;

use arrow_pg::datatypes::arrow_schema_to_pg_fields;
use arrow_pg::encode_recordbatch;
use async_trait::async_trait;
use futures::{Sink, SinkExt, StreamExt};
use pgwire::api::auth::StartupHandler;
use pgwire::api::auth::noop::NoopStartupHandler;
use pgwire::api::cancel::{CancelHandler, DefaultCancelHandler};
use pgwire::api::portal::{Format, Portal, PortalExecutionState};
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler, send_ready_for_query};
use pgwire::api::results::{QueryResponse, Response};
use pgwire::api::stmt::StoredStatement;
use pgwire::api::store::{Entry, PortalStore};
use pgwire::api::{
    ClientInfo, ClientPortalStore, ConnectionManager, DEFAULT_NAME, PgWireConnectionState,
    PgWireServerHandlers,
};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::RowDescription;
use pgwire::messages::extendedquery::{
    Close, CloseComplete, Execute, Parse, ParseComplete, TARGET_TYPE_BYTE_STATEMENT,
};
use pgwire::messages::simplequery::Query;
use tokio_util::sync::CancellationToken;
use weir_auth::Access;
use weir_sql::{Parameters, QueryError, QueryLimits, Sql};

use super::admission::check_admitted;
use super::answers::{answer, cancelled, send_other, send_rows, unless};
use super::command::Command;
use super::cursors::{Cursors, expire_portal};
use super::kept::{describe_as_portal, forget, forget_statement, remember};
use super::parameters;
use super::startup::Gate;
use super::statement::{Parser, Statement, cursors, refusal};

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
        cursors: &Cursors,
    ) -> PgWireResult<Response> {
        let Parser { sql, limits } = &*self.parser;
        let prepared = match statement {
            Statement::Query(prepared) => prepared,
            Statement::Command(command) => return answer(command, cursors),
            Statement::Declare { name, hold, query } => {
                let rows = sql.run(query, parameters, *limits).await;
                return cursors.open(name, *hold, rows.map_err(refusal)?, limits.timeout);
            }
            Statement::Fetch { name, rows, .. } => return cursors.fetch(name, *rows, format),
            Statement::Move { name, rows } => return cursors.skip(name, *rows).await,
            Statement::Close { name } => return cursors.close(name.as_deref()),
        };
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

    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let cursors = cursors(client);
        if let Some(commands) = Command::parse_several(query) {
            for command in &commands {
                forget(client, command);
            }
            let answers = commands.iter().map(|command| answer(command, &cursors));
            return answers.collect();
        }
        let Parser { sql, limits } = &*self.parser;
        let statement = Statement::parse(sql, *limits, &cursors, query).await?;
        if let Statement::Command(command) = &statement {
            forget(client, command);
        }
        let format = Format::UnifiedText;
        let response = self.run(&statement, &Parameters::None, &format, &cursors);
        Ok(vec![response.await?])
    }
}

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
        if name != DEFAULT_NAME {
            remember(client, &name)?;
        }
        match StoredStatement::parse(client, &message, self.query_parser()).await? {
            Some(statement) => client.portal_store().put_statement(Arc::new(statement)),
            None => client.portal_store().put_empty_statement(&name),
        }
        let complete = PgWireBackendMessage::ParseComplete(ParseComplete::new());
        client.send(complete).await?;
        Ok(())
    }

    async fn on_close<C>(&self, client: &mut C, message: Close) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        if message.target_type == TARGET_TYPE_BYTE_STATEMENT {
            forget_statement(client, name);
        } else {
            client.portal_store().rm_portal(name);
        }
        let complete = PgWireBackendMessage::CloseComplete(CloseComplete::new());
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
                let weak = Arc::downgrade(&state);
                let mut state = state.lock().await;
                let first = matches!(*state, PortalExecutionState::Initial);
                if first {
                    let work = ExtendedQueryHandler::do_query(self, client, &portal, max_rows);
                    let response = unless(&mut cancelled, work).await?;
                    *state = match send_other(client, response, &mut status).await? {
                        Some(response) => PortalExecutionState::Suspended(response),
                        None => PortalExecutionState::Finished,
                    };
                }
                if let PortalExecutionState::Suspended(response) = &mut *state {
                    if send_rows(client, response, max_rows, &mut cancelled).await? {
                        *state = PortalExecutionState::Finished;
                    } else if first {
                        tokio::spawn(expire_portal(weak, self.parser.limits.timeout));
                    }
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
        if let Statement::Command(command) = statement {
            forget(client, command);
        }
        let cursors = cursors(client);
        let format = &portal.result_column_format;
        let response = self.run(statement, &parameters, format, &cursors).await?;
        if let Statement::Declare { name, .. } = statement {
            describe_as_portal(client, name, &cursors);
        }
        Ok(response)
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
