//! Statements as pgwire keeps them for a connection.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_pg::datatypes::{arrow_schema_to_pg_fields, into_pg_type};
use async_trait::async_trait;
use pgwire::api::portal::Format;
use pgwire::api::results::FieldInfo;
use pgwire::api::stmt::QueryParser;
use pgwire::api::{ClientInfo, Type};
use pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use weir_sql::{Dialect, OID_ELEMENT, Prepared, QueryError, QueryLimits, Sql};

use super::command::{Command, without_comments};
use super::cursor_words::CursorWords;
use super::cursors::Cursors;

/// A parsed statement.
#[derive(Clone, Debug)]
pub(super) enum Statement {
    Query(Arc<Prepared>),
    Command(Command),
    Declare {
        name: String,
        hold: bool,
        query: Arc<Prepared>,
    },
    Fetch {
        name: String,
        rows: Option<usize>,
        /// `None` if there is no such cursor.
        schema: Option<SchemaRef>,
    },
    Move {
        name: String,
        rows: Option<usize>,
    },
    Close {
        name: Option<String>,
    },
}

impl Statement {
    pub(super) async fn parse(
        sql: &Sql,
        limits: QueryLimits,
        cursors: &Cursors,
        text: &str,
    ) -> PgWireResult<Self> {
        if let Some(command) = Command::parse(text) {
            return Ok(Self::Command(command));
        }
        if let Some(words) = CursorWords::parse(without_comments(text)) {
            return Self::of_cursor(sql, limits, cursors, words).await;
        }
        let prepared = sql.prepare(text, Dialect::Postgres, limits).await;
        Ok(Self::Query(Arc::new(prepared.map_err(refusal)?)))
    }

    async fn of_cursor(
        sql: &Sql,
        limits: QueryLimits,
        cursors: &Cursors,
        words: CursorWords,
    ) -> PgWireResult<Self> {
        Ok(match words {
            CursorWords::Declare { name, hold, query } => {
                let query = sql.prepare(&query, Dialect::Postgres, limits).await;
                let query = Arc::new(query.map_err(refusal)?);
                Self::Declare { name, hold, query }
            }
            CursorWords::Fetch { name, rows, skip } if skip => Self::Move { name, rows },
            CursorWords::Fetch { name, rows, .. } => {
                let schema = cursors.schema(&name);
                Self::Fetch { name, rows, schema }
            }
            CursorWords::Close { name } => Self::Close { name },
            CursorWords::Backwards => {
                return Err(failure("55000", "cursors can only scan forward"));
            }
        })
    }

    pub(super) fn schema(&self) -> Schema {
        match self {
            Self::Query(prepared) => prepared.schema().as_ref().clone(),
            Self::Fetch {
                schema: Some(schema),
                ..
            } => schema.as_ref().clone(),
            Self::Fetch { .. } | Self::Declare { .. } | Self::Move { .. } | Self::Close { .. } => {
                Schema::empty()
            }
            Self::Command(Command::Show { name, .. }) => {
                Schema::new(vec![Field::new(name, DataType::Utf8, true)])
            }
            Self::Command(Command::UnlockAll) => {
                let name = "pg_advisory_unlock_all";
                Schema::new(vec![Field::new(name, DataType::Utf8, true)])
            }
            Self::Command(_) => Schema::empty(),
        }
    }

    /// Types of the parameters, as far as the statement has them.
    pub(super) fn parameters(&self) -> Vec<Type> {
        let (Self::Query(prepared)
        | Self::Declare {
            query: prepared, ..
        }) = self
        else {
            return Vec::new();
        };
        let kinds = prepared.parameters().iter().map(|(_, kind)| kind.as_ref());
        kinds
            .map(|kind| match kind {
                Some(DataType::List(element)) if element.name() == OID_ELEMENT => Type::OID_ARRAY,
                kind => kind
                    .and_then(|kind| into_pg_type(kind).ok())
                    .unwrap_or(Type::TEXT),
            })
            .collect()
    }
}

/// The cursors of a connection.
pub(super) fn cursors<C: ClientInfo>(client: &C) -> Arc<Cursors> {
    client
        .session_extensions()
        .get_or_insert_with(Cursors::default)
}

/// Parses for pgwire.
#[derive(Debug)]
pub(super) struct Parser {
    pub(super) sql: Sql,
    pub(super) limits: QueryLimits,
}

#[async_trait]
impl QueryParser for Parser {
    type Statement = Statement;

    async fn parse_sql<C>(
        &self,
        client: &C,
        sql: &str,
        _types: &[Option<Type>],
    ) -> PgWireResult<Option<Statement>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let cursors = cursors(client);
        let statement = Statement::parse(&self.sql, self.limits, &cursors, sql).await?;
        let empty = matches!(statement, Statement::Command(Command::Empty));
        Ok((!empty).then_some(statement))
    }

    fn get_parameter_types(&self, statement: &Statement) -> PgWireResult<Vec<Type>> {
        Ok(statement.parameters())
    }

    fn get_result_schema(
        &self,
        statement: &Statement,
        format: Option<&Format>,
    ) -> PgWireResult<Vec<FieldInfo>> {
        let format = format.unwrap_or(&Format::UnifiedText);
        arrow_schema_to_pg_fields(&statement.schema(), format, None)
    }
}

/// As Postgres says it: with a class of error that clients tell apart.
pub(super) fn refusal(error: QueryError) -> PgWireError {
    let code = match &error {
        QueryError::Invalid(_) => "42000",
        QueryError::Refused { .. } => "25006",
        QueryError::TooLong { .. } | QueryError::TooManyRows { .. } => "54000",
        QueryError::Timeout { .. } => "57014",
        QueryError::Busy { .. } => "53300",
        QueryError::Memory(_) => "53200",
        QueryError::Failed(_) => "22000",
        QueryError::Store(_) => "XX000",
    };
    let message = match error {
        QueryError::Store(error) => {
            tracing::error!(%error, "a Postgres client's query failed");
            "an internal error; the log says more".to_owned()
        }
        error => error.to_string(),
    };
    failure(code, message)
}

pub(super) fn failure(code: &str, message: impl Into<String>) -> PgWireError {
    let info = ErrorInfo::new("ERROR".to_owned(), code.to_owned(), message.into());
    PgWireError::UserError(Box::new(info))
}
