//! Converts chunks in memory to Arrow arrays, for a query or for a file.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float64Array, RecordBatch, StringViewArray, StringViewBuilder,
    TimestampNanosecondArray, UInt16Array,
};
use arrow::error::ArrowError;
use weir_model::{Catalog, Column, ColumnIx};

use crate::file::layout::Layout;
use crate::file::rows::{BATCH_ROWS, Rows, Wanted};
use crate::filter::Filter;
use crate::memory::buffer::{Buffer, Chunk, Values};

/// The names that the indexes in chunks refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    pub(crate) devices: &'a [Arc<str>],
    pub(crate) columns: &'a [Arc<Column>],
    pub(crate) locations: &'a [Arc<str>],
}

/// Calls `f` with the catalog's names. Adding names waits until it returns.
pub(crate) fn with_names<T>(catalog: &Catalog, f: impl FnOnce(Names<'_>) -> T) -> T {
    let (devices, columns, locations) = (catalog.devices(), catalog.columns(), catalog.locations());
    f(Names {
        devices: &devices,
        columns: &columns,
        locations: &locations,
    })
}

/// The chunks of a buffer at one instant.
#[derive(Clone, Debug)]
pub(crate) struct FrozenBuffer {
    pub(crate) columns: Arc<[ColumnIx]>,
    pub(crate) narrow: bool,
    pub(crate) chunks: Vec<Arc<Chunk>>,
}

impl FrozenBuffer {
    pub(crate) fn of(buffer: &Buffer) -> Self {
        let (columns, chunks) = (buffer.columns.clone(), buffer.chunks().to_vec());
        Self {
            columns,
            narrow: buffer.narrow,
            chunks,
        }
    }

    pub(crate) fn layout(&self, names: Names<'_>) -> Layout {
        if self.narrow {
            return Layout::Narrow;
        }
        Layout::Wide(
            self.columns
                .iter()
                .map(|column| names.columns[column.index()].clone())
                .collect(),
        )
    }

    /// All rows, sorted by device name and time, with the layout's schema.
    pub(crate) fn sorted(
        &self,
        layout: &Layout,
        names: Names<'_>,
    ) -> Result<RecordBatch, ArrowError> {
        let order = order(&self.chunks, names);
        let pick = |row: &(u32, u32)| (&*self.chunks[row.0 as usize], row.1 as usize);
        let rows = || order.iter().map(pick);
        let times = rows().map(|(chunk, row)| chunk.time[row]);
        let times = TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC");
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(texts(
                rows().map(|(chunk, row)| Some(device(names, chunk, row))),
            )),
            Arc::new(times),
            Arc::new(texts(
                rows().map(|(chunk, row)| location(names, chunk, row)),
            )),
            Arc::new(UInt16Array::from_iter_values(
                rows().map(|(chunk, row)| chunk.flags[row]),
            )),
        ];
        if self.narrow {
            let series = |(chunk, row): (&Chunk, usize)| chunk.series[row] as usize;
            columns.push(Arc::new(texts(
                rows().map(|row| Some(&*names.columns[series(row)].sensor)),
            )));
            columns.push(Arc::new(texts(
                rows().map(|row| names.columns[series(row)].unit.as_deref()),
            )));
        }
        for value in 0..layout.values() {
            columns.push(cells(&self.chunks, &order, value));
        }
        RecordBatch::try_new(layout.schema(), columns)
    }
}

/// Chunk and row of every row that has a reading, by device name and time.
fn order(chunks: &[Arc<Chunk>], names: Names<'_>) -> Vec<(u32, u32)> {
    let mut present: Vec<u32> = chunks
        .iter()
        .flat_map(|chunk| chunk.device.iter().copied())
        .collect();
    present.sort_unstable();
    present.dedup();
    present.sort_unstable_by(|a, b| names.devices[*a as usize].cmp(&names.devices[*b as usize]));
    let highest = present
        .iter()
        .max()
        .map_or(0, |device| *device as usize + 1);
    let mut rank = vec![0_u32; highest];
    for (place, device) in (0_u32..).zip(&present) {
        rank[*device as usize] = place;
    }
    // Rows of one device keep their order of arrival, which is nearly always the
    // order of their times.
    let mut starts = vec![0_usize; present.len() + 1];
    for device in chunks.iter().flat_map(|chunk| &chunk.device) {
        starts[rank[*device as usize] as usize + 1] += 1;
    }
    for place in 1..starts.len() {
        starts[place] += starts[place - 1];
    }
    let mut order = vec![(0_u32, 0_u32); starts[present.len()]];
    let mut next = starts.clone();
    for (number, chunk) in (0_u32..).zip(chunks) {
        for (row, device) in (0_u32..).zip(&chunk.device) {
            let place = &mut next[rank[*device as usize] as usize];
            order[*place] = (number, row);
            *place += 1;
        }
    }
    let time = |row: &(u32, u32)| chunks[row.0 as usize].time[row.1 as usize];
    for run in starts.windows(2) {
        let rows = &mut order[run[0]..run[1]];
        if !rows.is_sorted_by_key(time) {
            rows.sort_by_key(time);
        }
    }
    order.retain(|(chunk, row)| has_reading(&chunks[*chunk as usize], *row as usize));
    order
}

/// Whether a row has a value: overwriting may have removed its last one.
fn has_reading(chunk: &Chunk, row: usize) -> bool {
    chunk
        .values
        .iter()
        .any(|values| values.filled() == chunk.rows() || values.get(row).is_some())
}

fn cells(chunks: &[Arc<Chunk>], order: &[(u32, u32)], value: usize) -> ArrayRef {
    let numbers = matches!(
        chunks.first().map(|chunk| &chunk.values[value]),
        Some(Values::Numbers { .. })
    );
    if !numbers {
        let cells = order
            .iter()
            .map(|(chunk, row)| chunks[*chunk as usize].values[value].text(*row as usize));
        return Arc::new(texts(cells));
    }
    let columns: Vec<&[f64]> = chunks
        .iter()
        .map(|chunk| match &chunk.values[value] {
            Values::Numbers { values, .. } => values.as_slice(),
            Values::Texts { .. } => &[],
        })
        .collect();
    let values: Vec<f64> = order
        .iter()
        .map(|(chunk, row)| columns[*chunk as usize][*row as usize])
        .collect();
    Arc::new(with_gaps(values))
}

fn with_gaps(values: Vec<f64>) -> Float64Array {
    if values.iter().any(|value| value.is_nan()) {
        return values
            .into_iter()
            .map(|value| (!value.is_nan()).then_some(value))
            .collect();
    }
    values.into()
}

/// The numbers of the devices in a filter, ascending; `None` for all devices.
pub(crate) fn matching_devices(names: Names<'_>, filter: &Filter) -> Option<Vec<u32>> {
    filter.devices.as_ref()?;
    let named = (0_u32..).zip(names.devices);
    Some(
        named
            .filter(|(_, name)| filter.matches_device(name))
            .map(|(device, _)| device)
            .collect(),
    )
}

/// The matching rows of a chunk, in batches. `devices` is the result of
/// [`matching_devices`].
pub(crate) fn scan_chunk(
    chunk: &Chunk,
    layout: &Layout,
    names: Names<'_>,
    filter: &Filter,
    devices: Option<&[u32]>,
    wanted: Wanted,
) -> Vec<Rows> {
    let matching = matching_rows(chunk, layout, names, filter, devices);
    matching
        .chunks(BATCH_ROWS)
        .map(|rows| take(chunk, layout, names, filter, wanted, rows))
        .collect()
}

fn matching_rows(
    chunk: &Chunk,
    layout: &Layout,
    names: Names<'_>,
    filter: &Filter,
    devices: Option<&[u32]>,
) -> Vec<u32> {
    let narrow = *layout == Layout::Narrow;
    (0_u32..)
        .zip(&chunk.time)
        .filter(|(row, time)| {
            let row = *row as usize;
            filter.matches_time(**time)
                && devices.is_none_or(|all| all.binary_search(&chunk.device[row]).is_ok())
                && (!narrow
                    || filter.matches_sensor(&names.columns[chunk.series[row] as usize].sensor))
        })
        .map(|(row, _)| row)
        .collect()
}

fn take(
    chunk: &Chunk,
    layout: &Layout,
    names: Names<'_>,
    filter: &Filter,
    wanted: Wanted,
    rows: &[u32],
) -> Rows {
    let each = || rows.iter().map(|row| *row as usize);
    let values = (0..layout.values())
        .filter(|value| match layout {
            Layout::Wide(columns) => filter.matches_sensor(&columns[*value].sensor),
            Layout::Narrow | Layout::Rollup => true,
        })
        .filter(|value| chunk.values[*value].filled() > 0)
        .map(|value| (value, Some(some_cells(&chunk.values[value], rows))))
        .collect();
    let time = || {
        let times = TimestampNanosecondArray::from_iter_values(each().map(|row| chunk.time[row]));
        Arc::new(times.with_timezone("UTC")) as ArrayRef
    };
    let device = || Arc::new(texts(each().map(|row| Some(device(names, chunk, row))))) as ArrayRef;
    let location = || Arc::new(texts(each().map(|row| location(names, chunk, row)))) as ArrayRef;
    let flags = || {
        Arc::new(UInt16Array::from_iter_values(
            each().map(|row| chunk.flags[row]),
        )) as ArrayRef
    };
    let series = (*layout == Layout::Narrow).then(|| {
        let column = |row: usize| &names.columns[chunk.series[row] as usize];
        [
            Arc::new(texts(each().map(|row| Some(&*column(row).sensor)))) as ArrayRef,
            Arc::new(texts(each().map(|row| column(row).unit.as_deref()))) as ArrayRef,
        ]
    });
    Rows {
        count: rows.len(),
        time: wanted.time.then(time),
        device: wanted.device.then(device),
        location: wanted.location.then(location),
        flags: wanted.flags.then(flags),
        series,
        values,
    }
}

fn some_cells(values: &Values, rows: &[u32]) -> ArrayRef {
    match values {
        Values::Numbers { values, .. } => Arc::new(with_gaps(
            rows.iter().map(|row| values[*row as usize]).collect(),
        )),
        Values::Texts { .. } => Arc::new(texts(rows.iter().map(|row| values.text(*row as usize)))),
    }
}

fn device<'a>(names: Names<'a>, chunk: &Chunk, row: usize) -> &'a str {
    &names.devices[chunk.device[row] as usize]
}

fn location<'a>(names: Names<'a>, chunk: &Chunk, row: usize) -> Option<&'a str> {
    let name: &str = &names.locations[chunk.location[row] as usize];
    (!name.is_empty()).then_some(name)
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> StringViewArray {
    let mut builder = StringViewBuilder::new().with_deduplicate_strings();
    for value in values {
        builder.append_option(value);
    }
    let array = builder.finish();
    debug_assert!(array.len() <= u32::MAX as usize);
    array
}
