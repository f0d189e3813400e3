//! Results as InfluxDB 3 gives them: every time as nanoseconds without a zone (it
//! is UTC), every decimal as a double. Grafana's InfluxDB source takes any time
//! for nanoseconds, and knows neither decimals nor other kinds of text than Utf8.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;

pub(super) fn schema(inside: &Schema) -> SchemaRef {
    let fields = inside.fields().iter().map(|field| {
        let data_type = match field.data_type() {
            DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Nanosecond, None),
            DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => DataType::Float64,
            other => other.clone(),
        };
        Field::new(field.name(), data_type, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A batch with the schema that [`schema`] gave.
pub(super) fn convert(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| {
        if column.data_type() == field.data_type() {
            Ok(column.clone())
        } else {
            cast(column, field.data_type())
        }
    });
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, AsArray, Decimal128Array, TimestampMillisecondArray};
    use arrow::datatypes::{Float64Type, TimestampNanosecondType};

    use super::*;

    #[test]
    fn times_are_nanoseconds_and_decimals_doubles() {
        let millis = TimestampMillisecondArray::from(vec![Some(1_700_000_000_001), None]);
        let decimal = Decimal128Array::from(vec![Some(12_345), None]);
        let decimal = decimal.with_precision_and_scale(9, 2).unwrap();
        let columns: [(&str, ArrayRef); 2] = [
            ("time", Arc::new(millis.with_timezone("UTC"))),
            ("value", Arc::new(decimal)),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let schema = schema(&batch.schema());
        let batch = convert(&batch, &schema).unwrap();
        let times = batch.column(0).as_primitive::<TimestampNanosecondType>();
        assert_eq!(times.value(0), 1_700_000_000_001_000_000);
        assert_eq!(times.timezone(), None);
        let values = batch.column(1).as_primitive::<Float64Type>();
        assert_eq!(values.iter().collect::<Vec<_>>(), [Some(123.45), None]);
    }
}
