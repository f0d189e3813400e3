//! What Weir says of itself: its names, its tables, and what it can do.

use arrow::array::{AsArray, RecordBatch};
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{CommandGetTables, SqlInfo, SqlSupportedTransaction};
use futures::TryStreamExt;
use tonic::Status;
use weir_sql::{Dialect, QueryError, QueryLimits, Sql};

use super::edge;
use super::service::status;

/// The one catalog, and the schema in it that has the tables.
pub(super) const CATALOG: &str = "weir";
pub(super) const SCHEMAS: [&str; 2] = ["information_schema", "public"];
/// As `information_schema.tables` has them.
pub(super) const TABLE_TYPES: [&str; 2] = ["BASE TABLE", "VIEW"];

pub(super) fn sql_info() -> SqlInfoData {
    let mut builder = SqlInfoDataBuilder::new();
    builder.append(SqlInfo::FlightSqlServerName, "Weir");
    builder.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    builder.append(SqlInfo::FlightSqlServerArrowVersion, "1.3");
    builder.append(SqlInfo::FlightSqlServerReadOnly, true);
    builder.append(SqlInfo::FlightSqlServerSql, true);
    builder.append(SqlInfo::FlightSqlServerSubstrait, false);
    builder.append(
        SqlInfo::FlightSqlServerTransaction,
        SqlSupportedTransaction::None as i32,
    );
    builder.append(SqlInfo::FlightSqlServerCancel, false);
    builder.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    builder
        .build()
        .expect("these values have types that are known")
}

/// The tables that there are, filtered as asked.
pub(super) async fn tables(
    sql: &Sql,
    limits: QueryLimits,
    query: CommandGetTables,
) -> Result<RecordBatch, Status> {
    let with_schemas = query.include_schema;
    let mut builder = query.into_builder();
    let list = "SELECT table_schema, table_name, table_type FROM information_schema.tables";
    let rows = sql.query(list, limits).await.map_err(status)?;
    let batches: Vec<RecordBatch> = rows
        .try_collect()
        .await
        .map_err(|error| status(QueryError::from(error)))?;
    for batch in &batches {
        let column = |at: usize| batch.column(at).as_string::<i32>();
        for row in 0..batch.num_rows() {
            let (schema, table) = (column(0).value(row), column(1).value(row));
            let columns = if with_schemas {
                let everything = format!("SELECT * FROM \"{schema}\".\"{table}\"");
                let prepared = sql.prepare(&everything, Dialect::Generic, limits).await;
                edge::schema(&prepared.map_err(status)?.schema())
            } else {
                arrow::datatypes::Schema::empty().into()
            };
            builder
                .append(CATALOG, schema, table, column(2).value(row), &columns)
                .map_err(|error| Status::internal(error.to_string()))?;
        }
    }
    builder
        .build()
        .map_err(|error| Status::internal(error.to_string()))
}
