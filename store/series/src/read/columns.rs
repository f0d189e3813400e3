//! The columns of a reading.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::file::layout::time_type;

/// Columns of a reading, by position.
pub const TIME: usize = 0;
pub const DEVICE: usize = 1;
pub const SENSOR: usize = 2;
pub const VALUE: usize = 3;
pub const TEXT: usize = 4;
pub const UNIT: usize = 5;
pub const LOCATION: usize = 6;
pub const QUALITY: usize = 7;
pub const FLAGS: usize = 8;

/// The columns of a reading.
pub fn schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8View, nullable);
    Arc::new(Schema::new(vec![
        Field::new("time", time_type(TimeUnit::Nanosecond), false),
        text("device", false),
        text("sensor", false),
        Field::new("value", DataType::Float64, true),
        text("text", true),
        text("unit", true),
        text("location", true),
        text("quality", false),
        text("flags", false),
    ]))
}
