//! The plan's leaf for the table `readings`: a scan of the series store.

use std::fmt;
use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, StatisticsArgs,
};
use weir_series::{ReadingsScan, RowCount};

use crate::error::read_failed;

pub(crate) struct ReadingsExec {
    scan: ReadingsScan,
    /// Rows per partition.
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl ReadingsExec {
    pub(crate) fn new(scan: ReadingsScan, limit: Option<usize>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(scan.schema().clone()),
            Partitioning::UnknownPartitioning(scan.partitions()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            scan,
            limit,
            properties: Arc::new(properties),
        }
    }

    /// How many rows it gives, if that is known without reading.
    pub(crate) fn exact_count(&self) -> Option<usize> {
        match self.scan.count() {
            RowCount::Exact(rows) => Some(rows),
            RowCount::AtMost(_) => None,
        }
    }
}

impl fmt::Debug for ReadingsExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadingsExec")
            .field("filter", self.scan.filter())
            .finish_non_exhaustive()
    }
}

impl DisplayAs for ReadingsExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadingsExec: sources={}", self.scan.sources())?;
        let filter = self.scan.filter();
        if let Some(devices) = &filter.devices {
            write!(f, ", devices={}", devices.len())?;
        }
        if let Some(sensors) = &filter.sensors {
            write!(f, ", sensors={}", sensors.len())?;
        }
        if filter.has_times() {
            write!(f, ", time=[{}, {}]", filter.from, filter.to)?;
        }
        Ok(())
    }
}

impl ExecutionPlan for ReadingsExec {
    fn name(&self) -> &str {
        "ReadingsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let batches = self
            .scan
            .read(partition, self.limit)
            .map(|batch| batch.map_err(read_failed));
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.scan.schema().clone(),
            futures::stream::iter(batches),
        )))
    }

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(self.scan.schema());
        let rows = match args.partition() {
            Some(partition) => self.scan.count_in(partition),
            None => self.scan.count(),
        };
        statistics.num_rows = match rows {
            RowCount::Exact(rows) if self.limit.is_none() => Precision::Exact(rows),
            RowCount::Exact(rows) | RowCount::AtMost(rows) => Precision::Inexact(rows),
        };
        Ok(Arc::new(statistics))
    }
}
