//! What is merged is what was there, in order, and no wider than it must be.

use arrow::array::{Float64Array, StringViewArray, TimestampNanosecondArray, UInt16Array};
use arrow::compute::concat_batches;
use proptest::prelude::*;
use weir_disk::RealDisk;
use weir_model::{Column, ValueKind};

use super::*;
use crate::file::manifest::FileEntry;
use crate::file::{encode, rewrite};

fn layout() -> Layout {
    let column = |sensor: &str, kind| {
        Arc::new(Column {
            sensor: sensor.into(),
            unit: None,
            kind,
        })
    };
    Layout::Wide(Arc::new([
        column("x", ValueKind::Number),
        column("y", ValueKind::Number),
        column("s", ValueKind::Text),
    ]))
}

/// Device, time, two numbers and a text.
type Line = (u8, i64, Option<f64>, Option<f64>, Option<String>);

fn batch(lines: &[Line]) -> RecordBatch {
    let times = TimestampNanosecondArray::from_iter_values(lines.iter().map(|line| line.1));
    let device = |line: &Line| format!("device-with-a-long-name-{}", line.0);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringViewArray::from_iter_values(lines.iter().map(device))),
        Arc::new(times.with_timezone("UTC")),
        Arc::new(StringViewArray::from_iter(lines.iter().map(|line| {
            (line.0 % 2 == 0).then_some("a hall that has a long name")
        }))),
        Arc::new(UInt16Array::from_iter_values(lines.iter().map(|_| 0))),
        Arc::new(Float64Array::from_iter(lines.iter().map(|line| line.2))),
        Arc::new(Float64Array::from_iter(lines.iter().map(|line| line.3))),
        Arc::new(StringViewArray::from_iter(
            lines.iter().map(|line| line.4.as_deref()),
        )),
    ];
    RecordBatch::try_new(layout().schema(), columns).unwrap()
}

fn file(dir: &std::path::Path, id: u64, encoded: &Encoded) -> Arc<Segment> {
    let entry = FileEntry {
        id,
        kind: 0,
        rows: encoded.rows,
        readings: encoded.readings.clone(),
        min_time: encoded.min_time,
        max_time: encoded.max_time,
        bytes: encoded.bytes.len() as u64,
        crc32c: crc32c::crc32c(&encoded.bytes),
    };
    std::fs::write(dir.join(entry.name()), &encoded.bytes).unwrap();
    Arc::new(Segment::new(Arc::new(RealDisk), dir, entry, layout()))
}

/// Merged through files, and what the new file's columns are.
fn merged(parts: &[Vec<Line>]) -> (RecordBatch, Vec<DataType>, Encoded) {
    let (dir, footers) = (tempfile::tempdir().unwrap(), Footers::default());
    let files = (0..).zip(parts).map(|(id, lines)| {
        file(
            dir.path(),
            id,
            &encode::encode(&layout(), &batch(lines)).unwrap(),
        )
    });
    let files: Vec<_> = files.collect();
    let Ok(made) = merge(&files, &footers, &[]) else {
        panic!("the files are sound");
    };
    let new = file(dir.path(), 1_000, &made.encoded);
    let rows = rewrite::load(&new, &footers).unwrap();
    let (footer, _) = reader::whole(&new, &footers, 8).unwrap();
    let fields = footer.schema().fields().iter();
    (
        rows,
        fields.map(|field| field.data_type().clone()).collect(),
        made.encoded,
    )
}

fn sorted(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_by_key(|(device, time, ..)| (*device, *time));
    lines
}

fn line() -> impl Strategy<Value = Line> {
    let number = || {
        prop_oneof![
            3 => (-500..500_i32).prop_map(|n| Some(f64::from(n) / 10.0)),
            1 => Just(None),
        ]
    };
    let text = prop::option::of("[a-z]{0,20}");
    (0..6_u8, 0..400_i64, number(), number(), text)
        .prop_map(|(device, time, x, y, s)| (device, time * 1_000_000, x, y, s))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn it_is_what_was_there_in_order(
        parts in prop::collection::vec(prop::collection::vec(line(), 1..60), 2..6)
    ) {
        let parts: Vec<Vec<Line>> = parts.into_iter().map(sorted).collect();
        let expect = sorted(parts.concat());
        let (rows, _, encoded) = merged(&parts);
        let expect = concat_batches(&layout().schema(), &[batch(&expect)]).unwrap();
        prop_assert_eq!(&rows, &expect);
        prop_assert_eq!(encoded.rows, rows.num_rows() as u64);
        for (value, readings) in encoded.readings.iter().enumerate() {
            let column = rows.column(layout::FIRST + value);
            prop_assert_eq!(*readings as usize, column.len() - column.null_count());
        }
        let times = expect.column(layout::TIME).as_primitive::<TimestampNanosecondType>();
        prop_assert_eq!(Some(encoded.min_time), arrow::compute::min(times));
        prop_assert_eq!(Some(encoded.max_time), arrow::compute::max(times));
    }
}

#[test]
fn columns_take_the_narrowest_type_that_holds_all() {
    let number = |values: &[f64]| -> Vec<Line> {
        let lines = (0..).zip(values);
        lines
            .map(|(at, x)| (1, at * 1_000_000, Some(*x), None, None))
            .collect()
    };
    for (parts, expect) in [
        ([&[1.0, 2.0][..], &[3.0]], DataType::Decimal32(9, 0)),
        ([&[1.0], &[0.125]], DataType::Decimal32(9, 3)),
        ([&[2_000_000.0], &[0.125]], DataType::Decimal64(18, 3)),
        ([&[1e9], &[1.0]], DataType::Decimal64(18, 0)),
        // At the scale of the other it is more than a double holds.
        ([&[9e15], &[0.125]], DataType::Float64),
        ([&[1.0 / 3.0], &[1.0]], DataType::Float64),
        ([&[-0.0], &[1.0]], DataType::Float64),
    ] {
        let parts = [number(parts[0]), number(parts[1])];
        let (rows, types, _) = merged(&parts);
        assert_eq!(types[layout::FIRST], expect, "{parts:?}");
        assert_eq!(rows, batch(&sorted(parts.concat())));
    }
    // Microseconds beside milliseconds; a column without values stays the narrowest.
    let (_, types, _) = merged(&[
        vec![(1, 1_000, None, Some(1.0), None)],
        vec![(1, 1_000_000, None, Some(2.0), None)],
    ]);
    assert_eq!(
        types[layout::TIME],
        layout::time_type(TimeUnit::Microsecond)
    );
    assert_eq!(types[layout::FIRST], DataType::Decimal32(9, 0));
}
