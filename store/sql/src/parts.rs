//! The tables `readings_1m` and `readings_1h`.
//!
//! The store gives the parts of a step ([`weir_series::read::parts`]); the tables
//! are views over [`PartsTable`] that combine them.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::functions_aggregate::expr_fn::{last_value, max, min, sum};
use datafusion::logical_expr::{
    Expr, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, cast, col,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use weir_series::read::parts;
use weir_series::{Filter, PartsScan, ReadView, RollupStep, SeriesReader};

use crate::error::read_failed;
use crate::pushdown;

/// The view for one step.
pub(crate) fn table(store: &SeriesReader, step: RollupStep) -> Result<ViewTable> {
    let parts = Arc::new(PartsTable {
        step,
        schema: parts::schema(),
        of: Of::Steps(store.clone()),
    });
    let newest = || {
        vec![
            col("time").sort(true, false),
            col("last_after").sort(true, false),
        ]
    };
    let last = last_value(col("last"), newest());
    let location = last_value(col("location"), newest());
    let plan = LogicalPlanBuilder::scan("parts", provider_as_source(parts), None)?
        .aggregate(
            vec![col("time"), col("device"), col("sensor"), col("unit")],
            vec![
                min(col("min")).alias("lowest"),
                max(col("max")).alias("highest"),
                sum(col("sum")).alias("total"),
                last.alias("newest"),
                sum(col("count")).alias("readings"),
                location.alias("place"),
            ],
        )?
        .project(vec![
            col("time"),
            col("device"),
            col("sensor"),
            col("lowest").alias("min"),
            col("highest").alias("max"),
            (col("total") / col("readings")).alias("mean"),
            col("newest").alias("last"),
            cast(col("readings"), DataType::Int64).alias("count"),
            col("unit"),
            col("place").alias("location"),
        ])?
        .build()?;
    Ok(ViewTable::new(plan, None))
}

struct PartsTable {
    step: RollupStep,
    schema: SchemaRef,
    of: Of,
}

/// Which parts a table has.
enum Of {
    /// Those of the steps that a query asks for.
    Steps(SeriesReader),
    /// Those of exactly the matching readings of a view.
    Readings(ReadView, Filter),
}

/// The parts of the readings of a view that match a filter.
pub(crate) fn parts_of_readings(
    view: ReadView,
    step: RollupStep,
    filter: Filter,
) -> Arc<dyn TableProvider> {
    Arc::new(PartsTable {
        step,
        schema: parts::schema(),
        of: Of::Readings(view, filter),
    })
}

impl fmt::Debug for PartsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartsTable({:?})", self.step)
    }
}

#[async_trait]
impl TableProvider for PartsTable {
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
        Ok(match &self.of {
            Of::Steps(_) => pushdown::supported(filters),
            Of::Readings(..) => vec![TableProviderFilterPushDown::Unsupported; filters.len()],
        })
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = projection.map(Vec::as_slice);
        let scan = match &self.of {
            Of::Steps(store) => {
                let filter = pushdown::filter(filters);
                store.view().parts(self.step, &filter, columns)
            }
            Of::Readings(view, filter) => view.parts_of_readings(self.step, filter, columns),
        };
        let parts = Parts {
            scan,
            step: self.step,
            schema: self.schema.clone(),
        };
        Ok(Arc::new(StreamingTableExec::try_new(
            self.schema.clone(),
            vec![Arc::new(parts)],
            projection,
            None,
            false,
            None,
        )?))
    }
}

/// The parts of one scan, as a stream.
struct Parts {
    scan: PartsScan,
    step: RollupStep,
    schema: SchemaRef,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({:?}, {} sources)", self.step, self.scan.sources())
    }
}

impl PartitionStream for Parts {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = self.scan.read().map(|batch| batch.map_err(read_failed));
        Box::pin(RecordBatchStreamAdapter::new(
            self.schema.clone(),
            futures::stream::iter(batches),
        ))
    }
}
