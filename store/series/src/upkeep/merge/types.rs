//! The types of a merged file: those that hold the values of all its sources.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal32Array, Decimal64Array};
use arrow::compute::kernels::arity;
use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Field, Schema, SchemaRef, TimeUnit,
};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use crate::file::layout::{self, Layout};

/// The types that hold the values of all files.
pub(super) fn common_schema<'a>(
    layout: &Layout,
    footers: impl Iterator<Item = &'a ArrowReaderMetadata> + Clone,
) -> SchemaRef {
    let inside = layout.schema();
    let fields = inside.fields().iter().enumerate().map(|(at, field)| {
        let types = footers
            .clone()
            .map(|footer| footer.schema().field(at).data_type());
        let common = match field.data_type() {
            DataType::Timestamp(..) => types.max_by_key(|kind| unit_rank(kind)).cloned(),
            DataType::Float64 => common_number(at, footers.clone()),
            other => Some(other.clone()),
        };
        let data_type = common.unwrap_or_else(|| field.data_type().clone());
        Field::new(field.name(), data_type, field.is_nullable())
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn unit_rank(kind: &DataType) -> u8 {
    match kind {
        DataType::Timestamp(TimeUnit::Millisecond, _) => 0,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1,
        _ => 2,
    }
}

/// The DECIMAL type that holds all values of a column, by the statistics; `None` if
/// there is none.
fn common_number<'a>(
    column: usize,
    footers: impl Iterator<Item = &'a ArrowReaderMetadata> + Clone,
) -> Option<DataType> {
    let scale = |footer: &ArrowReaderMetadata| match footer.schema().field(column).data_type() {
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => Some(*scale),
        _ => None,
    };
    let scales = footers.clone().map(scale).collect::<Option<Vec<i8>>>()?;
    let common = *scales.iter().max()?;
    let mut largest = 0_i64;
    for (footer, scale) in footers.zip(scales) {
        let factor = 10_i64.checked_pow(u32::try_from(common - scale).ok()?)?;
        for group in footer.metadata().row_groups() {
            let chunk = group.column(column);
            let (min, max) = match chunk.statistics()? {
                Statistics::Int32(found) if found.null_count_opt() == Some(count(chunk)) => (0, 0),
                Statistics::Int64(found) if found.null_count_opt() == Some(count(chunk)) => (0, 0),
                Statistics::Int32(found) => {
                    (i64::from(*found.min_opt()?), i64::from(*found.max_opt()?))
                }
                Statistics::Int64(found) => (*found.min_opt()?, *found.max_opt()?),
                _ => return None,
            };
            for bound in [min, max] {
                largest = largest.max(bound.checked_mul(factor)?.checked_abs()?);
            }
        }
    }
    layout::decimal_type(common, largest)
}

fn count(chunk: &ColumnChunkMetaData) -> u64 {
    u64::try_from(chunk.num_values()).unwrap_or(0)
}

/// Converts a column to the type of the new file, without loss.
pub(super) fn convert(column: &ArrayRef, target: &DataType) -> Result<ArrayRef, ArrowError> {
    if column.data_type() == target {
        return Ok(column.clone());
    }
    let integers = |factor: i64| -> Option<Decimal64Array> {
        match column.data_type() {
            DataType::Decimal32(..) => Some(arity::unary(
                column.as_primitive::<Decimal32Type>(),
                |integer| i64::from(integer) * factor,
            )),
            DataType::Decimal64(..) => Some(arity::unary(
                column.as_primitive::<Decimal64Type>(),
                |integer| integer * factor,
            )),
            _ => None,
        }
    };
    let factor = |to: i8| match column.data_type() {
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => {
            10_i64.pow(u32::from((to - scale).unsigned_abs()))
        }
        _ => 1,
    };
    match target {
        DataType::Decimal64(_, scale) if let Some(integers) = integers(factor(*scale)) => {
            Ok(Arc::new(integers.with_data_type(target.clone())))
        }
        DataType::Decimal32(_, scale) if let Some(integers) = integers(factor(*scale)) => {
            let small: Decimal32Array = arity::unary(&integers, |integer| integer as i32);
            Ok(Arc::new(small.with_data_type(target.clone())))
        }
        DataType::Float64 => layout::expand_numbers(column),
        _ => arrow::compute::cast(column, target),
    }
}
