//! Where pages begin and end.

use arrow::array::{Float64Array, StringViewArray, TimestampNanosecondArray, UInt16Array};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
use weir_model::Column;

use super::*;

fn devices(runs: &[(&str, usize)]) -> StringViewArray {
    let rows = runs
        .iter()
        .flat_map(|(device, rows)| std::iter::repeat_n(*device, *rows));
    StringViewArray::from_iter_values(rows)
}

#[test]
fn a_device_with_many_rows_has_pages_to_itself() {
    for (runs, expect) in [
        (vec![], vec![]),
        (vec![("a", 10)], vec![10]),
        (vec![("a", 10), ("b", 511)], vec![521]),
        (vec![("a", 10), ("b", 512), ("c", 10)], vec![10, 512, 10]),
        (vec![("a", 4_096)], vec![4_096]),
        // As even as can be.
        (vec![("a", 4_097)], vec![2_048, 2_049]),
        (vec![("a", 400); 3], vec![1_200]),
        // Those who share fill a page, whole.
        (
            vec![
                ("a device with a long name 1", 500),
                ("a device with a long name 2", 500),
                ("a device with a long name 3", 500),
                ("a device with a long name 4", 500),
                ("a device with a long name 5", 500),
                ("a device with a long name 6", 500),
            ],
            vec![2_500, 500],
        ),
    ] {
        let pages = pages(&devices(&runs));
        let rows: Vec<usize> = pages.iter().map(Range::len).collect();
        assert_eq!(rows, expect, "{runs:?}");
        assert!(pages.windows(2).all(|pair| pair[0].end == pair[1].start));
    }
}

/// Also of columns with gaps, and of those that Parquet's writer packs.
#[test]
fn pages_of_a_file_are_those() {
    let column = |sensor: &str| {
        let kind = ValueKind::Number;
        Arc::new(Column {
            sensor: sensor.into(),
            unit: None,
            kind,
        })
    };
    let layout = Layout::Wide(Arc::new([column("gaps"), column("third"), column("x")]));
    let runs = [("a", 600), ("b", 10), ("c", 5_000)];
    let rows = 5_610;
    let number = |of: &dyn Fn(usize) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter((0..rows).map(of)))
    };
    let times = TimestampNanosecondArray::from_iter_values((0..rows as i64).map(|at| at % 700));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(devices(&runs)),
        Arc::new(times.with_timezone("UTC")),
        Arc::new(StringViewArray::from_iter((0..rows).map(|_| None::<&str>))),
        Arc::new(UInt16Array::from_iter_values((0..rows).map(|_| 0))),
        number(&|at| (at % 3 == 0).then_some(0.5)),
        // No decimal: a dictionary of doubles.
        number(&|at| Some(at as f64 / 3.0)),
        number(&|at| Some(at as f64)),
    ];
    let batch = RecordBatch::try_new(layout.schema(), columns).unwrap();
    let encoded = encode(&layout, &batch).unwrap();
    assert_eq!(encoded.readings, [1_870, 5_610, 5_610]);
    let bytes = bytes::Bytes::from(encoded.bytes);
    let metadata = ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Required)
        .parse_and_finish(&bytes)
        .unwrap();
    let pages = metadata.offset_index().unwrap()[0].iter().map(|column| {
        let pages = column.page_locations().iter();
        pages.map(|page| page.first_row_index).collect::<Vec<_>>()
    });
    let (own, whole) = (vec![0, 600, 610, 3_110], vec![0]);
    let expect = [&own, &own, &whole, &whole, &own, &own, &own];
    assert!(pages.eq(expect.map(Clone::clone)));
}
