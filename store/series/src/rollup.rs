//! Roll-ups: minimum, maximum, sum, last and count per series and hour (or minute).
//!
//! A roll-up file belongs to one file of rows. It is written when that file is
//! large enough to matter: when files are merged, and at the latest before
//! retention removes the rows, which it outlives. Rows without a roll-up (young
//! files, rows in memory) are aggregated by the query. So a query always sees
//! current data, and a late reading only requires the file of its rows to be
//! rewritten.
//!
//! A step whose readings are in several files has a part in each. The tables in
//! weir-sql combine the parts.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringViewBuilder,
    TimestampNanosecondArray, UInt16Array,
};
use arrow::datatypes::{Float64Type, TimestampNanosecondType, UInt16Type};
use arrow::error::ArrowError;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use weir_model::ValueKind;

use crate::file::layout::{self, Layout};
use crate::file::rows::Rows;
use crate::rollup_step::RollupStep;

/// A part: one series in one step.
#[derive(Clone, Copy, Debug)]
struct Part {
    min: f64,
    max: f64,
    sum: f64,
    last: f64,
    last_time: i64,
    count: u64,
    location: u32,
    flags: u16,
}

/// Device, series, start of the step.
type Key = (u32, u32, i64);

/// Aggregates readings, batch by batch.
#[derive(Debug)]
pub(crate) struct Aggregator {
    step: RollupStep,
    texts: Texts,
    /// Sensor and unit.
    series: Vec<(u32, Option<u32>)>,
    series_of: HashMap<(u32, Option<u32>), u32, ahash::RandomState>,
    parts: HashMap<Key, Part, ahash::RandomState>,
}

/// Interned texts.
#[derive(Debug, Default)]
struct Texts {
    all: Vec<Box<str>>,
    of: HashMap<Box<str>, u32, ahash::RandomState>,
}

impl Texts {
    fn add(&mut self, text: &str) -> u32 {
        if let Some(known) = self.of.get(text) {
            return *known;
        }
        let next = u32::try_from(self.all.len()).expect("a file is bounded far below 2^32 rows");
        self.all.push(text.into());
        self.of.insert(text.into(), next);
        next
    }

    /// The numbers of a column's texts. A run of equal texts is looked up once.
    fn column(&mut self, column: &ArrayRef) -> Vec<Option<u32>> {
        let column = column.as_string_view();
        let mut last: Option<(&str, u32)> = None;
        let mut numbers = Vec::with_capacity(column.len());
        for text in column {
            numbers.push(text.map(|text| match last {
                Some((same, number)) if same == text => number,
                _ => {
                    let number = self.add(text);
                    last = Some((text, number));
                    number
                }
            }));
        }
        numbers
    }
}

impl Aggregator {
    pub(crate) fn new(step: RollupStep) -> Self {
        Self {
            step,
            texts: Texts::default(),
            series: Vec::new(),
            series_of: HashMap::default(),
            parts: HashMap::default(),
        }
    }

    /// Number of parts so far.
    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    /// Adds rows that have all columns except the values of texts.
    pub(crate) fn add(&mut self, layout: &Layout, rows: &Rows) {
        let (Some(devices), Some(times)) = (&rows.device, &rows.time) else {
            return;
        };
        let devices = self.texts.column(devices);
        let times = times.as_primitive::<TimestampNanosecondType>().values();
        let none = || vec![None; rows.count];
        let locations = rows
            .location
            .as_ref()
            .map_or_else(none, |column| self.texts.column(column));
        let flags = rows
            .flags
            .as_ref()
            .map(|flags| flags.as_primitive::<UInt16Type>().values().clone());
        let named: Option<Vec<u32>> = rows.series.as_ref().map(|[sensors, units]| {
            let sensors = self.texts.column(sensors);
            let units = self.texts.column(units);
            let pairs = sensors.iter().zip(units);
            pairs
                .map(|(sensor, unit)| self.series(sensor.unwrap_or_default(), unit))
                .collect()
        });
        for (value, cells) in &rows.values {
            if layout.kind(*value) != ValueKind::Number {
                continue;
            }
            let Some(cells) = cells else { continue };
            let cells = cells.as_primitive::<Float64Type>();
            let column = match layout {
                Layout::Wide(columns) => {
                    let column = &columns[*value];
                    let sensor = self.texts.add(&column.sensor);
                    let unit = column.unit.as_deref().map(|unit| self.texts.add(unit));
                    Some(self.series(sensor, unit))
                }
                _ => None,
            };
            // Rows of one device and step are adjacent: they are looked up once.
            let mut current: Option<(Key, Part)> = None;
            for row in 0..rows.count {
                if cells.is_null(row) {
                    continue;
                }
                let series = column
                    .or_else(|| named.as_ref().map(|named| named[row]))
                    .unwrap_or_default();
                let key = (
                    devices[row].unwrap_or_default(),
                    series,
                    self.step.floor(times[row]),
                );
                if current.as_ref().is_none_or(|(open, _)| *open != key) {
                    self.close(current.take());
                }
                let part = Part::of(
                    cells.value(row),
                    times[row],
                    locations[row],
                    flags.as_ref().map_or(0, |flags| flags[row]),
                );
                current = Some(match current {
                    Some((key, open)) => (key, open.with(part)),
                    None => (key, part),
                });
            }
            self.close(current);
        }
    }

    fn series(&mut self, sensor: u32, unit: Option<u32>) -> u32 {
        let next = u32::try_from(self.series.len()).expect("fewer series than rows");
        let series = *self.series_of.entry((sensor, unit)).or_insert(next);
        if series == next {
            self.series.push((sensor, unit));
        }
        series
    }

    fn close(&mut self, open: Option<(Key, Part)>) {
        if let Some((key, part)) = open {
            match self.parts.entry(key) {
                Entry::Occupied(mut all) => *all.get_mut() = all.get().with(part),
                Entry::Vacant(place) => {
                    place.insert(part);
                }
            }
        }
    }

    /// The parts, by device, sensor, unit and time, with the schema of
    /// [`Layout::Rollup`].
    pub(crate) fn finish(self) -> Result<RecordBatch, ArrowError> {
        let texts = &self.texts.all;
        let name = |number: u32| &*texts[number as usize];
        let mut parts: Vec<(Key, Part)> = self.parts.into_iter().collect();
        parts.sort_unstable_by(|((a, x, at), _), ((b, y, then), _)| {
            let order = |device: &u32, series: &u32| {
                let (sensor, unit) = self.series[*series as usize];
                (name(*device), name(sensor), unit.map(name))
            };
            order(a, x).cmp(&order(b, y)).then(at.cmp(then))
        });
        let column = |text: &dyn Fn(&(Key, Part)) -> Option<u32>| -> ArrayRef {
            let mut builder = StringViewBuilder::new().with_deduplicate_strings();
            for part in &parts {
                builder.append_option(text(part).map(name));
            }
            Arc::new(builder.finish())
        };
        let numbers = |value: &dyn Fn(&Part) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(
                parts.iter().map(|(_, part)| value(part)),
            ))
        };
        let times =
            TimestampNanosecondArray::from_iter_values(parts.iter().map(|((_, _, time), _)| *time));
        let columns: Vec<ArrayRef> = vec![
            column(&|((device, _, _), _)| Some(*device)),
            Arc::new(times.with_timezone("UTC")),
            column(&|(_, part)| (part.location != NOWHERE).then_some(part.location)),
            Arc::new(UInt16Array::from_iter_values(
                parts.iter().map(|(_, part)| part.flags),
            )),
            column(&|((_, series, _), _)| Some(self.series[*series as usize].0)),
            column(&|((_, series, _), _)| self.series[*series as usize].1),
            numbers(&|part| part.min),
            numbers(&|part| part.max),
            numbers(&|part| part.sum),
            numbers(&|part| part.last),
            Arc::new(Float64Array::from_iter_values(parts.iter().map(
                |((_, _, time), part)| part.last_time.saturating_sub(*time) as f64,
            ))),
            numbers(&|part| part.count as f64),
        ];
        RecordBatch::try_new(Layout::Rollup.schema(), columns)
    }
}

const NOWHERE: u32 = u32::MAX;

impl Part {
    fn of(value: f64, time: i64, location: Option<u32>, flags: u16) -> Self {
        Self {
            min: value,
            max: value,
            sum: value,
            last: value,
            last_time: time,
            count: 1,
            location: location.unwrap_or(NOWHERE),
            flags,
        }
    }

    fn with(self, other: Self) -> Self {
        let newest = if other.last_time >= self.last_time {
            other
        } else {
            self
        };
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            sum: self.sum + other.sum,
            last: newest.last,
            last_time: newest.last_time,
            count: self.count + other.count,
            location: newest.location,
            flags: self.flags | other.flags,
        }
    }
}

/// The roll-up of rows with the layout's schema, in any order.
pub(crate) fn of_rows(
    layout: &Layout,
    rows: &RecordBatch,
    step: RollupStep,
) -> Result<RecordBatch, ArrowError> {
    let mut aggregator = Aggregator::new(step);
    let column = |at: usize| Some(rows.column(at).clone());
    let first = layout.first_value();
    aggregator.add(
        layout,
        &Rows {
            count: rows.num_rows(),
            time: column(layout::TIME),
            device: column(layout::DEVICE),
            location: column(layout::LOCATION),
            flags: column(layout::FLAGS),
            series: layout.names_series().then(|| {
                [
                    rows.column(layout::SENSOR).clone(),
                    rows.column(layout::UNIT).clone(),
                ]
            }),
            values: (0..layout.values())
                .map(|value| (value, column(first + value)))
                .collect(),
        },
    );
    aggregator.finish()
}
