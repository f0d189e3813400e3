//! The table `readings`: one row per reading, whatever the files look like.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use weir_series::SeriesReader;
use weir_series::read::columns;

use crate::pushdown;
use crate::scan::ReadingsExec;

pub(crate) struct ReadingsTable {
    store: SeriesReader,
    schema: SchemaRef,
}

impl ReadingsTable {
    pub(crate) fn new(store: SeriesReader) -> Self {
        let schema = columns::schema();
        Self { store, schema }
    }

    pub(crate) fn store(&self) -> &SeriesReader {
        &self.store
    }

    pub(crate) fn columns(&self) -> &Schema {
        &self.schema
    }
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
        let scan = self
            .store
            .view()
            .readings(filter, &projection, schema, partitions);
        Ok(Arc::new(ReadingsExec::new(scan, limit)))
    }
}
