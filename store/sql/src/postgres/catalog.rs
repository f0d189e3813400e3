//! The tables of `pg_catalog` and `information_schema` that clients read, generated from
//! the registered tables. Most are empty: there are no indexes, constraints, defaults or
//! comments.

mod columns;
mod empty;
mod information;
mod objects;
mod rows;
mod types;

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, Session, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

pub(super) use columns::INFORMATION;
use columns::{Cell, FILLED, Kind, Row, columns};
pub(super) use empty::is_always_empty;
use empty::{CONSTRAINTS, EMPTY};
pub(super) use objects::{namespace_oid, table_name, table_oid};
pub(super) use types::{type_name, type_oid};

fn tables() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILLED.into_iter().chain(EMPTY).chain(CONSTRAINTS)
}

/// Whether the catalog has a table of this name.
pub(super) fn is_table(name: &str) -> bool {
    tables().any(|(table, _)| table == name)
}

/// The columns of a table of the catalog.
pub(super) fn column_names(name: &str) -> Option<Vec<&'static str>> {
    let (_, list) = tables().find(|(table, _)| *table == name)?;
    Some(columns(list).into_iter().map(|(name, _)| name).collect())
}

/// The schema `pg_catalog`, which describes `tables`.
pub(super) fn schema(tables: Arc<dyn SchemaProvider>) -> Arc<dyn SchemaProvider> {
    let schema = MemorySchemaProvider::new();
    for (name, list) in self::tables() {
        let table = CatalogTable::new(name, columns(list), tables.clone());
        let registered = schema.register_table(name.to_owned(), Arc::new(table));
        registered.expect("the names are distinct");
    }
    Arc::new(schema)
}

#[derive(Debug)]
struct CatalogTable {
    name: &'static str,
    columns: Vec<(&'static str, Kind)>,
    schema: SchemaRef,
    tables: Arc<dyn SchemaProvider>,
}

impl CatalogTable {
    fn new(
        name: &'static str,
        columns: Vec<(&'static str, Kind)>,
        tables: Arc<dyn SchemaProvider>,
    ) -> Self {
        let field = |(name, kind): &(&str, Kind)| {
            let data_type = match kind {
                Kind::Int => DataType::Int64,
                Kind::Text => DataType::Utf8,
                Kind::Bool => DataType::Boolean,
            };
            Field::new(*name, data_type, true)
        };
        let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
        Self {
            name,
            columns,
            schema: Arc::new(schema),
            tables,
        }
    }

    fn batch(&self, rows: &[Row]) -> Result<RecordBatch> {
        let cell = |row: &Row, name: &str| {
            let mut named = row.iter().filter(|(column, _)| *column == name);
            named.next().map_or(Cell::Null, |(_, cell)| cell.clone())
        };
        let columns = self.columns.iter().map(|(name, kind)| -> ArrayRef {
            let cells = rows.iter().map(|row| cell(row, name));
            match kind {
                Kind::Int => Arc::new(
                    cells
                        .map(|cell| match cell {
                            Cell::Int(value) => Some(value),
                            _ => None,
                        })
                        .collect::<Int64Array>(),
                ),
                Kind::Text => Arc::new(
                    cells
                        .map(|cell| match cell {
                            Cell::Text(value) => Some(value),
                            _ => None,
                        })
                        .collect::<StringArray>(),
                ),
                Kind::Bool => Arc::new(
                    cells
                        .map(|cell| match cell {
                            Cell::Bool(value) => Some(value),
                            _ => None,
                        })
                        .collect::<BooleanArray>(),
                ),
            }
        });
        Ok(RecordBatch::try_new(
            self.schema.clone(),
            columns.collect(),
        )?)
    }
}

#[async_trait]
impl TableProvider for CatalogTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let batch = self.batch(&rows::rows(self.name, &*self.tables).await?)?;
        let schema = self.schema.clone();
        Ok(MemorySourceConfig::try_new_exec(
            &[vec![batch]],
            schema,
            projection.cloned(),
        )?)
    }
}
