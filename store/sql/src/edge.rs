//! Converts results for clients: texts as Utf8, which every Arrow client understands.
//! Inside, texts are views, which cost less.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::array::RecordBatchOptions;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::postgres::column_name;

/// The schema of a result for clients.
pub(crate) fn schema(inside: &Schema) -> SchemaRef {
    let fields = inside.fields().iter().map(outside);
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Converts a batch to the result of [`schema`].
pub(crate) fn convert(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                Ok(column.clone())
            } else {
                cast(column, field.data_type())
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
}

/// Always nullable: the optimizer may find that a column holds no null, and a client
/// that prepared the query would then receive a different schema.
fn outside(field: &FieldRef) -> FieldRef {
    let data_type = outside_type(field.data_type());
    Arc::new(Field::new(column_name(field.name()), data_type, true))
}

fn outside_type(inside: &DataType) -> DataType {
    match inside {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, value) => outside_type(value),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) => {
            DataType::List(outside(item))
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(outside).collect()),
        other => other.clone(),
    }
}
