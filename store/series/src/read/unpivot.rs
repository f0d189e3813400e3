//! Turns columns into rows: each batch is returned once per sensor, together with the
//! columns that all sensors share, which are not copied.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, StringViewArray,
    UInt32Array, new_null_array,
};
use arrow::compute;
use arrow::datatypes::{DataType, SchemaRef, UInt16Type};
use weir_model::{Column, Flags, ValueKind};

use crate::error::ReadError;
use crate::file::layout::Layout;
use crate::file::rows::Rows;
use crate::read::columns;

type Result<T> = std::result::Result<T, ReadError>;

/// The columns of a reading that a query asks for.
#[derive(Clone, Debug)]
pub(crate) struct Unpivot {
    pub(crate) schema: SchemaRef,
    pub(crate) projection: Arc<[usize]>,
}

impl Unpivot {
    /// Rows of a file or chunk as rows of the result.
    pub(crate) fn rows(&self, layout: &Layout, rows: &Rows) -> Result<Vec<RecordBatch>> {
        match layout {
            Layout::Narrow | Layout::Rollup => Ok(vec![self.narrow_batch(rows)?]),
            Layout::Wide(columns) => rows
                .values
                .iter()
                .map(|(at, cells)| self.sensor_batch(rows, &columns[*at], cells.as_ref()))
                .collect(),
        }
    }

    fn sensor_batch(
        &self,
        rows: &Rows,
        column: &Column,
        cells: Option<&ArrayRef>,
    ) -> Result<RecordBatch> {
        let present = match cells {
            Some(cells) if cells.null_count() > 0 => Some(compute::is_not_null(cells)?),
            _ => None,
        };
        let shared = Shape::new(rows, present)?;
        let count = shared.count;
        let columns = self.projection.iter().map(|index| match *index {
            columns::SENSOR => repeat(Some(&column.sensor), count),
            columns::UNIT => repeat(column.unit.as_deref(), count),
            columns::VALUE => {
                shared.cells(cells, column.kind == ValueKind::Number, DataType::Float64)
            }
            columns::TEXT => {
                shared.cells(cells, column.kind == ValueKind::Text, DataType::Utf8View)
            }
            other => shared.column(rows, other),
        });
        self.batch(columns.collect::<Result<Vec<_>>>()?, count)
    }

    fn narrow_batch(&self, rows: &Rows) -> Result<RecordBatch> {
        let cells = |at: usize| {
            let found = rows.values.iter().find(|(value, _)| *value == at);
            found.and_then(|(_, cells)| cells.as_ref())
        };
        let present = match (cells(0), cells(1)) {
            (Some(numbers), Some(texts)) => Some(compute::or(
                &compute::is_not_null(numbers)?,
                &compute::is_not_null(texts)?,
            )?),
            (Some(cells), None) | (None, Some(cells)) => Some(compute::is_not_null(cells)?),
            // No gaps, and the values were not requested.
            (None, None) => None,
        };
        let shared = Shape::new(rows, present.filter(|present| present.false_count() > 0))?;
        let count = shared.count;
        let series = |at: usize| match &rows.series {
            Some(series) => shared.filter(&series[at]),
            None => repeat(None, count),
        };
        let columns = self.projection.iter().map(|index| match *index {
            columns::SENSOR => series(0),
            columns::UNIT => series(1),
            columns::VALUE => shared.cells(cells(0), true, DataType::Float64),
            columns::TEXT => shared.cells(cells(1), true, DataType::Utf8View),
            other => shared.column(rows, other),
        });
        self.batch(columns.collect::<Result<Vec<_>>>()?, count)
    }

    fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(
            self.schema.clone(),
            columns,
            &options,
        )?)
    }
}

/// The rows that have a reading of one sensor.
struct Shape {
    /// `None` when all rows have one.
    present: Option<BooleanArray>,
    count: usize,
}

impl Shape {
    fn new(rows: &Rows, present: Option<BooleanArray>) -> Result<Self> {
        let count = present
            .as_ref()
            .map_or(rows.count, BooleanArray::true_count);
        Ok(Self { present, count })
    }

    fn filter(&self, column: &ArrayRef) -> Result<ArrayRef> {
        match &self.present {
            Some(present) => Ok(compute::filter(column, present)?),
            None => Ok(column.clone()),
        }
    }

    fn cells(&self, cells: Option<&ArrayRef>, own: bool, data_type: DataType) -> Result<ArrayRef> {
        match cells {
            Some(cells) if own => self.filter(cells),
            _ => Ok(new_null_array(&data_type, self.count)),
        }
    }

    /// A column that all sensors of a row share.
    fn column(&self, rows: &Rows, index: usize) -> Result<ArrayRef> {
        let column = match index {
            columns::TIME => &rows.time,
            columns::DEVICE => &rows.device,
            columns::LOCATION => &rows.location,
            _ => &rows.flags,
        };
        let Some(column) = column else {
            return Err(ReadError::ColumnNotRead(index));
        };
        let column = self.filter(column)?;
        match index {
            columns::QUALITY => flag_texts(&column, |flags| {
                if flags.is_suspect() {
                    "suspect"
                } else {
                    "good"
                }
                .to_owned()
            }),
            columns::FLAGS => flag_texts(&column, Flags::names),
            _ => Ok(column),
        }
    }
}

/// Flags as text. There are few distinct values, mostly one.
fn flag_texts(flags: &ArrayRef, text: impl Fn(Flags) -> String) -> Result<ArrayRef> {
    let flags = flags.as_primitive::<UInt16Type>().values();
    let mut distinct: Vec<u16> = Vec::new();
    let mut places = Vec::with_capacity(flags.len());
    for flag in flags {
        let place = distinct
            .iter()
            .position(|other| other == flag)
            .unwrap_or_else(|| {
                distinct.push(*flag);
                distinct.len() - 1
            });
        places.push(u32::try_from(place).expect("there are at most 65,536"));
    }
    let texts = StringViewArray::from_iter_values(distinct.iter().map(|flag| text(Flags(*flag))));
    Ok(compute::take(&texts, &UInt32Array::from(places), None)?)
}

/// One text repeated, stored once.
fn repeat(text: Option<&str>, count: usize) -> Result<ArrayRef> {
    let Some(text) = text else {
        return Ok(new_null_array(&DataType::Utf8View, count));
    };
    let one = StringViewArray::from_iter_values([text]);
    Ok(compute::take(
        &one,
        &UInt32Array::from(vec![0; count]),
        None,
    )?)
}
