//! The way of a query: [`Sql`] prepares a statement, runs it and streams the rows.
//!
//! A query can read our tables and nothing else: no other statement is planned,
//! no file is named, nothing is written, not even to spill. Its time, rows and
//! memory are limited, and a plan that joins yields after each batch, so that the
//! time limit holds. The number of concurrent queries is limited. A query ends when
//! its stream is dropped, for example because the client disconnected.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use weir_series::{RollupStep, SeriesReader};

use crate::downsample::Downsample;
use crate::error::QueryError;
use crate::plan_threads::PlanError;
use crate::prepared::{self, Parameters, Prepared, Way};
use crate::query::{Dialect, MAX_SQL_BYTES, QueryLimits};
use crate::readings::ReadingsTable;
use crate::runtime::{self, QueryRuntime};
use crate::table::{SourceTable, TableSource};
use crate::{direct, edge, parts, postgres, session};

/// SQL over a store. Cheap to clone; clones share their tables.
#[derive(Clone)]
pub struct Sql {
    template: Arc<SessionContext>,
    postgres: Arc<SessionContext>,
    readings: Arc<ReadingsTable>,
    runtime: Arc<QueryRuntime>,
    places: Arc<Semaphore>,
    running: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Sql {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sql").finish_non_exhaustive()
    }
}

impl Sql {
    /// SQL over a store. Clones share their tables; create it once per store.
    pub fn new(store: SeriesReader) -> Self {
        let template = session::template();
        let readings = Arc::new(ReadingsTable::new(store.clone()));
        template
            .register_table(TableReference::bare("readings"), readings.clone())
            .expect("the catalog is new and in memory");
        for (name, step) in [
            ("readings_1m", RollupStep::Minute),
            ("readings_1h", RollupStep::Hour),
        ] {
            let table = parts::table(&store, step).expect("the plan is the same every time");
            template
                .register_table(TableReference::bare(name), Arc::new(table))
                .expect("the catalog is new and in memory");
        }
        template.register_udtf("downsample", Arc::new(Downsample::new(store)));
        Self {
            postgres: Arc::new(postgres::template(&template)),
            template: Arc::new(template),
            readings,
            runtime: Arc::new(QueryRuntime::new()),
            places: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            running: Arc::default(),
        }
    }

    /// Limits the number of concurrent queries, at least one. Further queries wait
    /// until a place is free or their time is over.
    #[must_use]
    pub fn with_concurrency(mut self, queries: usize) -> Self {
        let queries = queries.clamp(1, Semaphore::MAX_PERMITS);
        self.places = Arc::new(Semaphore::new(queries));
        self
    }

    /// Queries that have started and whose rows are not read completely.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// Threads that parse or plan and do not come back. They are replaced, but hold
    /// memory and processor time.
    pub fn stuck(&self) -> usize {
        self.runtime.stuck()
    }

    /// Whether so many of them are stuck that no further query is planned.
    pub fn is_stuck(&self) -> bool {
        self.runtime.is_stuck()
    }

    /// Registers a table under `name`; replaces an existing one.
    pub fn register(&self, name: &str, source: Arc<dyn TableSource>) {
        let table = Arc::new(SourceTable::new(source));
        let name = TableReference::bare(name);
        let _ = self.template.deregister_table(name.clone());
        self.template
            .register_table(name, table)
            .expect("the name was just made free");
    }

    /// Runs one query without parameters. Errors that occur while rows are produced
    /// are in the stream; [`QueryError::from`] converts them back.
    ///
    /// Texts are Utf8 in the result, whatever their type inside.
    pub async fn query(
        &self,
        sql: &str,
        limits: QueryLimits,
    ) -> Result<SendableRecordBatchStream, QueryError> {
        let begun = Instant::now();
        let prepared = self.prepare(sql, Dialect::Generic, limits).await?;
        let limits = QueryLimits {
            timeout: limits.timeout.saturating_sub(begun.elapsed()),
            ..limits
        };
        self.run(&prepared, &Parameters::None, limits).await
    }

    /// Parses, checks and plans one query, without running it.
    pub async fn prepare(
        &self,
        sql: &str,
        dialect: Dialect,
        limits: QueryLimits,
    ) -> Result<Prepared, QueryError> {
        if sql.len() > MAX_SQL_BYTES {
            return Err(QueryError::TooLong {
                bytes: sql.len(),
                limit: MAX_SQL_BYTES,
            });
        }
        let tokens = session::check_size(sql, dialect)?;
        let columns = self.readings.columns();
        if let Some(direct) = direct::recognise(&tokens, columns) {
            return Ok(Prepared::direct(direct, columns));
        }
        let template = match dialect {
            Dialect::Generic => self.template.clone(),
            Dialect::Postgres => self.postgres.clone(),
        };
        let highest = session::highest_placeholder(&tokens);
        let sql = sql.to_owned();
        let deadline = Instant::now() + limits.timeout;
        let plan = self.runtime.plan(deadline, async move {
            let state = session::for_query(&template);
            let plan = session::plan(&state, &sql, dialect).await;
            plan.and_then(|plan| Prepared::new(&state, plan, highest))
                .map_err(QueryError::into_datafusion)
        });
        plan.await.map_err(|error| not_planned(error, limits))
    }

    /// Runs a query; see [`Sql::query`].
    pub async fn run(
        &self,
        prepared: &Prepared,
        parameters: &Parameters,
        limits: QueryLimits,
    ) -> Result<SendableRecordBatchStream, QueryError> {
        let deadline = Instant::now() + limits.timeout;
        let timed_out = || QueryError::Timeout {
            after: limits.timeout,
        };
        let place = timeout_at(deadline, self.places.clone().acquire_owned());
        let place = place
            .await
            .map_err(|_| QueryError::Busy {
                after: limits.timeout,
            })?
            .expect("it is never closed");
        let running = Running::new(self, place);
        let logical = match &prepared.way {
            Way::Planned(plan) => prepared.bind(plan, parameters)?,
            Way::Direct(direct) => {
                let task = session::task(SessionConfig::new(), limits.memory);
                let stream = direct.start(&self.readings, task, runtime::threads())?;
                let stream = self.runtime.drive(stream);
                return Ok(limited(
                    stream,
                    prepared.schema(),
                    limits,
                    deadline,
                    running,
                ));
            }
        };
        let template = self.template.clone();
        let known = prepared.parameters().is_empty().then(|| prepared.schema());
        let plan = self.runtime.plan(deadline, async move {
            let state = session::for_query(&template);
            let schema = known.unwrap_or_else(|| prepared::schema(&state, &logical));
            let plan = state.create_physical_plan(&logical).await?;
            let task = session::task(state.config().clone(), limits.memory);
            Ok((schema, plan, task))
        });
        let planned = plan.await.map_err(|error| not_planned(error, limits))?;
        let (schema, plan, task) = planned;
        let start = self.runtime.run(async move { execute_stream(plan, task) });
        let stream = timeout_at(deadline, start)
            .await
            .map_err(|_| timed_out())??;
        let stream = self.runtime.drive(stream);
        Ok(limited(stream, schema, limits, deadline, running))
    }
}

fn not_planned(error: PlanError, limits: QueryLimits) -> QueryError {
    let after = limits.timeout;
    match error {
        PlanError::Timeout => QueryError::Timeout { after },
        PlanError::Busy => QueryError::Busy { after },
        PlanError::Failed(error) => error.into(),
    }
}

/// A running query: counted, and in one of the places, until it is dropped.
struct Running {
    count: Arc<AtomicUsize>,
    _place: OwnedSemaphorePermit,
}

impl Running {
    fn new(sql: &Sql, place: OwnedSemaphorePermit) -> Self {
        sql.running.fetch_add(1, Ordering::Relaxed);
        Self {
            count: sql.running.clone(),
            _place: place,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends the stream with an error when a limit is exceeded.
fn limited(
    stream: SendableRecordBatchStream,
    schema: SchemaRef,
    limits: QueryLimits,
    deadline: Instant,
    running: Running,
) -> SendableRecordBatchStream {
    let target = schema.clone();
    let state = (stream, 0, running);
    let batches =
        futures::stream::try_unfold(state, move |(mut stream, rows, running)| async move {
            let next =
                timeout_at(deadline, stream.next())
                    .await
                    .map_err(|_| QueryError::Timeout {
                        after: limits.timeout,
                    })?;
            let Some(batch) = next else { return Ok(None) };
            let batch = batch.map_err(QueryError::from)?;
            let rows = rows + batch.num_rows();
            if rows > limits.max_rows {
                return Err(QueryError::TooManyRows {
                    limit: limits.max_rows,
                });
            }
            Ok(Some((batch, (stream, rows, running))))
        });
    let batches = batches
        .and_then(move |batch| {
            std::future::ready(edge::convert(&batch, &target).map_err(QueryError::from))
        })
        .map_err(|error: QueryError| error.into_datafusion());
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}
