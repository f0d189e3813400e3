//! What leaves the store: texts as Utf8, because that is what clients of Arrow
//! understand. Inside they are views, which cost less.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::array::RecordBatchOptions;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;

/// The schema of a result outside.
pub(crate) fn schema(inside: &Schema) -> SchemaRef {
    let fields = inside.fields().iter().map(outside);
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A batch with the schema that [`schema`] gave.
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
        });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
}

/// Nullable, always: the optimizer may find out that a column holds no null, and
/// a client that prepared the query would see another schema than it was told.
fn outside(field: &FieldRef) -> FieldRef {
    let data_type = outside_type(field.data_type());
    Arc::new(Field::new(field.name(), data_type, true))
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
