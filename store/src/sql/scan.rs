//! Reads what matches from files and memory: the plan's only leaf that knows how
//! readings are kept.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, StatisticsArgs,
};

use super::readings;
use super::unpivot::Unpivot;
use crate::embedded::filter::Filter;
use crate::embedded::gather::{self, with_names};
use crate::embedded::layout::Layout;
use crate::embedded::reader::{self, Rows, SegmentScan, Wanted};
use crate::embedded::segment::{Segment, SegmentError};
use crate::embedded::{Moment, Shared};

/// Below so many rows a second thread costs more than it gains.
const ROWS_PER_PARTITION: u64 = 500_000;

#[derive(Clone)]
pub(super) struct ReadingsExec {
    store: Arc<Shared>,
    moment: Arc<Moment>,
    /// The numbers of the devices asked for.
    devices: Option<Arc<[u32]>>,
    filter: Arc<Filter>,
    unpivot: Unpivot,
    wanted: Wanted,
    limit: Option<usize>,
    partitions: Arc<[Vec<Source>]>,
    properties: Arc<PlanProperties>,
}

/// Something with rows.
#[derive(Clone, Debug)]
enum Source {
    File(Arc<Segment>),
    /// A chunk of a buffer, by their places in the moment.
    Chunk(usize, usize),
}

impl ReadingsExec {
    pub(super) fn new(
        store: Arc<Shared>,
        schema: SchemaRef,
        projection: Vec<usize>,
        filter: Filter,
        limit: Option<usize>,
        max_partitions: usize,
    ) -> Self {
        let moment = store.moment();
        let devices = with_names(&moment.catalog, |names| {
            gather::matching_devices(names, &filter)
        });
        let partitions = partition(&moment, &filter, max_partitions);
        let has = |column: usize| projection.contains(&column);
        let wanted = Wanted {
            time: has(readings::TIME),
            device: has(readings::DEVICE),
            location: has(readings::LOCATION),
            flags: has(readings::FLAGS) || has(readings::QUALITY),
            values: has(readings::VALUE) || has(readings::TEXT),
            ..Wanted::default()
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            store,
            moment: Arc::new(moment),
            devices: devices.map(Into::into),
            filter: Arc::new(filter),
            unpivot: Unpivot {
                schema: schema.clone(),
                projection: projection.into(),
            },
            wanted,
            limit,
            partitions: partitions.into(),
            properties: Arc::new(properties),
        }
    }

    /// How many rows it gives, where that is known without reading.
    pub(super) fn exact_count(&self) -> Option<usize> {
        match self.count(&self.partitions.concat()) {
            Precision::Exact(rows) => Some(rows),
            _ => None,
        }
    }

    /// How many rows the sources give; exact when only sensors are asked for.
    fn count(&self, sources: &[Source]) -> Precision<usize> {
        let mut readings = 0_u64;
        let mut exact = self.filter.takes_all_rows();
        for source in sources {
            match source {
                Source::File(segment) => {
                    exact &= segment.layout != Layout::Narrow || self.filter.sensors.is_none();
                    let matching = reader::matching_values(segment, &self.filter);
                    readings += matching
                        .iter()
                        .map(|at| segment.entry.readings[*at])
                        .sum::<u64>();
                }
                Source::Chunk(buffer, chunk) => {
                    let buffer = &self.moment.buffers[*buffer];
                    exact &= self.filter.sensors.is_none();
                    let values = &buffer.chunks[*chunk].values;
                    readings += values
                        .iter()
                        .map(|values| values.filled() as u64)
                        .sum::<u64>();
                }
            }
        }
        let readings = usize::try_from(readings).unwrap_or(usize::MAX);
        if exact {
            Precision::Exact(readings)
        } else {
            Precision::Inexact(readings)
        }
    }
}

/// Spreads the sources that can match over as many streams as are worth it.
fn partition(moment: &Moment, filter: &Filter, max_partitions: usize) -> Vec<Vec<Source>> {
    let mut rows = 0;
    let mut sources = Vec::new();
    for segment in moment.segments.iter() {
        let entry = &segment.entry;
        if !segment.is_damaged()
            && filter.overlaps(entry.min_time, entry.max_time)
            && !reader::matching_values(segment, filter).is_empty()
        {
            rows += entry.rows;
            sources.push(Source::File(segment.clone()));
        }
    }
    for (at, buffer) in moment.buffers.iter().enumerate() {
        for (chunk, content) in buffer.chunks.iter().enumerate() {
            rows += content.rows() as u64;
            sources.push(Source::Chunk(at, chunk));
        }
    }
    let worthwhile = if filter.devices.is_some() {
        1
    } else {
        rows / ROWS_PER_PARTITION + 1
    };
    let worthwhile = usize::try_from(worthwhile).unwrap_or(max_partitions);
    let count = worthwhile.min(max_partitions).min(sources.len()).max(1);
    let mut partitions = vec![Vec::new(); count];
    for (number, source) in sources.into_iter().enumerate() {
        partitions[number % count].push(source);
    }
    partitions
}

impl fmt::Debug for ReadingsExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadingsExec")
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}

impl DisplayAs for ReadingsExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: usize = self.partitions.iter().map(Vec::len).sum();
        write!(f, "ReadingsExec: sources={sources}")?;
        if let Some(devices) = &self.filter.devices {
            write!(f, ", devices={}", devices.len())?;
        }
        if let Some(sensors) = &self.filter.sensors {
            write!(f, ", sensors={}", sensors.len())?;
        }
        if self.filter.has_times() {
            write!(f, ", time=[{}, {}]", self.filter.from, self.filter.to)?;
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
        let batches = Batches {
            scan: self.clone(),
            sources: self.partitions[partition].clone().into_iter(),
            file: None,
            rows: Vec::new().into_iter(),
            out: Vec::new().into_iter(),
            left: self.limit.unwrap_or(usize::MAX),
        };
        let schema = self.schema();
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            schema,
            futures::stream::iter(batches),
        )))
    }

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        let rows = match args.partition() {
            Some(partition) => self.count(&self.partitions[partition]),
            None => self.count(&self.partitions.concat()),
        };
        statistics.num_rows = if self.limit.is_some() {
            rows.to_inexact()
        } else {
            rows
        };
        Ok(Arc::new(statistics))
    }
}

/// The batches of one partition, made one after the other.
struct Batches {
    scan: ReadingsExec,
    sources: std::vec::IntoIter<Source>,
    /// The file that is being read.
    file: Option<(Arc<Segment>, SegmentScan)>,
    /// What a chunk gave, with its layout.
    rows: std::vec::IntoIter<(Layout, Rows)>,
    out: std::vec::IntoIter<RecordBatch>,
    left: usize,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.left == 0 {
                return None;
            }
            if let Some(batch) = self.out.next() {
                let batch = batch.slice(0, batch.num_rows().min(self.left));
                self.left -= batch.num_rows();
                return Some(Ok(batch));
            }
            match self.next_rows() {
                Ok(Some((layout, rows))) => match self.scan.unpivot.rows(&layout, &rows) {
                    Ok(batches) => self.out = batches.into_iter(),
                    Err(error) => return Some(Err(error)),
                },
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Batches {
    fn next_rows(&mut self) -> Result<Option<(Layout, Rows)>> {
        loop {
            if let Some(rows) = self.rows.next() {
                return Ok(Some(rows));
            }
            if let Some((segment, file)) = &mut self.file {
                match file.next() {
                    Some(Ok(rows)) => return Ok(Some((segment.layout.clone(), rows))),
                    Some(Err(error)) => skip_damaged(&self.scan.store, segment, error)?,
                    None => {}
                }
                self.file = None;
            }
            match self.sources.next() {
                None => return Ok(None),
                Some(Source::File(segment)) => {
                    self.open(segment)?;
                }
                Some(Source::Chunk(buffer, chunk)) => {
                    self.rows = self.scan.scan_chunk(buffer, chunk).into_iter();
                }
            }
        }
    }
}

impl Batches {
    fn open(&mut self, segment: Arc<Segment>) -> Result<()> {
        let scan = &self.scan;
        let (store, filter, wanted) = (&scan.store, &scan.filter, scan.wanted);
        match store
            .device_rows
            .scan(&segment, &store.footers, filter, wanted)
        {
            Ok(Some(rows)) => {
                let rows = rows.into_iter().map(|rows| (segment.layout.clone(), rows));
                self.rows = rows.collect::<Vec<_>>().into_iter();
                return Ok(());
            }
            Ok(None) => {}
            Err(error) => return skip_damaged(store, &segment, error),
        }
        match reader::scan(&segment, &store.footers, filter, wanted) {
            Ok(file) => self.file = file.map(|file| (segment, file)),
            Err(error) => skip_damaged(store, &segment, error)?,
        }
        Ok(())
    }
}

impl ReadingsExec {
    fn scan_chunk(&self, buffer: usize, chunk: usize) -> Vec<(Layout, Rows)> {
        let buffer = &self.moment.buffers[buffer];
        let chunk = &buffer.chunks[chunk];
        with_names(&self.moment.catalog, |names| {
            let layout = buffer.layout(names);
            let devices = self.devices.as_deref();
            gather::scan_chunk(chunk, &layout, names, &self.filter, devices, self.wanted)
                .into_iter()
                .map(|rows| (layout.clone(), rows))
                .collect()
        })
    }
}

/// A damaged file is taken out of service; the others are served.
pub(super) fn skip_damaged(store: &Shared, segment: &Segment, error: SegmentError) -> Result<()> {
    if matches!(error, SegmentError::Damaged { .. }) {
        store.set_aside(segment, &error);
        return Ok(());
    }
    Err(DataFusionError::External(Box::new(error)))
}
