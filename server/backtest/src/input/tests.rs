use std::fs;

use super::super::readings::Content;
use super::*;

fn read_all(folder: &Path) -> Result<Readings> {
    read(&[folder.to_owned()], Range::default(), &mut |_| {})
}

#[test]
fn a_csv_of_times_and_values_is_a_device_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pump 7.csv");
    fs::write(
        &path,
        "timestamp,value\n2014-04-01 00:00:00,1.5\n2014-04-01 00:05:00,\n\
         2014-04-01 00:05:00,NaN\n2014-03-31 23:00:00,-3\n",
    )
    .unwrap();
    let readings = read_all(folder.path()).unwrap();
    let contents: Vec<_> = readings
        .rows
        .iter()
        .map(|row| row.content.clone())
        .collect();
    assert_eq!(
        contents,
        [
            Content::Number(1.5),
            Content::None,
            Content::None,
            Content::Number(-3.0)
        ]
    );
    assert_eq!(readings.name(readings.rows[0].device), "pump_7");
    assert_eq!(readings.name(readings.rows[0].sensor), "value");
    assert_eq!(readings.rows[0].time.0, 1_396_310_400_000_000_000);
}

#[test]
fn exports_name_their_devices_and_may_be_several() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("later")).unwrap();
    fs::write(
        folder.path().join("a.csv"),
        "time,device,sensor,value,text,unit\n2026-01-01T00:00:00.000000001Z,p,t,1,,Cel\n\
         2026-01-01T00:00:01Z,q,state,,on,\n",
    )
    .unwrap();
    fs::write(
        folder.path().join("later/b.jsonl"),
        "{\"time\":1767225602,\"device\":\"p\",\"sensor\":\"t\",\"value\":2}\n",
    )
    .unwrap();
    let readings = read_all(folder.path()).unwrap();
    let devices: Vec<_> = readings
        .by_device()
        .into_iter()
        .map(|(device, places)| (readings.name(device).to_owned(), places))
        .collect();
    assert_eq!(
        devices,
        [("p".to_owned(), vec![0, 2]), ("q".to_owned(), vec![1])]
    );
    assert_eq!(readings.rows[0].time.0 % 10, 1);
    assert_eq!(readings.rows[1].content, Content::Text("on".into()));
    assert_eq!(readings.name(readings.rows[0].unit), "Cel");
}

#[test]
fn what_cannot_be_read_says_where_and_why() {
    #[track_caller]
    fn check(name: &str, text: &str, expect: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let error = read(&[path], Range::default(), &mut |_| {}).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(expect), "{error}");
    }
    check(
        "a.csv",
        "timestamp,value\nsoon,1\n",
        "line 2: \"soon\" is no time",
    );
    check(
        "a.csv",
        "when,value\n",
        "no column time or timestamp; the columns are when, value",
    );
    check(
        "a.jsonl",
        "{\"value\":1}\n",
        "line 1: there is neither time nor timestamp",
    );
    check("a.txt", "", ".csv, .jsonl, .ndjson or .parquet");

    let folder = tempfile::tempdir().unwrap();
    assert!(read_all(folder.path()).is_err());
    for name in ["x", "y"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        let path = folder.path().join(name).join("same.csv");
        fs::write(path, "timestamp,value\n1,1\n").unwrap();
    }
    let error = read_all(folder.path()).unwrap_err().to_string();
    assert!(error.contains("would both be the device same"), "{error}");
}

#[test]
fn from_is_in_and_to_is_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    fs::write(&path, "timestamp,value\n1,1\n2,2\n3,3\n").unwrap();
    let range = Range {
        from: Some(weir_model::Timestamp(2_000_000_000)),
        to: Some(weir_model::Timestamp(3_000_000_000)),
    };
    let readings = read(&[path], range, &mut |_| {}).unwrap();
    assert_eq!(readings.rows.len(), 1);
}
