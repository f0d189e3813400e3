//! Comma-separated values as RFC 4180 says, with two additions, so that a file says
//! what is in it and harms nobody:
//!
//! - An empty text is `""`, and nothing between two commas is NULL.
//! - A text that a spreadsheet would take for a formula (it begins with `=`, `+`, `-`,
//!   `@`, a tab or a carriage return) has a `'` before it. So has a text that begins with
//!   such quotes already: taking one away gives the text back (`weir import` does).

use std::fmt::Write as _;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// The names of the columns.
pub(crate) fn header(schema: &Schema, into: &mut String) {
    for (place, field) in schema.fields().iter().enumerate() {
        if place > 0 {
            into.push(',');
        }
        text(field.name(), into);
    }
    into.push('\n');
}

/// The rows of a batch.
pub(crate) fn rows(
    batch: &RecordBatch,
    options: &FormatOptions<'_>,
    into: &mut String,
) -> Result<(), ArrowError> {
    let mut columns = Vec::with_capacity(batch.num_columns());
    for column in batch.columns() {
        let formatter = ArrayFormatter::try_new(column.as_ref(), options)?;
        columns.push((column, formatter, is_text(column.data_type())));
    }
    let mut cell = String::new();
    for row in 0..batch.num_rows() {
        for (place, (column, formatter, is_text)) in columns.iter().enumerate() {
            if place > 0 {
                into.push(',');
            }
            if column.is_null(row) {
                continue;
            }
            if *is_text {
                cell.clear();
                write!(cell, "{}", formatter.value(row)).map_err(|_| {
                    ArrowError::ComputeError("a value has no form as a text".to_owned())
                })?;
                text(&cell, into);
            } else {
                write!(into, "{}", formatter.value(row)).map_err(|_| {
                    ArrowError::ComputeError("a value has no form as a text".to_owned())
                })?;
            }
        }
        into.push('\n');
    }
    Ok(())
}

/// Numbers, booleans and times need no quotes and are no formulas.
fn is_text(kind: &DataType) -> bool {
    !(kind.is_numeric() || kind.is_temporal() || matches!(kind, DataType::Boolean))
}

fn text(text: &str, into: &mut String) {
    let formula = text
        .trim_start_matches('\'')
        .starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quoted = text.is_empty() || text.contains([',', '"', '\n', '\r']);
    if quoted {
        into.push('"');
    }
    if formula {
        into.push('\'');
    }
    if quoted {
        into.push_str(&text.replace('"', "\"\""));
        into.push('"');
    } else {
        into.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, StringArray};
    use proptest::prelude::*;
    use weir_backtest::rows::without_guard;

    use super::*;

    fn written(texts: Vec<Option<&str>>, numbers: Vec<Option<f64>>) -> String {
        let batch = RecordBatch::try_from_iter([
            ("text", Arc::new(StringArray::from(texts)) as ArrayRef),
            ("=n", Arc::new(Float64Array::from(numbers)) as ArrayRef),
        ])
        .unwrap();
        let mut csv = String::new();
        header(&batch.schema(), &mut csv);
        rows(&batch, &FormatOptions::new(), &mut csv).unwrap();
        csv
    }

    #[test]
    fn formulas_and_empty_texts_are_marked() {
        let texts = ["=1+1", "-5", "'@x", "'quoted'", "", "a,\"b\"", "=\n"];
        let texts: Vec<_> = texts.into_iter().map(Some).chain([None]).collect();
        let numbers = vec![Some(-5.0); 8];
        assert_eq!(
            written(texts, numbers),
            "text,'=n\n'=1+1,-5.0\n'-5,-5.0\n''@x,-5.0\n'quoted',-5.0\n\"\",-5.0\n\
             \"a,\"\"b\"\"\",-5.0\n\"'=\n\",-5.0\n,-5.0\n"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(
            cells in prop::collection::vec("[-=+@'\",;\\n\\r\\t \u{e9}a]{0,6}", 1..8),
            number in prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL,
        ) {
            let texts = cells.iter().map(|cell| Some(cell.as_str())).collect();
            let csv = written(texts, vec![Some(number); cells.len()]);
            let mut reader = csv::Reader::from_reader(csv.as_bytes());
            let records: Vec<_> = reader.records().map(Result::unwrap).collect();
            let found: Vec<_> = records.iter().map(|record| without_guard(&record[0])).collect();
            prop_assert_eq!(found, cells);
            for record in &records {
                let parsed: f64 = record[1].parse().unwrap();
                prop_assert_eq!(parsed.to_bits(), number.to_bits());
            }
        }
    }
}
