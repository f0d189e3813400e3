use std::fs;
use std::sync::Arc;

use arrow::array::{Float64Array, StringArray, TimestampMicrosecondArray};

use super::*;

/// The lines, and what was said of the rows that are none.
fn read(name: &str, text: &str) -> Result<(String, Vec<String>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let format = FileFormat::of(&path)?;
    let (mut lines, mut refused) = (String::new(), Vec::new());
    for item in rows(File::open(&path).unwrap(), format)? {
        let (place, row) = item?;
        if let Err(why) = row.and_then(|row| row.push_to(&mut lines)) {
            refused.push(format!("{place}: {why}"));
        }
    }
    Ok((lines, refused))
}

#[test]
fn rows_of_csv_become_lines_and_bad_ones_are_reported_by_line() {
    let (lines, refused) = read(
        "a.csv",
        "time,device,sensor,value,text,unit\n\
         2026-11-21T00:00:00Z,p1,flow,1.5,,l/s\n\
         2026-11-21T00:00:00.000000001Z,p1,\"a, b\",,\"said \"\"on\"\"\n\\now\",\n\
         2026-11-21T00:00:00Z,p1\n\
         yesterday,p1,x,1,,\n\
         2026-11-21T00:00:00Z,,x,1,,\n\
         2026-11-21T00:00:00Z,p1,x,NaN,,\n\
         2026-11-21T00:00:00Z,p1,x\\,1,,\n\
         1795219200000,p1,x,true,,\n",
    )
    .unwrap();
    assert_eq!(
        lines,
        "readings,device=p1,sensor=flow,unit=l/s value=1.5 1795219200000000000\n\
         readings,device=p1,sensor=a\\,\\ b text=\"said \\\"on\\\"\n\\\\now\" 1795219200000000001\n\
         readings,device=p1,sensor=x value=1.0 1795219200000000000\n"
    );
    let starts = [
        "line 5: it has 2 cells, the header 6",
        "line 6: \"yesterday\" is no time",
        "line 7: it has no device",
        "line 8: its value \"NaN\" is no number",
        "line 9: its sensor \"x\\\\\" has",
    ];
    assert_eq!(refused.len(), starts.len(), "{refused:#?}");
    for (refused, start) in refused.iter().zip(starts) {
        assert!(refused.starts_with(start), "{refused}");
    }
}

#[test]
fn objects_become_lines_and_bad_ones_are_reported_by_line() {
    let (lines, refused) = read(
        "a.jsonl",
        "{\"timestamp\":1795219200000,\"deviceId\":\"p1\",\"sensorId\":\"flow\",\"value\":0.1}\n\
         \n\
         {\"time\":\"2026-11-21T00:00:00Z\",\"device\":\"p1\",\"sensor\":\"s\",\"value\":\"on\",\"text\":null}\n\
         {\"time\":\n\
         {\"time\":\"2026-11-21T00:00:00Z\",\"device\":\"p1\",\"sensor\":\"s\",\"value\":[1]}\n",
    )
    .unwrap();
    assert_eq!(
        lines,
        "readings,device=p1,sensor=flow value=0.1 1795219200000000000\n\
         readings,device=p1,sensor=s text=\"on\" 1795219200000000000\n"
    );
    assert_eq!(refused.len(), 2);
    assert!(refused[0].starts_with("line 4: it is no JSON object"));
    assert!(refused[1].starts_with("line 5: \"value\" is neither"));
}

#[test]
fn columns_that_are_missing_or_there_twice_are_reported() {
    #[track_caller]
    fn check(header: &str, expect: &str) {
        let error = read("a.csv", header).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    }
    check(
        "time,sensor,value\n",
        "no column device; the columns are time, sensor, value",
    );
    check("time,device,sensor\n", "neither a column value nor text");
    check(
        "time,timestamp,device,sensor,value\n",
        "several columns for time",
    );
}

#[test]
fn parquets_own_times_and_numbers_are_exact() {
    let strings = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
    let times = TimestampMicrosecondArray::from(vec![1_795_219_200_000_001]);
    let batch = RecordBatch::try_from_iter([
        ("device", strings("p1")),
        ("sensor", strings("flow")),
        ("time", Arc::new(times.with_timezone("UTC")) as ArrayRef),
        (
            "value",
            Arc::new(Float64Array::from(vec![0.1 + 0.2])) as ArrayRef,
        ),
    ])
    .unwrap();
    let mut lines = String::new();
    table(&batch).unwrap()[0].push_to(&mut lines).unwrap();
    assert_eq!(
        lines,
        "readings,device=p1,sensor=flow value=0.30000000000000004 1795219200000001000\n"
    );
}
