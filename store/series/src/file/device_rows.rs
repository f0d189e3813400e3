//! A cache of the rows of single devices.
//!
//! A dashboard queries the same few devices repeatedly, mostly for their last hour.
//! Finding their rows in a file costs more than returning them, so the rows of a
//! device in a file stay in memory, within a limit. Files never change, so cached
//! rows stay valid.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::TimestampNanosecondType;
use parking_lot::Mutex;

use crate::file::layout::Layout;
use crate::file::lru::Lru;
use crate::file::reader::{self, Footers};
use crate::file::rows::{Rows, Wanted};
use crate::file::segment::{Segment, SegmentError};
use crate::filter::Filter;

/// Size of the cache in bytes.
const CACHE_BYTES: usize = 16 << 20;
/// A device with more rows in a file is not cached.
const MAX_ROWS: usize = 16_384;

#[derive(Debug)]
pub(crate) struct DeviceRows {
    hasher: ahash::RandomState,
    kept: Mutex<Lru<Arc<Kept>>>,
}

/// A query of a file without its times, and its rows.
#[derive(Debug)]
struct Kept {
    key: Key,
    rows: Vec<Rows>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    file: u64,
    device: String,
    sensors: Option<Vec<String>>,
    wanted: Wanted,
}

impl Default for DeviceRows {
    fn default() -> Self {
        Self {
            hasher: ahash::RandomState::default(),
            kept: Mutex::new(Lru::new(CACHE_BYTES)),
        }
    }
}

impl DeviceRows {
    /// The matching rows of a file, if the filter names one device; `None` when the
    /// file must be read batch by batch.
    pub(crate) fn scan(
        &self,
        segment: &Arc<Segment>,
        footers: &Footers,
        filter: &Filter,
        wanted: Wanted,
    ) -> Result<Option<Vec<Rows>>, SegmentError> {
        let Some([device]) = filter.devices.as_deref() else {
            return Ok(None);
        };
        if !matches!(segment.layout, Layout::Wide(_)) || segment.is_damaged() {
            return Ok(None);
        }
        let key = Key {
            file: segment.entry.id,
            device: device.clone(),
            sensors: filter.sensors.clone(),
            wanted,
        };
        let number = self.hasher.hash_one(&key);
        let known = self.kept.lock().get(number).cloned();
        let kept = match known.filter(|kept| kept.key == key) {
            Some(kept) => kept,
            None => {
                let Some(rows) = read(segment, footers, filter, wanted)? else {
                    return Ok(None);
                };
                let kept = Arc::new(Kept { key, rows });
                self.kept.lock().put(number, kept.clone(), cost(&kept));
                kept
            }
        };
        let within = kept.rows.iter().filter_map(|rows| within(rows, filter));
        Ok(Some(within.collect()))
    }
}

/// All rows of a device in a file; `None` when there are too many.
fn read(
    segment: &Arc<Segment>,
    footers: &Footers,
    filter: &Filter,
    wanted: Wanted,
) -> Result<Option<Vec<Rows>>, SegmentError> {
    let always = Filter {
        from: i64::MIN,
        to: i64::MAX,
        ..filter.clone()
    };
    let with_time = Wanted {
        time: true,
        ..wanted
    };
    let Some(scan) = reader::scan(segment, footers, &always, with_time)? else {
        return Ok(Some(Vec::new()));
    };
    let (mut all, mut count) = (Vec::new(), 0);
    for rows in scan {
        let rows = rows?;
        count += rows.count;
        if count > MAX_ROWS {
            return Ok(None);
        }
        all.push(rows);
    }
    Ok(Some(all))
}

/// The rows of a device, which are sorted, that are in the filter's time.
fn within(rows: &Rows, filter: &Filter) -> Option<Rows> {
    let times = rows.time.as_ref()?;
    let times = times.as_primitive::<TimestampNanosecondType>().values();
    let start = times.partition_point(|time| *time < filter.from);
    let end = times.partition_point(|time| *time <= filter.to);
    if start >= end {
        return None;
    }
    if end - start == rows.count {
        return Some(rows.clone());
    }
    let part = |column: &ArrayRef| column.slice(start, end - start);
    Some(Rows {
        count: end - start,
        time: rows.time.as_ref().map(part),
        device: rows.device.as_ref().map(part),
        location: rows.location.as_ref().map(part),
        flags: rows.flags.as_ref().map(part),
        series: None,
        values: rows
            .values
            .iter()
            .map(|(value, cells)| (*value, cells.as_ref().map(part)))
            .collect(),
    })
}

fn cost(kept: &Kept) -> usize {
    let columns = kept.rows.iter().flat_map(|rows| {
        let shared = [&rows.time, &rows.device, &rows.location, &rows.flags];
        let values = rows.values.iter().map(|(_, cells)| cells);
        shared.into_iter().chain(values).flatten()
    });
    let bytes: usize = columns.map(|column| column.get_array_memory_size()).sum();
    bytes + size_of::<Kept>() + kept.key.device.len()
}
