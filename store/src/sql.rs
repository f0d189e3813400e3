//! Read-only SQL over the readings and over the tables that the server registers.
//!
//! A query can read our tables and nothing else: no other statement is planned,
//! no file is named, nothing is written, not even to spill. Its time, rows and
//! memory are limited, and a plan that joins gives way to the others after each
//! batch, so that the limit of time holds.

mod cooperative;
mod edge;
mod error;
mod pushdown;
mod readings;
mod runtime;
mod scan;
mod session;
mod table;
mod unpivot;

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionContext;
use futures::{StreamExt, TryStreamExt};
use tokio::time::{Instant, timeout_at};

use crate::embedded::Shared;
pub use error::QueryError;
use runtime::QueryRuntime;
pub use table::TableSource;

/// Longest statement, in bytes.
const MAX_SQL_BYTES: usize = 64 * 1024;

/// What one query may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryLimits {
    pub max_rows: usize,
    pub timeout: Duration,
    /// Bytes of the query's working memory.
    pub memory: usize,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            max_rows: 1_000_000,
            timeout: Duration::from_secs(30),
            memory: 256 << 20,
        }
    }
}

/// The way to query a store. Cheap to clone; clones share their tables.
#[derive(Clone)]
pub struct Sql {
    template: Arc<SessionContext>,
    runtime: Arc<QueryRuntime>,
}

impl std::fmt::Debug for Sql {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sql").finish_non_exhaustive()
    }
}

impl Sql {
    pub(crate) fn new(store: Arc<Shared>) -> Self {
        let template = session::template();
        let readings = Arc::new(readings::ReadingsTable::new(store));
        template
            .register_table(TableReference::bare("readings"), readings)
            .expect("the catalog is new and in memory");
        Self {
            template: Arc::new(template),
            runtime: Arc::new(QueryRuntime::new()),
        }
    }

    /// Makes a table known under `name`, or replaces the one that has it.
    pub fn register(&self, name: &str, source: Arc<dyn TableSource>) {
        let table = Arc::new(table::SourceTable::new(source));
        let name = TableReference::bare(name);
        let _ = self.template.deregister_table(name.clone());
        self.template
            .register_table(name, table)
            .expect("the name was just made free");
    }

    /// Runs one query. Errors that come up while the rows are made are in the
    /// stream; [`QueryError::from`] makes them one of ours again.
    ///
    /// Texts are Utf8 in the result, whatever they are inside.
    pub async fn query(
        &self,
        sql: &str,
        limits: QueryLimits,
    ) -> Result<SendableRecordBatchStream, QueryError> {
        let deadline = Instant::now() + limits.timeout;
        let timed_out = || QueryError::Timeout {
            after: limits.timeout,
        };
        if sql.len() > MAX_SQL_BYTES {
            return Err(QueryError::TooLong {
                bytes: sql.len(),
                limit: MAX_SQL_BYTES,
            });
        }
        session::check_size(sql)?;
        let (template, sql) = (self.template.clone(), sql.to_owned());
        let start = self.runtime.run(async move {
            let state = session::for_query(&template, limits.memory);
            let logical = session::plan(&state, &sql)
                .await
                .map_err(QueryError::into_datafusion)?;
            let plan = state.create_physical_plan(&logical).await?;
            execute_stream(plan, state.task_ctx())
        });
        let stream = timeout_at(deadline, start)
            .await
            .map_err(|_| timed_out())??;
        let stream = self.runtime.drive(stream);
        Ok(limited(stream, limits, deadline))
    }
}

/// Ends the stream with an error once it is over a limit.
fn limited(
    stream: SendableRecordBatchStream,
    limits: QueryLimits,
    deadline: Instant,
) -> SendableRecordBatchStream {
    let schema: SchemaRef = edge::schema(&stream.schema());
    let target = schema.clone();
    let batches = futures::stream::try_unfold((stream, 0), move |(mut stream, rows)| async move {
        let next = timeout_at(deadline, stream.next()).await;
        let next = next.map_err(|_| QueryError::Timeout {
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
        Ok(Some((batch, (stream, rows))))
    });
    let batches = batches
        .and_then(move |batch| {
            std::future::ready(edge::convert(&batch, &target).map_err(QueryError::from))
        })
        .map_err(|error: QueryError| error.into_datafusion());
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

#[cfg(test)]
mod tests;
