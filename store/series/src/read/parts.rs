//! Scans of roll-up parts: one row per series and step (minute or hour) and file.
//!
//! The parts of a step are in roll-up files; those of files without a roll-up and
//! of rows in memory are aggregated during the scan. A reader combines the parts of
//! one series and step: minimum of `min`, sum of `sum`, `last` with the greatest
//! `last_after`, and so on.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt16Array, new_null_array};
use arrow::datatypes::{DataType, SchemaRef};

use crate::error::ReadError;
use crate::file::layout::{self, Layout};
use crate::file::reader::{self, SegmentScan};
use crate::file::rows::{Rows, Wanted};
use crate::file::segment::Segment;
use crate::filter::Filter;
use crate::memory::gather::{self, with_names};
use crate::read::view::{ChunkRef, ReadView};
use crate::rollup::Aggregator;
use crate::rollup_step::RollupStep;

/// Parts that are aggregated before they are returned: the bound of their memory.
const MAX_PARTS: usize = 65_536;

/// The columns of a part: `device, time, location, flags, sensor, unit, min, max,
/// sum, last, last_after, count`. `last_after` is the time of the last reading in
/// nanoseconds after the start of the step.
pub fn schema() -> SchemaRef {
    Layout::Rollup.schema()
}

/// The parts of a view. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PartsScan {
    view: ReadView,
    step: RollupStep,
    sources: Arc<[Source]>,
    wanted: Wanted,
}

/// A source of parts, or of readings to aggregate, with the filter that applies to
/// it.
#[derive(Clone, Debug)]
enum Source {
    Rollup(Arc<Segment>, Filter),
    File(Arc<Segment>, Filter),
    Chunk(ChunkRef, Filter),
}

impl ReadView {
    /// The parts whose step starts at a time that the filter allows. Columns that
    /// are not in `projection` have no meaning; `None` asks for all.
    pub fn parts(
        &self,
        step: RollupStep,
        filter: &Filter,
        projection: Option<&[usize]>,
    ) -> PartsScan {
        self.scan_parts(step, whole_steps(self, step, filter), projection)
    }

    /// The parts of exactly the readings that match the filter: roll-ups for steps
    /// that are inside its range, and aggregated readings for steps that its range
    /// cuts.
    pub fn parts_of_readings(
        &self,
        step: RollupStep,
        filter: &Filter,
        projection: Option<&[usize]>,
    ) -> PartsScan {
        self.scan_parts(step, exact_readings(self, step, filter), projection)
    }

    fn scan_parts(
        &self,
        step: RollupStep,
        sources: Vec<Source>,
        projection: Option<&[usize]>,
    ) -> PartsScan {
        PartsScan {
            view: self.clone(),
            step,
            sources: sources.into(),
            wanted: wanted(projection),
        }
    }
}

fn wanted(projection: Option<&[usize]>) -> Wanted {
    let has = |column| projection.is_none_or(|columns| columns.contains(&column));
    Wanted {
        location: has(layout::LOCATION),
        flags: has(layout::FLAGS),
        rollup_values: std::array::from_fn(|value| has(layout::VALUE + value)),
        ..Wanted::ALL
    }
}

/// The readings whose step starts at a time that the filter allows.
fn of_readings(filter: &Filter, step: RollupStep) -> Filter {
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

/// Sources of [`ReadView::parts`].
fn whole_steps(view: &ReadView, step: RollupStep, filter: &Filter) -> Vec<Source> {
    let of_readings = of_readings(filter, step);
    let mut sources = Vec::new();
    let rollups = || {
        let all = view.rollups.iter();
        all.filter(|rollup| rollup.step == step && !rollup.segment.is_damaged())
    };
    for rollup in rollups().filter(|rollup| overlaps(filter, &rollup.segment)) {
        sources.push(Source::Rollup(rollup.segment.clone(), filter.clone()));
    }
    let sources_of_rollups: HashSet<u64> = rollups().filter_map(|r| r.source).collect();
    for segment in view.segments.iter() {
        let rolled_up = sources_of_rollups.contains(&segment.entry.id);
        if !rolled_up && !segment.is_damaged() && overlaps(&of_readings, segment) {
            sources.push(Source::File(segment.clone(), of_readings.clone()));
        }
    }
    chunks(view, &of_readings, &mut sources);
    sources
}

/// Sources of [`ReadView::parts_of_readings`].
fn exact_readings(view: &ReadView, step: RollupStep, filter: &Filter) -> Vec<Source> {
    let mut sources = Vec::new();
    let rollups: HashMap<u64, &Arc<Segment>> = view
        .rollups
        .iter()
        .filter(|rollup| rollup.step == step && !rollup.segment.is_damaged())
        .filter_map(|rollup| Some((rollup.source?, &rollup.segment)))
        .collect();
    for segment in view.segments.iter() {
        if segment.is_damaged() || !overlaps(filter, segment) {
            continue;
        }
        match rollups.get(&segment.entry.id) {
            None => sources.push(Source::File(segment.clone(), filter.clone())),
            Some(rollup) => whole_and_cut(segment, rollup, step, filter, &mut sources),
        }
    }
    chunks(view, filter, &mut sources);
    sources
}

/// Splits one file: steps whose readings are all inside the filter's range come
/// from the roll-up, the others from the readings.
fn whole_and_cut(
    segment: &Arc<Segment>,
    rollup: &Arc<Segment>,
    step: RollupStep,
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
        // The last step that starts at least one step before the end.
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

fn chunks(view: &ReadView, filter: &Filter, sources: &mut Vec<Source>) {
    sources.extend(view.chunks().map(|at| Source::Chunk(at, filter.clone())));
}

fn overlaps(filter: &Filter, segment: &Segment) -> bool {
    filter.overlaps(segment.entry.min_time, segment.entry.max_time)
}

impl PartsScan {
    /// How many files and chunks it reads.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// The parts, with [`schema`].
    pub fn read(&self) -> impl Iterator<Item = Result<RecordBatch, ReadError>> + Send + use<> {
        Batches {
            aggregator: Aggregator::new(self.step),
            sources: Vec::from(&*self.sources).into_iter(),
            file: None,
            schema: schema(),
            scan: self.clone(),
        }
    }
}

struct Batches {
    scan: PartsScan,
    sources: std::vec::IntoIter<Source>,
    /// The file that is being read.
    file: Option<(Arc<Segment>, SegmentScan)>,
    aggregator: Aggregator,
    schema: SchemaRef,
}

impl Batches {
    /// The next batch; `None` when everything was read.
    fn advance(&mut self) -> Result<Option<RecordBatch>, ReadError> {
        loop {
            if self.aggregator.len() >= MAX_PARTS {
                return self.aggregated().map(Some);
            }
            if let Some((segment, file)) = &mut self.file {
                match file.next() {
                    Some(Ok(rows)) if segment.layout == Layout::Rollup => {
                        return self.stored(&rows).map(Some);
                    }
                    Some(Ok(rows)) => {
                        self.aggregator.add(&segment.layout, &rows);
                        continue;
                    }
                    Some(Err(error)) => self.scan.view.skip_damaged(segment, error)?,
                    None => {}
                }
                self.file = None;
            }
            match self.sources.next() {
                None if self.aggregator.len() > 0 => return self.aggregated().map(Some),
                None => return Ok(None),
                Some(Source::Rollup(segment, filter) | Source::File(segment, filter)) => {
                    self.open(segment, &filter)?;
                }
                Some(Source::Chunk(at, filter)) => self.add_chunk(at, &filter),
            }
        }
    }

    fn open(&mut self, segment: Arc<Segment>, filter: &Filter) -> Result<(), ReadError> {
        let view = &self.scan.view;
        match reader::scan(&segment, &view.state.footers, filter, self.scan.wanted) {
            Ok(file) => self.file = file.map(|file| (segment, file)),
            Err(error) => view.skip_damaged(&segment, error)?,
        }
        Ok(())
    }

    fn add_chunk(&mut self, at: ChunkRef, filter: &Filter) {
        let (view, wanted) = (&self.scan.view, self.scan.wanted);
        let (buffer, chunk) = view.chunk(at);
        let aggregator = &mut self.aggregator;
        with_names(&view.catalog, |names| {
            let layout = buffer.layout(names);
            let devices = gather::matching_devices(names, filter);
            let devices = devices.as_deref();
            for rows in gather::scan_chunk(chunk, &layout, names, filter, devices, wanted) {
                aggregator.add(&layout, &rows);
            }
        });
    }

    /// The parts that were aggregated from readings so far.
    fn aggregated(&mut self) -> Result<RecordBatch, ReadError> {
        let next = Aggregator::new(self.scan.step);
        Ok(std::mem::replace(&mut self.aggregator, next).finish()?)
    }

    /// Rows of a roll-up file; columns that were not read get a placeholder.
    fn stored(&self, rows: &Rows) -> Result<RecordBatch, ReadError> {
        let mut columns: Vec<ArrayRef> = [&rows.device, &rows.time]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
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
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
