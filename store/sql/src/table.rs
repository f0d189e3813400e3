//! Small tables that the server registers; they are materialised per query.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use weir_series::BoxError;

/// A table whose rows are produced for each query.
pub trait TableSource: Send + Sync {
    fn schema(&self) -> SchemaRef;

    /// The table's rows, with [`Self::schema`]. With a limit, the query does not need further
    /// rows. Called on a query thread.
    fn batch(&self, limit: Option<usize>) -> std::result::Result<RecordBatch, BoxError>;
}

pub(crate) struct SourceTable {
    source: Arc<dyn TableSource>,
}

impl SourceTable {
    pub(crate) fn new(source: Arc<dyn TableSource>) -> Self {
        Self { source }
    }
}

impl fmt::Debug for SourceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceTable")
            .field("schema", &self.source.schema())
            .finish()
    }
}

#[async_trait]
impl TableProvider for SourceTable {
    fn schema(&self) -> SchemaRef {
        self.source.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let batch = self
            .source
            .batch(limit)
            .map_err(DataFusionError::External)?;
        let schema = self.source.schema();
        let scan = MemorySourceConfig::try_new_exec(&[vec![batch]], schema, projection.cloned())?;
        Ok(scan)
    }
}
