//! Cursors of a connection: results that a client reads in pieces with FETCH. A cursor
//! ends with the query's time limit, also if nobody reads it: it holds one of the places
//! of queries.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_pg::datatypes::arrow_schema_to_pg_fields;
use arrow_pg::encode_recordbatch;
use futures::StreamExt;
use parking_lot::Mutex;
use pgwire::api::portal::{Format, PortalExecutionState};
use pgwire::api::results::{QueryResponse, Response, Tag};
use pgwire::error::{PgWireError, PgWireResult};
use weir_sql::{QueryError, RowStream};

use super::statement::{failure, refusal};

/// Open cursors of one connection.
const MAX_CURSORS: usize = 16;

/// The open cursors of a connection, by name.
#[derive(Debug, Default)]
pub(super) struct Cursors(Mutex<HashMap<String, Arc<Cursor>>>);

pub(super) struct Cursor {
    schema: SchemaRef,
    hold: bool,
    rows: tokio::sync::Mutex<Rows>,
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor").finish_non_exhaustive()
    }
}

/// What a cursor still gives.
enum Rows {
    Open {
        stream: RowStream,
        /// Rows that have been read from the stream.
        batch: RecordBatch,
    },
    Ended,
    Expired,
}

impl Cursors {
    pub(super) fn open(
        &self,
        name: &str,
        hold: bool,
        stream: RowStream,
        time: Duration,
    ) -> PgWireResult<Response> {
        let mut cursors = self.0.lock();
        if cursors.contains_key(name) {
            return Err(failure(
                "42P03",
                format!("cursor \"{name}\" already exists"),
            ));
        }
        if cursors.len() >= MAX_CURSORS {
            let message = format!("this connection has {MAX_CURSORS} open cursors; close one");
            return Err(failure("53400", message));
        }
        let schema = stream.schema();
        let batch = RecordBatch::new_empty(schema.clone());
        let cursor = Arc::new(Cursor {
            schema,
            hold,
            rows: tokio::sync::Mutex::new(Rows::Open { stream, batch }),
        });
        tokio::spawn(expire(Arc::downgrade(&cursor), time));
        cursors.insert(name.to_owned(), cursor);
        Ok(Response::Execution(Tag::new("DECLARE CURSOR")))
    }

    /// The columns of a cursor's rows.
    pub(super) fn schema(&self, name: &str) -> Option<SchemaRef> {
        let cursors = self.0.lock();
        cursors.get(name).map(|cursor| cursor.schema.clone())
    }

    pub(super) fn fetch(
        &self,
        name: &str,
        rows: Option<usize>,
        format: &Format,
    ) -> PgWireResult<Response> {
        let cursor = self.get(name)?;
        let fields = Arc::new(arrow_schema_to_pg_fields(&cursor.schema, format, None)?);
        let columns = fields.clone();
        let left = rows.unwrap_or(usize::MAX);
        let pieces = futures::stream::try_unfold((cursor, left), |(cursor, left)| async move {
            let piece = cursor.take(left).await?;
            let rest = piece.as_ref().map_or(0, RecordBatch::num_rows);
            Ok::<_, PgWireError>(piece.map(|piece| (piece, (cursor, left - rest))))
        });
        let rows = pieces.flat_map(move |piece| match piece {
            Ok(piece) => {
                let rows = encode_recordbatch(columns.clone(), piece);
                futures::stream::iter(rows).left_stream()
            }
            Err(error) => futures::stream::iter([Err(error)]).right_stream(),
        });
        let mut response = QueryResponse::new(fields, rows);
        response.set_command_tag("FETCH");
        Ok(Response::Query(response))
    }

    /// MOVE: passes over rows.
    pub(super) async fn skip(&self, name: &str, rows: Option<usize>) -> PgWireResult<Response> {
        let cursor = self.get(name)?;
        let wanted = rows.unwrap_or(usize::MAX);
        let mut passed = 0;
        while let Some(piece) = cursor.take(wanted - passed).await? {
            passed += piece.num_rows();
        }
        Ok(Response::Execution(Tag::new("MOVE").with_rows(passed)))
    }

    /// Closes one, or all.
    pub(super) fn close(&self, name: Option<&str>) -> PgWireResult<Response> {
        let Some(name) = name else {
            self.0.lock().clear();
            return Ok(Response::Execution(Tag::new("CLOSE CURSOR ALL")));
        };
        let closed = self.0.lock().remove(name);
        closed.ok_or_else(|| unknown(name))?;
        Ok(Response::Execution(Tag::new("CLOSE CURSOR")))
    }

    /// At the end of a transaction: only cursors WITH HOLD stay.
    pub(super) fn end_transaction(&self) {
        self.0.lock().retain(|_, cursor| cursor.hold);
    }

    fn get(&self, name: &str) -> PgWireResult<Arc<Cursor>> {
        let found = self.0.lock().get(name).cloned();
        found.ok_or_else(|| unknown(name))
    }
}

fn unknown(name: &str) -> PgWireError {
    failure("34000", format!("cursor \"{name}\" does not exist"))
}

impl Cursor {
    /// The next rows, at most so many; `None` at the end, or if none are wanted.
    async fn take(&self, rows: usize) -> PgWireResult<Option<RecordBatch>> {
        if rows == 0 {
            return Ok(None);
        }
        let mut state = self.rows.lock().await;
        loop {
            let (stream, batch) = match &mut *state {
                Rows::Open { stream, batch } => (stream, batch),
                Rows::Ended => return Ok(None),
                Rows::Expired => return Err(failure("57014", EXPIRED)),
            };
            if batch.num_rows() > 0 {
                let taken = rows.min(batch.num_rows());
                let piece = batch.slice(0, taken);
                *batch = batch.slice(taken, batch.num_rows() - taken);
                return Ok(Some(piece));
            }
            match stream.next().await {
                Some(Ok(next)) => *batch = next,
                Some(Err(error)) => {
                    *state = Rows::Ended;
                    return Err(refusal(QueryError::from(error)));
                }
                None => *state = Rows::Ended,
            }
        }
    }
}

const EXPIRED: &str = "the time limit of the query has passed";

/// Drops the query of a cursor after its time.
async fn expire(cursor: Weak<Cursor>, time: Duration) {
    tokio::time::sleep(time).await;
    if let Some(cursor) = cursor.upgrade() {
        let mut rows = cursor.rows.lock().await;
        if matches!(*rows, Rows::Open { .. }) {
            *rows = Rows::Expired;
        }
    }
}

/// The same for a portal whose client reads only a part of its rows.
pub(super) async fn expire_portal(
    state: Weak<tokio::sync::Mutex<PortalExecutionState>>,
    time: Duration,
) {
    tokio::time::sleep(time).await;
    if let Some(state) = state.upgrade() {
        let mut state = state.lock().await;
        if let PortalExecutionState::Suspended(response) = &mut *state {
            let fields = response.row_schema();
            let expired = futures::stream::iter([Err(failure("57014", EXPIRED))]);
            *state = PortalExecutionState::Suspended(QueryResponse::new(fields, expired));
        }
    }
}
