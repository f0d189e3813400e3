//! Scans of readings: one row per reading, whatever the files look like.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::ReadError;
use crate::file::layout::Layout;
use crate::file::reader::{self, SegmentScan};
use crate::file::rows::{Rows, Wanted};
use crate::file::segment::Segment;
use crate::filter::Filter;
use crate::memory::gather::{self, with_names};
use crate::read::columns::{DEVICE, FLAGS, LOCATION, QUALITY, TEXT, TIME, VALUE};
use crate::read::unpivot::Unpivot;
use crate::read::view::{ChunkRef, ReadView};

/// Below so many rows a second partition costs more than it gains.
const ROWS_PER_PARTITION: u64 = 500_000;

/// A number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowCount {
    Exact(usize),
    AtMost(usize),
}

/// The readings of a view that match a filter, split into partitions that can be
/// read in parallel. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ReadingsScan {
    view: ReadView,
    /// The numbers of the devices in the filter.
    devices: Option<Arc<[u32]>>,
    filter: Arc<Filter>,
    unpivot: Unpivot,
    wanted: Wanted,
    partitions: Arc<[Vec<Source>]>,
}

/// A source of rows.
#[derive(Clone, Debug)]
enum Source {
    File(Arc<Segment>),
    Chunk(ChunkRef),
}

impl ReadView {
    /// Prepares a scan of the matching readings. `projection` lists columns of
    /// [`columns::schema`](crate::read::columns::schema); `names` is the schema of the
    /// result, with the same types.
    pub fn readings(
        &self,
        filter: Filter,
        projection: &[usize],
        names: SchemaRef,
        max_partitions: usize,
    ) -> ReadingsScan {
        let devices = with_names(&self.catalog, |names| {
            gather::matching_devices(names, &filter)
        });
        let partitions = partition(self, &filter, max_partitions);
        let has = |column: usize| projection.contains(&column);
        let wanted = Wanted {
            time: has(TIME),
            device: has(DEVICE),
            location: has(LOCATION),
            flags: has(FLAGS) || has(QUALITY),
            values: has(VALUE) || has(TEXT),
            ..Wanted::default()
        };
        ReadingsScan {
            view: self.clone(),
            devices: devices.map(Into::into),
            filter: Arc::new(filter),
            unpivot: Unpivot {
                schema: names,
                projection: projection.into(),
            },
            wanted,
            partitions: partitions.into(),
        }
    }
}

/// Spreads the sources that can match over as many partitions as are worth it.
fn partition(view: &ReadView, filter: &Filter, max_partitions: usize) -> Vec<Vec<Source>> {
    let mut rows = 0;
    let mut sources = Vec::new();
    for segment in view.segments.iter() {
        let entry = &segment.entry;
        if !segment.is_damaged()
            && filter.overlaps(entry.min_time, entry.max_time)
            && !reader::matching_values(segment, filter).is_empty()
        {
            rows += entry.rows;
            sources.push(Source::File(segment.clone()));
        }
    }
    for at in view.chunks() {
        rows += view.chunk(at).1.rows() as u64;
        sources.push(Source::Chunk(at));
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

impl ReadingsScan {
    pub fn schema(&self) -> &SchemaRef {
        &self.unpivot.schema
    }

    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// How many partitions there are; at least one.
    pub fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// How many files and chunks it reads.
    pub fn sources(&self) -> usize {
        self.partitions.iter().map(Vec::len).sum()
    }

    /// How many rows it gives, as far as that is known without reading.
    pub fn count(&self) -> RowCount {
        self.count_of(self.partitions.iter().flatten())
    }

    /// As [`Self::count`], for one partition.
    pub fn count_in(&self, partition: usize) -> RowCount {
        self.count_of(self.partitions[partition].iter())
    }

    /// Exact when the filter restricts nothing but the sensor.
    fn count_of<'a>(&self, sources: impl Iterator<Item = &'a Source>) -> RowCount {
        let mut readings = 0_u64;
        let mut exact = self.filter.matches_all_rows();
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
                Source::Chunk(at) => {
                    exact &= self.filter.sensors.is_none();
                    let (_, chunk) = self.view.chunk(*at);
                    readings += chunk
                        .values
                        .iter()
                        .map(|values| values.filled() as u64)
                        .sum::<u64>();
                }
            }
        }
        let readings = usize::try_from(readings).unwrap_or(usize::MAX);
        if exact {
            RowCount::Exact(readings)
        } else {
            RowCount::AtMost(readings)
        }
    }

    /// The rows of one partition, at most `limit`.
    pub fn read(
        &self,
        partition: usize,
        limit: Option<usize>,
    ) -> impl Iterator<Item = Result<RecordBatch, ReadError>> + Send + use<> {
        Batches {
            scan: self.clone(),
            sources: self.partitions[partition].clone().into_iter(),
            file: None,
            rows: Vec::new().into_iter(),
            out: Vec::new().into_iter(),
            left: limit.unwrap_or(usize::MAX),
        }
    }

    fn scan_chunk(&self, at: ChunkRef) -> Vec<(Layout, Rows)> {
        let (buffer, chunk) = self.view.chunk(at);
        with_names(&self.view.catalog, |names| {
            let layout = buffer.layout(names);
            let devices = self.devices.as_deref();
            gather::scan_chunk(chunk, &layout, names, &self.filter, devices, self.wanted)
                .into_iter()
                .map(|rows| (layout.clone(), rows))
                .collect()
        })
    }
}

/// The batches of one partition, one after the other.
struct Batches {
    scan: ReadingsScan,
    sources: std::vec::IntoIter<Source>,
    /// The file that is being read.
    file: Option<(Arc<Segment>, SegmentScan)>,
    /// The rows of a chunk, or of a cached device, with their layout.
    rows: std::vec::IntoIter<(Layout, Rows)>,
    out: std::vec::IntoIter<RecordBatch>,
    left: usize,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ReadError>;

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
    fn next_rows(&mut self) -> Result<Option<(Layout, Rows)>, ReadError> {
        loop {
            if let Some(rows) = self.rows.next() {
                return Ok(Some(rows));
            }
            if let Some((segment, file)) = &mut self.file {
                match file.next() {
                    Some(Ok(rows)) => return Ok(Some((segment.layout.clone(), rows))),
                    Some(Err(error)) => self.scan.view.skip_damaged(segment, error)?,
                    None => {}
                }
                self.file = None;
            }
            match self.sources.next() {
                None => return Ok(None),
                Some(Source::File(segment)) => self.open(segment)?,
                Some(Source::Chunk(at)) => self.rows = self.scan.scan_chunk(at).into_iter(),
            }
        }
    }

    fn open(&mut self, segment: Arc<Segment>) -> Result<(), ReadError> {
        let (view, filter, wanted) = (&self.scan.view, &self.scan.filter, self.scan.wanted);
        let state = &view.state;
        match state
            .device_rows
            .scan(&segment, &state.footers, filter, wanted)
        {
            Ok(Some(rows)) => {
                let rows = rows.into_iter().map(|rows| (segment.layout.clone(), rows));
                self.rows = rows.collect::<Vec<_>>().into_iter();
                return Ok(());
            }
            Ok(None) => {}
            Err(error) => return view.skip_damaged(&segment, error),
        }
        match reader::scan(&segment, &state.footers, filter, wanted) {
            Ok(file) => self.file = file.map(|file| (segment, file)),
            Err(error) => view.skip_damaged(&segment, error)?,
        }
        Ok(())
    }
}
