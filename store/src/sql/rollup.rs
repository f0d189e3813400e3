//! The tables `readings_1m` and `readings_1h`, and the function `downsample`.
//!
//! What is kept of a step lies in parts: in roll-up files, in files that have no
//! roll-up yet, in memory. [`PartsTable`] gives the parts of one moment; the
//! tables are views over it that put them together.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt16Array, new_null_array};
use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::functions::datetime::expr_fn::date_bin;
use datafusion::functions_aggregate::expr_fn::{last_value, max, min, sum};
use datafusion::logical_expr::{
    Expr, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, cast, col, lit,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use weir_model::Timestamp;

use super::pushdown;
use super::scan::skip_damaged;
use crate::embedded::filter::Filter;
use crate::embedded::gather::{self, with_names};
use crate::embedded::layout::{self, Layout};
use crate::embedded::reader::{self, Rows, SegmentScan, Wanted};
use crate::embedded::rollup::{Aggregator, Step};
use crate::embedded::segment::Segment;
use crate::embedded::{Moment, Shared};

/// Parts that are made before they are handed on: the bound of their memory.
const MAX_PARTS: usize = 65_536;

/// The view for one step.
pub(super) fn table(store: &Arc<Shared>, step: Step) -> Result<ViewTable> {
    let parts = Arc::new(PartsTable {
        store: store.clone(),
        step,
        schema: Layout::Rollup.schema(),
        of: None,
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
    store: Arc<Shared>,
    step: Step,
    schema: SchemaRef,
    /// Parts of exactly these readings, at this moment.
    of: Option<(Filter, Arc<Moment>)>,
}

/// The parts that make up the readings of a moment that a filter lets through:
/// roll-ups for the steps that lie in its range as a whole, and what the range
/// cuts of the others, made of the readings.
pub(super) fn parts_of(
    store: &Arc<Shared>,
    step: Step,
    filter: Filter,
    moment: Arc<Moment>,
) -> Arc<dyn TableProvider> {
    Arc::new(PartsTable {
        store: store.clone(),
        step,
        schema: Layout::Rollup.schema(),
        of: Some((filter, moment)),
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
        if self.of.is_some() {
            return Ok(vec![
                TableProviderFilterPushDown::Unsupported;
                filters.len()
            ]);
        }
        Ok(pushdown::supported(filters))
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (moment, sources) = match &self.of {
            Some((filter, moment)) => {
                let sources = sources_of(moment, self.step, filter);
                (moment.clone(), sources)
            }
            None => {
                let moment = Arc::new(self.store.moment());
                let sources = sources(&moment, self.step, &pushdown::filter(filters));
                (moment, sources)
            }
        };
        let parts = Parts {
            store: self.store.clone(),
            moment,
            step: self.step,
            sources: sources.into(),
            wanted: wanted(projection),
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

fn wanted(projection: Option<&Vec<usize>>) -> Wanted {
    let has = |column| projection.is_none_or(|columns| columns.contains(&column));
    Wanted {
        location: has(layout::LOCATION),
        flags: has(layout::FLAGS),
        rollup_values: std::array::from_fn(|value| has(layout::VALUE + value)),
        ..Wanted::ALL
    }
}

/// The readings whose step begins where the filter allows.
fn of_readings(filter: &Filter, step: Step) -> Filter {
    let mut readings = filter.clone();
    if filter.from != i64::MIN {
        let floor = step.floor(filter.from);
        readings.from = if floor == filter.from {
            floor
        } else {
            floor.saturating_add(step.nanos())
        };
    }
    if filter.to != i64::MAX {
        readings.to = step.floor(filter.to).saturating_add(step.nanos() - 1);
    }
    readings
}

/// Something with parts, or with readings to make them of; which of them match.
#[derive(Clone)]
enum Source {
    Rollup(Arc<Segment>, Filter),
    File(Arc<Segment>, Filter),
    /// A chunk of a buffer, by their places in the moment.
    Chunk(usize, usize, Filter),
}

/// The parts of one moment that begin where the filter allows.
fn sources(moment: &Moment, step: Step, filter: &Filter) -> Vec<Source> {
    let of_readings = of_readings(filter, step);
    let mut sources = Vec::new();
    let rollups = || {
        let all = moment.rollups.iter();
        all.filter(|rollup| rollup.step == step && !rollup.segment.is_damaged())
    };
    for rollup in rollups().filter(|rollup| overlaps(filter, &rollup.segment)) {
        sources.push(Source::Rollup(rollup.segment.clone(), filter.clone()));
    }
    let sources_of_rollups: HashSet<u64> = rollups().filter_map(|r| r.source).collect();
    for segment in moment.segments.iter() {
        let rolled_up = sources_of_rollups.contains(&segment.entry.id);
        if !rolled_up && !segment.is_damaged() && overlaps(&of_readings, segment) {
            sources.push(Source::File(segment.clone(), of_readings.clone()));
        }
    }
    chunks(moment, &of_readings, &mut sources);
    sources
}

/// What [`parts_of`] gives parts of.
fn sources_of(moment: &Moment, step: Step, filter: &Filter) -> Vec<Source> {
    let mut sources = Vec::new();
    let rollups: HashMap<u64, &Arc<Segment>> = moment
        .rollups
        .iter()
        .filter(|rollup| rollup.step == step && !rollup.segment.is_damaged())
        .filter_map(|rollup| Some((rollup.source?, &rollup.segment)))
        .collect();
    for segment in moment.segments.iter() {
        if segment.is_damaged() || !overlaps(filter, segment) {
            continue;
        }
        match rollups.get(&segment.entry.id) {
            None => sources.push(Source::File(segment.clone(), filter.clone())),
            Some(rollup) => whole_and_cut(segment, rollup, step, filter, &mut sources),
        }
    }
    chunks(moment, filter, &mut sources);
    sources
}

/// The steps of one file that the filter's range holds as far as the file has
/// readings of them, from the roll-up; the others from the readings.
fn whole_and_cut(
    segment: &Arc<Segment>,
    rollup: &Arc<Segment>,
    step: Step,
    filter: &Filter,
    sources: &mut Vec<Source>,
) {
    let within = |from, to| Filter {
        from,
        to,
        ..filter.clone()
    };
    let (entry, nanos) = (&segment.entry, step.nanos());
    let mut whole = within(i64::MIN, i64::MAX);
    if entry.min_time < filter.from {
        let floor = step.floor(filter.from);
        let up = if floor == filter.from { 0 } else { nanos };
        whole.from = floor.saturating_add(up);
    }
    if entry.max_time > filter.to {
        // The last that begins a step or more before the end.
        whole.to = step
            .floor(filter.to.saturating_add(1))
            .saturating_sub(nanos);
    }
    if whole.from > whole.to {
        sources.push(Source::File(segment.clone(), filter.clone()));
        return;
    }
    if whole.from > filter.from && whole.from != i64::MIN {
        let cut = within(filter.from, whole.from - 1);
        sources.push(Source::File(segment.clone(), cut));
    }
    if whole.to != i64::MAX {
        let cut = within(whole.to.saturating_add(nanos), filter.to);
        sources.push(Source::File(segment.clone(), cut));
    }
    sources.push(Source::Rollup(rollup.clone(), whole));
}

fn chunks(moment: &Moment, filter: &Filter, sources: &mut Vec<Source>) {
    for (at, buffer) in moment.buffers.iter().enumerate() {
        let chunks = 0..buffer.chunks.len();
        sources.extend(chunks.map(|chunk| Source::Chunk(at, chunk, filter.clone())));
    }
}

fn overlaps(filter: &Filter, segment: &Segment) -> bool {
    filter.overlaps(segment.entry.min_time, segment.entry.max_time)
}

/// The parts of one moment that match.
#[derive(Clone)]
struct Parts {
    store: Arc<Shared>,
    moment: Arc<Moment>,
    step: Step,
    sources: Arc<[Source]>,
    wanted: Wanted,
    schema: SchemaRef,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({:?}, {} sources)", self.step, self.sources.len())
    }
}

impl PartitionStream for Parts {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = Batches {
            aggregator: Aggregator::new(self.step),
            sources: Vec::from(&*self.sources).into_iter(),
            scan: None,
            parts: self.clone(),
        };
        Box::pin(RecordBatchStreamAdapter::new(
            self.schema.clone(),
            futures::stream::iter(batches),
        ))
    }
}

struct Batches {
    parts: Parts,
    sources: std::vec::IntoIter<Source>,
    scan: Option<(Arc<Segment>, SegmentScan)>,
    aggregator: Aggregator,
}

impl Batches {
    /// The next batch that is ready; `None` when everything was read.
    fn advance(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if self.aggregator.len() >= MAX_PARTS {
                return self.made().map(Some);
            }
            if let Some((segment, scan)) = &mut self.scan {
                match scan.next() {
                    Some(Ok(rows)) if segment.layout == Layout::Rollup => {
                        return self.kept(&rows).map(Some);
                    }
                    Some(Ok(rows)) => {
                        self.aggregator.add(&segment.layout, &rows);
                        continue;
                    }
                    Some(Err(error)) => skip_damaged(&self.parts.store, segment, error)?,
                    None => {}
                }
                self.scan = None;
            }
            match self.sources.next() {
                None if self.aggregator.len() > 0 => return self.made().map(Some),
                None => return Ok(None),
                Some(Source::Rollup(segment, filter) | Source::File(segment, filter)) => {
                    self.open(segment, &filter)?;
                }
                Some(Source::Chunk(buffer, chunk, filter)) => {
                    self.add_chunk(buffer, chunk, &filter);
                }
            }
        }
    }

    fn open(&mut self, segment: Arc<Segment>, filter: &Filter) -> Result<()> {
        match reader::scan(
            &segment,
            &self.parts.store.footers,
            filter,
            self.parts.wanted,
        ) {
            Ok(scan) => self.scan = scan.map(|scan| (segment, scan)),
            Err(error) => skip_damaged(&self.parts.store, &segment, error)?,
        }
        Ok(())
    }

    fn add_chunk(&mut self, buffer: usize, chunk: usize, filter: &Filter) {
        let (moment, wanted) = (&self.parts.moment, self.parts.wanted);
        let buffer = &moment.buffers[buffer];
        let aggregator = &mut self.aggregator;
        with_names(&moment.catalog, |names| {
            let layout = buffer.layout(names);
            let devices = gather::matching_devices(names, filter);
            let (chunk, devices) = (&buffer.chunks[chunk], devices.as_deref());
            for rows in gather::scan_chunk(chunk, &layout, names, filter, devices, wanted) {
                aggregator.add(&layout, &rows);
            }
        });
    }

    fn made(&mut self) -> Result<RecordBatch> {
        let made = std::mem::replace(&mut self.aggregator, Aggregator::new(self.parts.step));
        Ok(made.finish()?)
    }

    /// Rows of a roll-up file.
    fn kept(&self, rows: &Rows) -> Result<RecordBatch> {
        let mut columns: Vec<ArrayRef> = [&rows.device, &rows.time]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        // Of what nobody asked for there is a stand-in.
        let nowhere = || new_null_array(&DataType::Utf8View, rows.count);
        columns.push(rows.location.clone().unwrap_or_else(nowhere));
        let no_flags = || Arc::new(UInt16Array::from(vec![0; rows.count])) as ArrayRef;
        columns.push(rows.flags.clone().unwrap_or_else(no_flags));
        columns.extend(rows.series.iter().flatten().cloned());
        for value in 0..Layout::Rollup.values() {
            let cells = rows.values.iter().find(|(at, _)| *at == value);
            let gaps = || new_null_array(&DataType::Float64, rows.count);
            columns.push(
                cells
                    .and_then(|(_, cells)| cells.clone())
                    .unwrap_or_else(gaps),
            );
        }
        Ok(RecordBatch::try_new(self.parts.schema.clone(), columns)?)
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// `downsample('15m')` and `downsample('15m', from, to)`: minimum, maximum, mean,
/// last and count per step of any length, made of the roll-ups where the step is
/// a multiple of theirs.
pub(super) struct Downsample {
    store: Arc<Shared>,
}

impl Downsample {
    pub(super) fn new(store: Arc<Shared>) -> Self {
        Self { store }
    }
}

impl fmt::Debug for Downsample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Downsample")
    }
}

impl TableFunctionImpl for Downsample {
    fn call(&self, args: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let texts: Vec<&str> = args
            .iter()
            .filter_map(|arg| match arg {
                Expr::Literal(value, _) => value.try_as_str().flatten(),
                _ => None,
            })
            .collect();
        let (step, range) = match texts.as_slice() {
            [step] if args.len() == 1 => (step, None),
            [step, from, to] if args.len() == 3 => (step, Some((instant(from)?, instant(to)?))),
            _ => {
                return plan_err!(
                    "downsample takes a step such as '15m' and, if only a part is wanted, \
                     two RFC 3339 times, all of them as texts"
                );
            }
        };
        let step_ns = step_nanos(step)?;
        let Some(base) = Step::ALL
            .into_iter()
            .rev()
            .find(|base| step_ns % base.nanos() == 0)
        else {
            return plan_err!(
                "downsample('{step}'): the step must be whole minutes, such as '5m' or '6h'; for \
                 shorter ones group readings by date_bin(interval '10 seconds', time)"
            );
        };
        let source = provider_as_source(Arc::new(table(&self.store, base)?));
        let mut plan = LogicalPlanBuilder::scan("rolled_up", source, None)?;
        if let Some((from, to)) = range {
            let time = |nanos| {
                lit(ScalarValue::TimestampNanosecond(
                    Some(nanos),
                    Some("UTC".into()),
                ))
            };
            plan = plan.filter(col("time").gt_eq(time(from)).and(col("time").lt(time(to))))?;
        }
        let stride = ScalarValue::new_interval_mdn(0, 0, step_ns);
        let origin = ScalarValue::TimestampNanosecond(Some(0), Some("UTC".into()));
        let bin = date_bin(lit(stride), col("time"), lit(origin)).alias("begin");
        let last = last_value(col("last"), vec![col("time").sort(true, false)]);
        let plan = plan
            .aggregate(
                vec![bin, col("device"), col("sensor"), col("unit")],
                vec![
                    min(col("min")).alias("lowest"),
                    max(col("max")).alias("highest"),
                    sum(col("mean") * cast(col("count"), DataType::Float64)).alias("total"),
                    last.alias("newest"),
                    sum(col("count")).alias("readings"),
                ],
            )?
            .project(vec![
                col("begin").alias("time"),
                col("device"),
                col("sensor"),
                col("lowest").alias("min"),
                col("highest").alias("max"),
                (col("total") / cast(col("readings"), DataType::Float64)).alias("mean"),
                col("newest").alias("last"),
                col("readings").alias("count"),
                col("unit"),
            ])?
            .build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

fn instant(text: &str) -> Result<i64> {
    match Timestamp::parse_rfc3339(text) {
        Some(time) => Ok(time.0),
        None => plan_err!("downsample: {text:?} is no time such as 2026-11-21T06:00:00Z"),
    }
}

fn step_nanos(text: &str) -> Result<i64> {
    let step =
        weir_config::parse_duration(text).and_then(|step| i64::try_from(step.as_nanos()).ok());
    match step.filter(|step| *step > 0) {
        Some(step) => Ok(step),
        None => plan_err!("downsample: {text:?} is no step such as '15m'"),
    }
}
