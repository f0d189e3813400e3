//! Looks up readings in files by device, sensor and time, so that a late reading is
//! stored once. Keys and requested values of recently used files are cached, up to a
//! limit.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Float64Type, TimestampNanosecondType};
use parquet::errors::ParquetError;

use crate::file::layout::{Layout, TEXT, VALUE};
use crate::file::lru::Lru;
use crate::file::reader::{self, Footers};
use crate::file::rows::Wanted;
use crate::file::segment::{Segment, SegmentError};
use crate::filter::Filter;
use crate::scalar::Scalar;

/// Size of the cache in bytes.
const CACHE_BYTES: usize = 64 << 20;
/// Approximate cost of a row per column.
const CELL_BYTES: usize = 12;

#[derive(Debug)]
pub(crate) struct KeyIndex {
    files: Lru<FileKeys>,
    footers: Arc<Footers>,
}

#[derive(Debug, Default)]
struct FileKeys {
    /// Device names, sorted, with their first row.
    devices: Vec<(Box<str>, usize)>,
    times: Vec<i64>,
    /// Only of narrow files.
    sensors: Option<ArrayRef>,
    values: HashMap<usize, ArrayRef>,
}

impl FileKeys {
    fn cost(&self) -> usize {
        let columns = 1 + self.values.len() + usize::from(self.sensors.is_some());
        self.times.len() * columns * CELL_BYTES + self.devices.len() * 64
    }

    /// The rows of a device at a time.
    fn rows(&self, device: &str, time: i64) -> Range<usize> {
        let Ok(at) = self
            .devices
            .binary_search_by(|(name, _)| (**name).cmp(device))
        else {
            return 0..0;
        };
        let start = self.devices[at].1;
        let end = self
            .devices
            .get(at + 1)
            .map_or(self.times.len(), |next| next.1);
        let times = &self.times[start..end];
        let first = start + times.partition_point(|probe| *probe < time);
        let last = start + times.partition_point(|probe| *probe <= time);
        first..last
    }
}

impl KeyIndex {
    pub(crate) fn new(footers: Arc<Footers>) -> Self {
        Self {
            files: Lru::new(CACHE_BYTES),
            footers,
        }
    }

    /// The rows of a device at a time in a file.
    pub(crate) fn rows(
        &mut self,
        segment: &Arc<Segment>,
        device: &str,
        time: i64,
    ) -> Result<Range<usize>, SegmentError> {
        Ok(self.keys(segment)?.rows(device, time))
    }

    /// The sensor of a row of a narrow file.
    pub(crate) fn sensor(
        &mut self,
        segment: &Arc<Segment>,
        row: usize,
    ) -> Result<&str, SegmentError> {
        let sensors = self.keys(segment)?.sensors.as_ref();
        Ok(sensors.map_or("", |sensors| sensors.as_string_view().value(row)))
    }

    /// The value in a cell, if it is not a gap.
    pub(crate) fn value(
        &mut self,
        segment: &Arc<Segment>,
        row: usize,
        value: usize,
    ) -> Result<Option<Scalar<'_>>, SegmentError> {
        if !self.keys(segment)?.values.contains_key(&value) {
            self.load_values(segment, value)?;
        }
        let Some(column) = self.keys(segment)?.values.get(&value) else {
            return Ok(None);
        };
        if column.is_null(row) {
            return Ok(None);
        }
        Ok(Some(match column.data_type() {
            DataType::Float64 => Scalar::Number(column.as_primitive::<Float64Type>().value(row)),
            _ => Scalar::Text(column.as_string_view().value(row)),
        }))
    }

    pub(crate) fn forget(&mut self, file: u64) {
        self.files.remove(file);
    }

    fn keys(&mut self, segment: &Arc<Segment>) -> Result<&mut FileKeys, SegmentError> {
        let id = segment.entry.id;
        if self.files.get(id).is_none() {
            let keys = self.load(segment)?;
            let cost = keys.cost();
            self.files.put(id, keys, cost);
        }
        Ok(self
            .files
            .get(id)
            .expect("a missing file was just inserted"))
    }

    fn load(&self, segment: &Arc<Segment>) -> Result<FileKeys, SegmentError> {
        let wide = segment.layout != Layout::Narrow;
        let wanted = Wanted {
            device: true,
            time: true,
            values: !wide,
            ..Wanted::default()
        };
        let mut keys = FileKeys::default();
        let (mut sensors, mut numbers, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        let Some(scan) = reader::scan(segment, &self.footers, &Filter::default(), wanted)? else {
            return Ok(keys);
        };
        for rows in scan {
            let rows = rows?;
            let (Some(devices), Some(times)) = (&rows.device, &rows.time) else {
                continue;
            };
            for (offset, name) in devices.as_string_view().iter().enumerate() {
                let name = name.unwrap_or_default();
                if keys.devices.last().is_none_or(|(last, _)| **last != *name) {
                    keys.devices.push((name.into(), keys.times.len() + offset));
                }
            }
            keys.times
                .extend_from_slice(times.as_primitive::<TimestampNanosecondType>().values());
            if let Some([sensor, _]) = rows.series {
                sensors.push(sensor);
            }
            for (value, cells) in rows.values {
                let into = if value == 0 { &mut numbers } else { &mut texts };
                into.extend(cells.filter(|_| !wide));
            }
        }
        let join = |parts: &[ArrayRef]| join(segment, parts);
        if !wide {
            keys.sensors = join(&sensors)?;
            let columns = [(0, join(&numbers)?), (TEXT - VALUE, join(&texts)?)];
            keys.values.extend(
                columns
                    .into_iter()
                    .filter_map(|(at, column)| Some((at, column?))),
            );
        }
        Ok(keys)
    }

    /// Loads a column of values of a wide file.
    fn load_values(&mut self, segment: &Arc<Segment>, value: usize) -> Result<(), SegmentError> {
        let Layout::Wide(columns) = &segment.layout else {
            return Ok(());
        };
        let filter = Filter {
            sensors: Some(vec![columns[value].sensor.to_string()]),
            ..Filter::default()
        };
        let wanted = Wanted {
            values: true,
            ..Wanted::default()
        };
        let mut parts: HashMap<usize, Vec<ArrayRef>> = HashMap::new();
        let scan = reader::scan(segment, &self.footers, &filter, wanted)?;
        for rows in scan.into_iter().flatten() {
            for (column, cells) in rows?.values {
                parts.entry(column).or_default().extend(cells);
            }
        }
        let id = segment.entry.id;
        let Some(mut keys) = self.files.remove(id) else {
            return Ok(());
        };
        for (column, parts) in parts {
            if let Some(cells) = join(segment, &parts)? {
                keys.values.insert(column, cells);
            }
        }
        let cost = keys.cost();
        self.files.put(id, keys, cost);
        Ok(())
    }
}

fn join(segment: &Segment, parts: &[ArrayRef]) -> Result<Option<ArrayRef>, SegmentError> {
    if parts.is_empty() {
        return Ok(None);
    }
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    let joined =
        concat(&parts).map_err(|error| segment.decode_failed(ParquetError::from(error)))?;
    Ok(Some(joined))
}
