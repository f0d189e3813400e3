//! The layout of a file, in memory and in Parquet.
//!
//! A *wide* file holds one device kind, sorted by device and time:
//!
//! ```text
//! device | time | location | flags | <one column per sensor> ...
//! ```
//!
//! A *narrow* file holds kinds that are too rare for a file of their own:
//!
//! ```text
//! device | time | location | flags | sensor | unit | value | text
//! ```
//!
//! A *roll-up* file holds one row per series and hour or minute, whose start is
//! `time`:
//!
//! ```text
//! device | time | location | flags | sensor | unit | min | max | sum | last | last_after | count
//! ```
//!
//! where `last_after` is the time of the last reading in nanoseconds after the start.
//!
//! In memory ([`Layout::schema`]) times are nanoseconds and numbers are doubles. In
//! the file times have the coarsest Parquet unit that is exact for all rows, and a
//! column of numbers is DECIMAL when every value is exactly representable. Any
//! Parquet reader can read it; the key `weir.columns` lists sensor, unit and kind of
//! each column.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal32Array, Decimal64Array, Float64Array, PrimitiveArray,
};
use arrow::compute::kernels::arity;
use arrow::datatypes::{
    ArrowTimestampType, DataType, Decimal32Type, Decimal64Type, Field, Float64Type, Schema,
    SchemaRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType,
};
use arrow::error::ArrowError;
use weir_model::{Column, ValueKind};

/// Positions of the columns that every file has.
pub(crate) const DEVICE: usize = 0;
pub(crate) const TIME: usize = 1;
pub(crate) const LOCATION: usize = 2;
pub(crate) const FLAGS: usize = 3;
/// The first column that is not in every file.
pub(crate) const FIRST: usize = 4;
/// Positions in a narrow file; the first two also in a roll-up.
pub(crate) const SENSOR: usize = 4;
pub(crate) const UNIT: usize = 5;
pub(crate) const VALUE: usize = 6;
pub(crate) const TEXT: usize = 7;
/// The value columns of a roll-up.
pub(crate) const ROLLUP_VALUES: [&str; 6] = ["min", "max", "sum", "last", "last_after", "count"];

const POWERS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Integers up to here are exact in a double.
const MAX_EXACT: i64 = 9_007_199_254_740_991;

/// The columns of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Layout {
    /// One column per sensor.
    Wide(Arc<[Arc<Column>]>),
    /// One row per reading.
    Narrow,
    /// One row per series and step, numbers only.
    Rollup,
}

impl Layout {
    /// Position of the first value column.
    pub(crate) fn first_value(&self) -> usize {
        match self {
            Self::Wide(_) => FIRST,
            Self::Narrow | Self::Rollup => VALUE,
        }
    }

    /// Number of value columns.
    pub(crate) fn values(&self) -> usize {
        match self {
            Self::Wide(columns) => columns.len(),
            Self::Narrow => 2,
            Self::Rollup => ROLLUP_VALUES.len(),
        }
    }

    /// Whether each row names its series, instead of a column per sensor.
    pub(crate) fn names_series(&self) -> bool {
        !matches!(self, Self::Wide(_))
    }

    pub(crate) fn kind(&self, value: usize) -> ValueKind {
        match self {
            Self::Wide(columns) => columns[value].kind,
            Self::Rollup => ValueKind::Number,
            Self::Narrow if value == 0 => ValueKind::Number,
            Self::Narrow => ValueKind::Text,
        }
    }

    /// The schema of rows in memory.
    pub(crate) fn schema(&self) -> SchemaRef {
        let mut fields = vec![
            Field::new("device", DataType::Utf8View, false),
            Field::new("time", time_type(TimeUnit::Nanosecond), false),
            Field::new("location", DataType::Utf8View, true),
            Field::new("flags", DataType::UInt16, false),
        ];
        match self {
            Self::Wide(columns) => {
                let names = file_names(columns);
                fields.extend(
                    columns
                        .iter()
                        .zip(names)
                        .map(|(column, name)| Field::new(name, value_type(column.kind), true)),
                );
            }
            Self::Narrow | Self::Rollup => {
                fields.extend([
                    Field::new("sensor", DataType::Utf8View, false),
                    Field::new("unit", DataType::Utf8View, true),
                ]);
                let value = |name| Field::new(name, DataType::Float64, true);
                if *self == Self::Rollup {
                    fields.extend(ROLLUP_VALUES.map(value));
                } else {
                    fields.push(value("value"));
                    fields.push(Field::new("text", DataType::Utf8View, true));
                }
            }
        }
        Arc::new(Schema::new(fields))
    }

    /// The series of this layout, as JSON.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Narrow => "\"narrow\"".to_owned(),
            Self::Rollup => "\"rollup\"".to_owned(),
            Self::Wide(columns) => {
                serde_json::to_string(&columns[..]).expect("a list of texts is always valid JSON")
            }
        }
    }
}

/// A time with this unit in UTC.
pub fn time_type(unit: TimeUnit) -> DataType {
    DataType::Timestamp(unit, Some("UTC".into()))
}

pub(crate) fn value_type(kind: ValueKind) -> DataType {
    match kind {
        ValueKind::Number => DataType::Float64,
        ValueKind::Text => DataType::Utf8View,
    }
}

/// The column names of a kind in its file: the sensor's name, with a prefix when
/// another column has that name.
fn file_names(columns: &[Arc<Column>]) -> Vec<String> {
    let mut taken: HashSet<String> = ["device", "time", "location", "flags"]
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    let mut names = Vec::with_capacity(columns.len());
    for column in columns {
        let mut name = column.sensor.to_string();
        while taken.contains(&name) {
            name.insert_str(0, "sensor_");
        }
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// Converts times to the coarsest unit that is exact.
pub(crate) fn shrink_times(times: &ArrayRef) -> ArrayRef {
    let nanos = times.as_primitive::<TimestampNanosecondType>();
    let all = |divisor: i64| nanos.values().iter().all(|time| time % divisor == 0);
    if all(1_000_000) {
        scaled::<TimestampMillisecondType>(nanos, 1_000_000)
    } else if all(1_000) {
        scaled::<TimestampMicrosecondType>(nanos, 1_000)
    } else {
        times.clone()
    }
}

fn scaled<T: ArrowTimestampType>(
    nanos: &PrimitiveArray<TimestampNanosecondType>,
    divisor: i64,
) -> ArrayRef {
    let times: PrimitiveArray<T> = arity::unary(nanos, |time| time / divisor);
    Arc::new(times.with_timezone("UTC"))
}

/// Undoes [`shrink_times`].
pub(crate) fn expand_times(times: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match times.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Ok(times.clone()),
        _ => arrow::compute::cast(times, &time_type(TimeUnit::Nanosecond)),
    }
}

/// Converts numbers to DECIMAL when that is exact: dividing the integer by the power
/// of ten gives the same double, bit for bit.
pub(crate) fn shrink_numbers(numbers: &ArrayRef) -> ArrayRef {
    let values = numbers.as_primitive::<Float64Type>();
    let Some((scale, integers)) = exact_decimals(values) else {
        return numbers.clone();
    };
    let nulls = values.nulls().cloned();
    let small = integers.iter().all(|integer| integer.abs() < 1_000_000_000);
    let scale = i8::try_from(scale).expect("a scale has one digit");
    if small {
        let narrow = integers
            .iter()
            .map(|integer| *integer as i32)
            .collect::<Vec<_>>();
        let array = Decimal32Array::new(narrow.into(), nulls);
        Arc::new(array.with_data_type(DataType::Decimal32(9, scale)))
    } else {
        let array = Decimal64Array::new(integers.into(), nulls);
        Arc::new(array.with_data_type(DataType::Decimal64(18, scale)))
    }
}

/// The DECIMAL type of a scale for integers up to `largest`; `None` when a double
/// cannot represent them exactly.
pub(crate) fn decimal_type(scale: i8, largest: i64) -> Option<DataType> {
    match largest {
        0..1_000_000_000 => Some(DataType::Decimal32(9, scale)),
        1_000_000_000..=MAX_EXACT => Some(DataType::Decimal64(18, scale)),
        _ => None,
    }
}

fn exact_decimals(values: &Float64Array) -> Option<(usize, Vec<i64>)> {
    let mut scale = 0;
    for value in values.iter().flatten() {
        while decimal(value, scale).is_none() {
            scale += 1;
            if scale == POWERS.len() {
                return None;
            }
        }
    }
    let slots = values.values().iter().enumerate();
    let integers = slots.map(|(row, value)| {
        if values.is_null(row) {
            Some(0)
        } else {
            decimal(*value, scale)
        }
    });
    Some((scale, integers.collect::<Option<Vec<_>>>()?))
}

fn decimal(value: f64, scale: usize) -> Option<i64> {
    let integer = (value * POWERS[scale]).round_ties_even() as i64;
    // Checked against the value that a reader gets: minus zero is not exact.
    let back = integer as f64 / POWERS[scale];
    (back.to_bits() == value.to_bits() && integer.abs() <= MAX_EXACT).then_some(integer)
}

/// Undoes [`shrink_numbers`].
pub(crate) fn expand_numbers(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        DataType::Decimal32(_, scale) => {
            let power = power_of_ten(*scale)?;
            let integers = array.as_primitive::<Decimal32Type>();
            let numbers: Float64Array =
                arity::unary(integers, |integer| f64::from(integer) / power);
            Ok(Arc::new(numbers))
        }
        DataType::Decimal64(_, scale) => {
            let power = power_of_ten(*scale)?;
            let integers = array.as_primitive::<Decimal64Type>();
            let numbers: Float64Array = arity::unary(integers, |integer| integer as f64 / power);
            Ok(Arc::new(numbers))
        }
        DataType::Float64 => Ok(array.clone()),
        other => Err(ArrowError::SchemaError(format!(
            "a column of numbers is {other}"
        ))),
    }
}

fn power_of_ten(scale: i8) -> Result<f64, ArrowError> {
    let power = usize::try_from(scale)
        .ok()
        .and_then(|scale| POWERS.get(scale))
        .copied();
    power.ok_or_else(|| ArrowError::SchemaError(format!("a decimal's scale is {scale}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(values: &[Option<f64>]) -> (DataType, Vec<Option<u64>>) {
        let numbers: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
        let shrunk = shrink_numbers(&numbers);
        let expanded = expand_numbers(&shrunk).unwrap();
        let bits = expanded.as_primitive::<Float64Type>().iter();
        (
            shrunk.data_type().clone(),
            bits.map(|value| value.map(f64::to_bits)).collect(),
        )
    }

    #[test]
    fn numbers_become_decimals_only_if_that_is_exact() {
        let small = |scale| DataType::Decimal32(9, scale);
        let large = |scale| DataType::Decimal64(18, scale);
        let double = DataType::Float64;
        for (values, expect) in [
            (vec![1.0, 0.0, -3.0], small(0)),
            (vec![21.5, 0.25], small(2)),
            (vec![0.1 + 0.2], double.clone()),
            (vec![-0.0], double.clone()),
            (vec![1.0 / 3.0], double.clone()),
            (vec![1e9], large(0)),
            (vec![123_456_789.125], large(3)),
            (vec![9_007_199_254_740_991.0], large(0)),
            (vec![9_007_199_254_740_992.0], double.clone()),
            (vec![9_007_199_254_740_991.0, 0.5], double.clone()),
            (vec![f64::MAX], double.clone()),
            (vec![f64::MIN_POSITIVE], double),
            (vec![1e-9], small(9)),
        ] {
            let values: Vec<_> = [None]
                .into_iter()
                .chain(values.into_iter().map(Some))
                .collect();
            let (data_type, bits) = round_trip(&values);
            assert_eq!(data_type, expect, "{values:?}");
            let expect: Vec<_> = values.iter().map(|value| value.map(f64::to_bits)).collect();
            assert_eq!(bits, expect, "{values:?}");
        }
    }

    #[test]
    fn times_take_the_coarsest_unit_that_is_exact() {
        for (nanos, unit) in [
            (vec![0, 5_000_000], TimeUnit::Millisecond),
            (vec![-1_000_000, 1_000], TimeUnit::Microsecond),
            (vec![1], TimeUnit::Nanosecond),
            (vec![i64::MIN, i64::MAX], TimeUnit::Nanosecond),
        ] {
            let times = PrimitiveArray::<TimestampNanosecondType>::from(nanos);
            let times: ArrayRef = Arc::new(times.with_timezone("UTC"));
            let shrunk = shrink_times(&times);
            assert_eq!(shrunk.data_type(), &time_type(unit));
            assert_eq!(&expand_times(&shrunk).unwrap(), &times);
        }
    }

    #[test]
    fn column_names_are_the_sensors_own_unless_they_are_taken() {
        let column = |sensor: &str, unit: Option<&str>| {
            let (sensor, unit) = (sensor.into(), unit.map(Into::into));
            Arc::new(Column {
                sensor,
                unit,
                kind: ValueKind::Number,
            })
        };
        let columns = [
            column("time", None),
            column("_x", None),
            column("a.\"b\"", None),
            column("a", None),
            column("a", Some("bar")),
            column("sensor_a", None),
        ];
        assert_eq!(
            file_names(&columns),
            [
                "sensor_time",
                "_x",
                "a.\"b\"",
                "a",
                "sensor_a",
                "sensor_sensor_a"
            ]
        );
    }
}
