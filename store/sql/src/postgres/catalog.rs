//! The tables of `pg_catalog` that clients read, generated from the registered tables.
//! Most are empty: there are no indexes, constraints, defaults or comments.

mod columns;
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

use columns::{
    ATTRIBUTE, Bool, CLASS, Cell, Columns, DATABASE, EMPTY, Int, Kind, NAMESPACE, ROLES, Row,
    TABLES, TABLESPACES, TYPE, Text,
};
pub(super) use objects::namespace_oid;
pub(super) use types::{type_name, type_oid};

/// The schema `pg_catalog`, which describes `tables`.
pub(super) fn schema(tables: Arc<dyn SchemaProvider>) -> Arc<dyn SchemaProvider> {
    let schema = MemorySchemaProvider::new();
    let filled = [
        ("pg_class", CLASS),
        ("pg_attribute", ATTRIBUTE),
        ("pg_type", TYPE),
        ("pg_namespace", NAMESPACE),
        ("pg_database", DATABASE),
        ("pg_tablespace", TABLESPACES),
        ("pg_roles", ROLES),
        ("pg_user", ROLES),
        ("pg_tables", TABLES),
    ];
    for (name, columns) in filled.into_iter().chain(EMPTY) {
        let table = CatalogTable::new(name, columns, tables.clone());
        let registered = schema.register_table(name.to_owned(), Arc::new(table));
        registered.expect("the names are distinct");
    }
    Arc::new(schema)
}

#[derive(Debug)]
struct CatalogTable {
    name: &'static str,
    columns: Columns,
    schema: SchemaRef,
    tables: Arc<dyn SchemaProvider>,
}

impl CatalogTable {
    fn new(name: &'static str, columns: Columns, tables: Arc<dyn SchemaProvider>) -> Self {
        let field = |(name, kind): &(&str, Kind)| {
            let data_type = match kind {
                Int => DataType::Int64,
                Text => DataType::Utf8,
                Bool => DataType::Boolean,
            };
            Field::new(*name, data_type, true)
        };
        Self {
            name,
            columns,
            schema: Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>())),
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
                Int => Arc::new(
                    cells
                        .map(|cell| match cell {
                            Cell::Int(value) => Some(value),
                            _ => None,
                        })
                        .collect::<Int64Array>(),
                ),
                Text => Arc::new(
                    cells
                        .map(|cell| match cell {
                            Cell::Text(value) => Some(value),
                            _ => None,
                        })
                        .collect::<StringArray>(),
                ),
                Bool => Arc::new(
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
