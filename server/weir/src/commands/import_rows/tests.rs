use std::fs;
use std::sync::Arc;

use arrow::array::{Float64Array, StringArray, TimestampMicrosecondArray};

use super::*;

/// The lines, and what was said of the rows that are none.
fn read(name: &str, text: &str) -> Result<(String, Vec<String>)> {
    read_as(name, text, &CsvOptions::default())
}

fn read_as(name: &str, text: &str, options: &CsvOptions) -> Result<(String, Vec<String>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let format = FileFormat::of(&path)?;
    let (mut lines, mut refused) = (String::new(), Vec::new());
    for item in rows(File::open(&path).unwrap(), format, options)? {
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
        "no column device: say --device; the columns are time, sensor, value",
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

#[test]
fn csv_as_people_have_it() {
    let lines = |text: &str, options: CsvOptions| {
        let (lines, refused) = read_as("a.csv", text, &options).unwrap();
        assert!(refused.is_empty(), "{refused:?}");
        lines
    };
    let brussels = |device: Option<&str>| CsvOptions {
        timezone: Some("Europe/Brussels".to_owned()),
        device: device.map(str::to_owned),
        ..CsvOptions::default()
    };
    // A column per sensor, semicolons, decimal commas, local time.
    assert_eq!(
        lines(
            "Zeit;Temperatur (°C);Druck [bar];Zustand\r\n\
             24.12.2026 18:30;21,5;1.013,25;an\r\n\
             24.12.2026 18:45;;0,9;\r\n",
            brussels(Some("boiler")),
        ),
        "readings,device=boiler,sensor=Temperatur,unit=Cel value=21.5 1798133400000000000\n\
         readings,device=boiler,sensor=Druck,unit=bar value=1013.25 1798133400000000000\n\
         readings,device=boiler,sensor=Zustand text=\"an\" 1798133400000000000\n\
         readings,device=boiler,sensor=Druck,unit=bar value=0.9 1798134300000000000\n"
    );
    // Date and time in two columns, tabs, dates with slashes.
    assert_eq!(
        lines(
            "Date\tTime\tdevice\tflow\n31/12/2026\t10:00 PM\tp1\t1,234.5\n01/02/2026\t1:05 AM\tp2\t2\n",
            brussels(None),
        ),
        "readings,device=p1,sensor=flow value=1234.5 1798750800000000000\n\
         readings,device=p2,sensor=flow value=2.0 1769904300000000000\n"
    );
    // A row per reading.
    assert_eq!(
        lines(
            "timestamp;device;sensor;value\n2026-11-21T00:00:00Z;p1;flow;1,5\n",
            CsvOptions::default(),
        ),
        "readings,device=p1,sensor=flow value=1.5 1795219200000000000\n"
    );
    let options = CsvOptions {
        time_format: Some("%Y%m%d-%H%M".to_owned()),
        timezone: Some("UTC".to_owned()),
        wide: true,
        delimiter: Some(b'|'),
        decimal: Some(','),
        device: Some("p1".to_owned()),
    };
    assert_eq!(
        lines("time|value|sensor\n20261121-0000|1,234|x\n", options),
        "readings,device=p1,sensor=value value=1.234 1795219200000000000\n\
         readings,device=p1,sensor=sensor text=\"x\" 1795219200000000000\n"
    );
}

#[test]
fn what_csv_leaves_open_is_asked_for() {
    for (text, option) in [
        ("time,a;time\n", "--delimiter"),
        ("time;a\n2026-11-21T00:00:00Z;1,234\n", "--decimal"),
        ("time;a\n01/02/2026;1\n", "--time-format"),
        ("time;a\n2026-11-21T00:00:00Z;1\n", "--device"),
    ] {
        let mut options = CsvOptions::default();
        if option != "--device" {
            options.device = Some("p1".to_owned());
        }
        let error = read_as("a.csv", text, &options).unwrap_err().to_string();
        assert!(error.contains(option), "{error}");
    }
    let options = CsvOptions {
        device: Some("p1".to_owned()),
        ..CsvOptions::default()
    };
    let (_, refused) = read_as("a.csv", "zeit;a\n24.12.2026 18:30;1\n", &options).unwrap();
    assert!(refused[0].contains("--timezone"), "{refused:?}");
}

#[test]
fn empty_texts_and_guarded_ones_are_read() {
    let (lines, refused) = read(
        "a.csv",
        "time,device,sensor,value,text\n\
         2026-11-21T00:00:00Z,p1,note,,\"\"\n\
         2026-11-21T00:00:00Z,p1,'=x,,'=1+1\n\
         2026-11-21T00:00:00Z,p1,note,,\n",
    )
    .unwrap();
    assert_eq!(
        lines,
        "readings,device=p1,sensor=note text=\"\" 1795219200000000000\n\
         readings,device=p1,sensor=\\=x text=\"=1+1\" 1795219200000000000\n"
    );
    assert_eq!(refused, ["line 4: it has neither value nor text"]);
    let (lines, _) = read(
        "a.jsonl",
        "{\"time\":\"2026-11-21T00:00:00Z\",\"device\":\"p1\",\"sensor\":\"note\",\"value\":null,\"text\":\"\"}\n",
    )
    .unwrap();
    assert_eq!(
        lines,
        "readings,device=p1,sensor=note text=\"\" 1795219200000000000\n"
    );
}
