//! The table `readings`: one row per reading, whatever the files look like.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::pushdown;
use super::scan::ReadingsExec;
use crate::embedded::Shared;
use crate::embedded::layout::time_type;

/// Columns of the table, by position.
pub(super) const TIME: usize = 0;
pub(super) const DEVICE: usize = 1;
pub(super) const SENSOR: usize = 2;
pub(super) const VALUE: usize = 3;
pub(super) const TEXT: usize = 4;
pub(super) const UNIT: usize = 5;
pub(super) const LOCATION: usize = 6;
pub(super) const QUALITY: usize = 7;
pub(super) const FLAGS: usize = 8;

pub(super) struct ReadingsTable {
    store: Arc<Shared>,
    schema: SchemaRef,
}

impl ReadingsTable {
    pub(super) fn new(store: Arc<Shared>) -> Self {
        let schema = schema();
        Self { store, schema }
    }

    pub(super) fn store(&self) -> &Arc<Shared> {
        &self.store
    }

    pub(super) fn columns(&self) -> &Schema {
        &self.schema
    }
}

/// The columns of the table.
pub(super) fn schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8View, nullable);
    Arc::new(Schema::new(vec![
        Field::new("time", time_type(TimeUnit::Nanosecond), false),
        text("device", false),
        text("sensor", false),
        Field::new("value", DataType::Float64, true),
        text("text", true),
        text("unit", true),
        text("location", true),
        text("quality", false),
        text("flags", false),
    ]))
}

impl fmt::Debug for ReadingsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadingsTable")
    }
}

#[async_trait]
impl TableProvider for ReadingsTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(pushdown::supported(filters))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let filter = pushdown::filter(filters);
        let all = || (0..self.schema.fields().len()).collect();
        let projection = projection.cloned().unwrap_or_else(all);
        let schema = Arc::new(self.schema.project(&projection)?);
        let partitions = state.config().target_partitions();
        let scan = ReadingsExec::new(
            self.store.clone(),
            schema,
            projection,
            filter,
            limit,
            partitions,
        );
        Ok(Arc::new(scan))
    }
}
