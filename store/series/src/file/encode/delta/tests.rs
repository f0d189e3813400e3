//! Packed pages are what the format says, and any values come back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal32Array, TimestampNanosecondArray};
use arrow::datatypes::{Decimal32Type, Field, Schema, TimestampNanosecondType};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use proptest::prelude::*;

use super::super::write_page;
use super::*;

#[test]
fn a_page_is_what_the_format_says() {
    // The second example of the format's documentation. In our blocks: 512 values
    // in 4 miniblocks, 8 in all, the first 7; from -2 on, 4 bits each.
    let mut page = Vec::new();
    pack(&[7, 5, 3, 1, 2, 3, 4, 5], &mut page);
    assert_eq!(page[..10], [0x80, 4, 4, 8, 14, 3, 4, 0, 0, 0]);
    assert_eq!(page[10..14], [0x00, 0x30, 0x33, 0x03]);
    assert_eq!(page.len(), 10 + MINIBLOCK / 2);
    assert!(page[14..].iter().all(|byte| *byte == 0));
    // The first: all deltas are 1, and take no bits.
    page.clear();
    pack(&[1, 2, 3, 4, 5], &mut page);
    assert_eq!(page, [0x80, 4, 4, 5, 2, 2, 0, 0, 0, 0]);
    // Deltas too far apart for a byte take as few bits as they can: 9.
    page.clear();
    pack(&[0, 0, 300, 300], &mut page);
    assert_eq!(page[..10], [0x80, 4, 4, 4, 0, 0, 9, 0, 0, 0]);
    assert_eq!(page[10..14], [0x00, 0b0101_1000, 0b10, 0x00]);
    assert_eq!(page.len(), 10 + MINIBLOCK / 8 * 9);
}

#[test]
fn what_is_taken_off_is_the_same_in_every_block() {
    let deltas: Vec<i64> = (0..2_000).map(|n| [-3, 0, 2, 4][n % 4]).collect();
    assert_eq!(base(&deltas), Some(-3));
    // One block with a jump takes as many bits as it needs.
    let mut jump = deltas.clone();
    jump[700] = 1_000_000;
    assert_eq!(base(&jump), Some(-3));
    // Nothing to gain where all are equal, or far apart.
    assert_eq!(base(&[10_000; 600]), None);
    assert_eq!(base(&[0, 300]), None);
    assert_eq!(base(&[i64::MIN, i64::MAX]), None);
    assert_eq!(base(&[]), None);
}

/// Noise in steps of 0.5 with one decimal takes what its information is.
#[test]
fn noise_takes_few_bits() {
    // 1.97 bits of information each.
    let steps = [0, 0, 5, -5, 0, 10, 0, -5, 0, 0, 5, 0, -10, 0, 0, 40];
    let (mut value, mut random) = (0, 1_u64);
    let values: Vec<i64> = (0..2_000)
        .map(|_| {
            // xorshift
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            value += steps[(random >> 60) as usize];
            value
        })
        .collect();
    let mut page = Vec::new();
    pack(&values, &mut page);
    let size = compressor().unwrap().compress(&page).unwrap().len();
    assert!(size * 8 < 2_000 * 3, "{size}");
    // In two pages, with a footer.
    let (file, _) = file(Arc::new(TimestampNanosecondArray::from(values)));
    assert!(file.len() < size + 400, "{} {size}", file.len());
}

/// A file of one column, and what it is read as.
fn file(column: ArrayRef) -> (Vec<u8>, ArrayRef) {
    let nullable = column.null_count() > 0;
    let field = Field::new("x", column.data_type().clone(), nullable);
    let schema = Schema::new(vec![field]);
    let columns = ArrowSchemaConverter::new().convert(&schema).unwrap();
    let builder = WriterProperties::builder()
        .set_data_page_row_count_limit(1)
        .set_write_batch_size(100_000);
    let with = Arc::new(properties(builder, &ColumnPath::from("x")).build());
    let root = columns.root_schema_ptr();
    let mut writer = SerializedFileWriter::new(Vec::new(), root, with.clone()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let (bytes, closed) = write_column(columns.column(0), &with, |writer| {
        // Two pages.
        let half = column.len() / 2;
        write_page(writer, &*column.slice(0, half), nullable)?;
        write_page(writer, &*column.slice(half, column.len() - half), nullable)
    })
    .unwrap();
    group.append_column(&bytes, closed).unwrap();
    group.close().unwrap();
    let bytes = writer.into_inner().unwrap();
    let reader = ParquetRecordBatchReader::try_new(Bytes::from(bytes.clone()), 1 << 20).unwrap();
    let batches: Vec<_> = reader
        .map(|batch| batch.unwrap().column(0).clone())
        .collect();
    let batches: Vec<&dyn Array> = batches.iter().map(AsRef::as_ref).collect();
    (bytes, arrow::compute::concat(&batches).unwrap())
}

fn small() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![8 => -20_i64..20, 1 => -999_999_999_i64..=999_999_999]
}

fn any_size() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![8 => -200_i64..200, 1 => any::<i64>(), 1 => Just(i64::MIN), 1 => Just(i64::MAX)]
}

/// With gaps in none, some, or most of the rows.
fn column(
    value: impl Strategy<Value = i64> + Clone + 'static,
) -> impl Strategy<Value = Vec<Option<i64>>> {
    let lengths = prop_oneof![2_usize..10, 500_usize..530, 1_000_usize..3_000];
    (lengths, prop_oneof![Just(1.0), Just(0.9), Just(0.1)]).prop_flat_map(
        move |(length, filled)| {
            let value = value.clone();
            let cell = if filled < 1.0 {
                proptest::option::weighted(filled, value).boxed()
            } else {
                value.prop_map(Some).boxed()
            };
            proptest::collection::vec(cell, length)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn small_integers_come_back(values in column(small())) {
        let narrow = values.iter().map(|value| value.map(|value| value as i32));
        let array = Decimal32Array::from_iter(narrow).with_precision_and_scale(9, 2).unwrap();
        let (_, read) = file(Arc::new(array.clone()));
        let read = arrow::compute::cast(&read, array.data_type()).unwrap();
        prop_assert_eq!(read.as_primitive::<Decimal32Type>(), &array);
    }

    #[test]
    fn integers_of_any_size_come_back(values in column(any_size())) {
        let array = TimestampNanosecondArray::from_iter(values);
        let (_, read) = file(Arc::new(array.clone()));
        prop_assert_eq!(read.as_primitive::<TimestampNanosecondType>(), &array);
    }
}
