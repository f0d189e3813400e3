//! The methods of Flight SQL.

use std::pin::Pin;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::metadata::{SqlInfoData, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, Any, Command, CommandGetCatalogs, CommandGetDbSchemas,
    CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables, CommandGetXdbcTypeInfo,
    CommandPreparedStatementQuery, CommandStatementQuery, DoPutPreparedStatementResult,
    ProstMessageExt, SqlInfo, TicketStatementQuery,
};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo,
    HandshakeRequest, HandshakeResponse, IpcMessage, PollInfo, PutResult, SchemaAsIpc,
    SchemaResult, Ticket,
};
use futures::{Stream, StreamExt, TryStreamExt};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};
use tracing::error;
use weir_sql::{Dialect, Parameters, Prepared, QueryError, QueryLimits, Sql};

use super::edge;
use super::info::{self, CATALOG, SCHEMAS, TABLE_TYPES};
use super::ticket::{Handle, InfluxTicket};

/// Longest sentence of an error: it travels in a header.
const MAX_MESSAGE: usize = 4_096;
/// Bytes of one message of a result.
const MAX_FLIGHT_DATA: usize = 1 << 20;

type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(super) struct Service {
    sql: Sql,
    limits: QueryLimits,
    info: SqlInfoData,
}

impl Service {
    pub(super) fn new(sql: Sql, limits: QueryLimits) -> Self {
        Self {
            sql,
            limits,
            info: info::sql_info(),
        }
    }

    async fn prepare(&self, sql: &str) -> Result<Prepared, Status> {
        let prepared = self.sql.prepare(sql, Dialect::Generic, self.limits).await;
        prepared.map_err(status)
    }

    /// The result of a query, as it is made.
    async fn run(
        &self,
        sql: &str,
        parameters: &Parameters,
    ) -> Result<Response<BoxStream<FlightData>>, Status> {
        let prepared = self.prepare(sql).await?;
        let batches = self.sql.run(&prepared, parameters, self.limits).await;
        let batches = batches.map_err(status)?;
        let schema = edge::schema(&batches.schema());
        let target = schema.clone();
        let batches = batches.map(move |batch| {
            let batch = batch.map_err(|error| in_stream(QueryError::from(error)))?;
            edge::convert(&batch, &target).map_err(FlightError::from)
        });
        Ok(Response::new(encode(schema, batches)))
    }
}

fn in_stream(error: QueryError) -> FlightError {
    FlightError::Tonic(Box::new(status(error)))
}

fn encode(
    schema: SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch, FlightError>> + Send + 'static,
) -> BoxStream<FlightData> {
    let encoder = FlightDataEncoderBuilder::new()
        .with_schema(schema)
        .with_max_flight_data_size(MAX_FLIGHT_DATA)
        .build(batches);
    Box::pin(encoder.map_err(Status::from))
}

fn one_batch(
    batch: Result<RecordBatch, FlightError>,
) -> Result<Response<BoxStream<FlightData>>, Status> {
    let batch = batch.map_err(internal)?;
    let rows = futures::stream::once(std::future::ready(Ok(batch.clone())));
    Ok(Response::new(encode(batch.schema(), rows)))
}

/// The one endpoint of a result, which is here.
fn flight_info(
    schema: &Schema,
    ticket: impl Into<bytes::Bytes>,
    descriptor: FlightDescriptor,
) -> Result<Response<FlightInfo>, Status> {
    let endpoint = FlightEndpoint::new().with_ticket(Ticket::new(ticket));
    let info = FlightInfo::new()
        .try_with_schema(schema)
        .map_err(internal)?
        .with_endpoint(endpoint)
        .with_descriptor(descriptor);
    Ok(Response::new(info))
}

fn internal(error: impl std::fmt::Display) -> Status {
    error!(%error, "a Flight SQL request failed");
    Status::internal("an internal error; the log says more")
}

pub(super) fn status(error: QueryError) -> Status {
    let mut message = error.to_string();
    if message.len() > MAX_MESSAGE {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        message.push('…');
    }
    match error {
        QueryError::Invalid(_) | QueryError::TooLong { .. } | QueryError::Failed(_) => {
            Status::invalid_argument(message)
        }
        QueryError::Refused { .. } => Status::permission_denied(message),
        QueryError::Timeout { .. } => Status::deadline_exceeded(message),
        QueryError::TooManyRows { .. } | QueryError::Memory(_) => {
            Status::resource_exhausted(message)
        }
        QueryError::Busy { .. } => Status::unavailable(message),
        QueryError::Store(_) => internal(message),
    }
}

fn ipc(schema: &Schema) -> Result<bytes::Bytes, Status> {
    let options = IpcWriteOptions::default();
    let message: IpcMessage = SchemaAsIpc::new(schema, &options)
        .try_into()
        .map_err(internal)?;
    Ok(message.0)
}

#[tonic::async_trait]
impl FlightSqlService for Service {
    type FlightService = Self;

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let schema = edge::schema(&self.prepare(&query.query).await?.schema());
        let ticket = TicketStatementQuery {
            statement_handle: Handle::new(query.query).encode()?.into(),
        };
        flight_info(
            &schema,
            ticket.as_any().encode_to_vec(),
            request.into_inner(),
        )
    }

    async fn do_get_statement(
        &self,
        ticket: TicketStatementQuery,
        _request: Request<Ticket>,
    ) -> Result<Response<BoxStream<FlightData>>, Status> {
        let handle = Handle::decode(&ticket.statement_handle)?;
        self.run(&handle.sql, &handle.parameters()?).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        _request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let prepared = self.prepare(&query.query).await?;
        let parameters = prepared.parameters().iter().map(|(name, kind)| {
            // Without a type the client's own is taken.
            Field::new(name, kind.clone().unwrap_or(DataType::Null), true)
        });
        let parameters = Schema::new(parameters.collect::<Vec<_>>());
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: Handle::new(query.query).encode()?.into(),
            dataset_schema: ipc(&edge::schema(&prepared.schema()))?,
            parameter_schema: ipc(&parameters)?,
        })
    }

    async fn do_action_close_prepared_statement(
        &self,
        _query: ActionClosePreparedStatementRequest,
        _request: Request<Action>,
    ) -> Result<(), Status> {
        Ok(())
    }

    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        let handle = Handle::decode(&query.prepared_statement_handle)?;
        let data = request.into_inner().map_err(FlightError::from);
        let mut rows = FlightRecordBatchStream::new_from_flight_data(data);
        let Some(first) = rows.next().await else {
            return Err(Status::invalid_argument("there are no parameters"));
        };
        let bound = handle.bind(&first.map_err(Status::from)?)?;
        if rows.next().await.is_some() {
            return Err(Status::invalid_argument(
                "a query takes one row of parameters",
            ));
        }
        Ok(DoPutPreparedStatementResult {
            prepared_statement_handle: Some(bound.encode()?.into()),
        })
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let handle = Handle::decode(&query.prepared_statement_handle)?;
        let schema = edge::schema(&self.prepare(&handle.sql).await?.schema());
        flight_info(
            &schema,
            query.as_any().encode_to_vec(),
            request.into_inner(),
        )
    }

    async fn do_get_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        _request: Request<Ticket>,
    ) -> Result<Response<BoxStream<FlightData>>, Status> {
        let handle = Handle::decode(&query.prepared_statement_handle)?;
        self.run(&handle.sql, &handle.parameters()?).await
    }

    async fn get_flight_info_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any().encode_to_vec();
        flight_info(&query.into_builder().schema(), ticket, request.into_inner())
    }

    async fn do_get_catalogs(
        &self,
        query: CommandGetCatalogs,
        _request: Request<Ticket>,
    ) -> Result<Response<BoxStream<FlightData>>, Status> {
        let mut builder = query.into_builder();
        builder.append(CATALOG);
        one_batch(builder.build())
    }

    async fn get_flight_info_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any().encode_to_vec();
        flight_info(&query.into_builder().schema(), ticket, request.into_inner())
    }

    async fn do_get_schemas(
        &self,
        query: CommandGetDbSchemas,
        _request: Request<Ticket>,
    ) -> Result<Response<BoxStream<FlightData>>, Status> {
        let mut builder = query.into_builder();
        for schema in SCHEMAS {
            builder.append(CATALOG, schema);
        }
        one_batch(builder.build())
    }

    async fn get_flight_info_tables(
        &self,
        query: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any().encode_to_vec();
        flight_info(&query.into_builder().schema(), ticket, request.into_inner())
    }

    async fn do_get_tables(
        &self,
        query: CommandGetTables,
        _request: Request<Ticket>,
    ) -> Result<Response<BoxStream<FlightData>>, Status> {
        one_batch(Ok(info::tables(&self.sql, self.limits, query).await?))
    }

    async fn get_flight_info_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any().encode_to_vec();
        flight_info(&query.into_builder().schema(), ticket, request.into_inner())
    }

    async fn do_get_table_types(
        &self,
        query: CommandGetTableTypes,
        _request: Request<Ticket>,
    ) -> Result<Response<BoxStream<FlightData>>, Status> {
        let mut builder = query.into_builder();
        for kind in TABLE_TYPES {
            builder.append(kind);
        }
        one_batch(builder.build())
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any().encode_to_vec();
        let schema = query.into_builder(&self.info).schema();
        flight_info(&schema, ticket, request.into_inner())
    }

    async fn do_get_sql_info(
        &self,
        query: CommandGetSqlInfo,
        _request: Request<Ticket>,
    ) -> Result<Response<BoxStream<FlightData>>, Status> {
        one_batch(query.into_builder(&self.info).build())
    }

    async fn get_flight_info_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any().encode_to_vec();
        let types = XdbcTypeInfoDataBuilder::new().build().map_err(internal)?;
        flight_info(&types.schema(), ticket, request.into_inner())
    }

    async fn do_get_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        _request: Request<Ticket>,
    ) -> Result<Response<BoxStream<FlightData>>, Status> {
        let types = XdbcTypeInfoDataBuilder::new().build().map_err(internal)?;
        one_batch(query.into_builder(&types).build())
    }

    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}

/// Flight SQL, and before it the tickets of InfluxDB 3's clients, which are JSON
/// and not messages of Flight SQL.
pub(super) struct Endpoint {
    service: Service,
}

impl Endpoint {
    pub(super) fn new(service: Service) -> Self {
        Self { service }
    }
}

#[tonic::async_trait]
impl FlightService for Endpoint {
    type HandshakeStream = BoxStream<HandshakeResponse>;
    type ListFlightsStream = BoxStream<FlightInfo>;
    type DoGetStream = BoxStream<FlightData>;
    type DoPutStream = BoxStream<PutResult>;
    type DoActionStream = BoxStream<arrow_flight::Result>;
    type ListActionsStream = BoxStream<ActionType>;
    type DoExchangeStream = BoxStream<FlightData>;

    async fn do_get(
        &self,
        request: Request<Ticket>,
    ) -> Result<Response<Self::DoGetStream>, Status> {
        match InfluxTicket::parse(&request.get_ref().ticket) {
            Some(ticket) => {
                let (sql, parameters) = ticket?.statement()?;
                self.service.run(&sql, &parameters).await
            }
            None => self.service.do_get(request).await,
        }
    }

    /// The columns of a query that is not run.
    async fn get_schema(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        let invalid = |error: String| Status::invalid_argument(error);
        let any =
            Any::decode(&*request.get_ref().cmd).map_err(|error| invalid(error.to_string()))?;
        let command = Command::try_from(any).map_err(|error| invalid(error.to_string()))?;
        let sql = match command {
            Command::CommandStatementQuery(query) => query.query,
            Command::CommandPreparedStatementQuery(query) => {
                Handle::decode(&query.prepared_statement_handle)?.sql
            }
            other => {
                let detail = format!("there is no schema for {}", other.type_url());
                return Err(Status::unimplemented(detail));
            }
        };
        let schema = edge::schema(&self.service.prepare(&sql).await?.schema());
        let schema = ipc(&schema)?;
        Ok(Response::new(SchemaResult { schema }))
    }

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        self.service.handshake(request).await
    }

    async fn list_flights(
        &self,
        request: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        self.service.list_flights(request).await
    }

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.service.get_flight_info(request).await
    }

    async fn poll_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        self.service.poll_flight_info(request).await
    }

    async fn do_put(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        self.service.do_put(request).await
    }

    async fn do_action(
        &self,
        request: Request<Action>,
    ) -> Result<Response<Self::DoActionStream>, Status> {
        self.service.do_action(request).await
    }

    async fn list_actions(
        &self,
        request: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        self.service.list_actions(request).await
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        self.service.do_exchange(request).await
    }
}
