//! Timestream for LiveAnalytics: a record for each reading, as in the reference
//! handler.
//!
//! Writing is an upsert by `Version`: an equal or lower one with another value is
//! rejected. A rejected record whose version is stored already was written by
//! somebody who knew more, and is done; one outside of the retention goes to the
//! quarantine; any other fails its messages.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_aws::{AwsError, JsonClient};
use weir_config::Timestream as Names;
use weir_model::Value as Reading;

use crate::outlets::{RefusedReading, Rows};
use crate::parallel::each_of;

/// Records of one request.
const MAX_RECORDS: usize = 100;

/// Makes a client of the endpoint at an address.
type Connect = Box<dyn Fn(&str) -> JsonClient + Send + Sync>;

/// One table.
pub(crate) struct Timestream {
    names: Names,
    /// Where `DescribeEndpoints` is asked; `None`: `writer` is for all calls.
    discovery: Option<(JsonClient, Connect)>,
    writer: Mutex<Option<(JsonClient, Option<Instant>)>>,
}

impl std::fmt::Debug for Timestream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Timestream({:?})", self.names)
    }
}

/// A record and the reading that it is of.
#[derive(Clone, Debug)]
struct Record {
    json: Value,
    position: weir_model::Position,
    reading: u32,
}

impl Timestream {
    /// At an endpoint that needs no discovery.
    pub(crate) fn at(names: Names, client: JsonClient) -> Self {
        Self {
            names,
            discovery: None,
            writer: Mutex::new(Some((client, None))),
        }
    }

    /// At the endpoint that AWS names, as long as it says.
    pub(crate) fn discovered(names: Names, discovery: JsonClient, connect: Connect) -> Self {
        Self {
            names,
            discovery: Some((discovery, connect)),
            writer: Mutex::new(None),
        }
    }

    /// Finds the endpoint and opens the connection.
    pub(crate) fn open(&self) {
        if let Ok(writer) = self.writer() {
            writer.client().open();
        }
    }

    fn writer(&self) -> Result<JsonClient, AwsError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((client, until)) = &*writer
            && until.is_none_or(|until| Instant::now() < until)
        {
            return Ok(client.clone());
        }
        let unreadable = AwsError::Answer {
            service: "timestream",
            what: "it names no endpoint",
        };
        let Some((discovery, connect)) = &self.discovery else {
            return Err(unreadable);
        };
        let answer = discovery.call("DescribeEndpoints", &json!({}))?;
        let endpoint = &answer["Endpoints"][0];
        let Some(address) = endpoint["Address"].as_str() else {
            return Err(unreadable);
        };
        let minutes = endpoint["CachePeriodInMinutes"].as_u64().unwrap_or(1);
        let client = connect(address);
        let until = Instant::now() + Duration::from_secs(60 * minutes.min(24 * 60));
        *writer = Some((client.clone(), Some(until)));
        Ok(client)
    }

    pub(crate) fn write(&self, rows: &[Rows<'_>]) -> Result<Vec<RefusedReading>, String> {
        let records = records(rows);
        let writer = self.writer().map_err(|error| error.to_string())?;
        let requests: Vec<&[Record]> = records.chunks(MAX_RECORDS).collect();
        let results = each_of(&requests, |records| self.send(&writer, records));
        let mut refused = Vec::new();
        for result in results {
            refused.extend(result?);
        }
        Ok(refused)
    }

    fn send(&self, writer: &JsonClient, records: &[Record]) -> Result<Vec<RefusedReading>, String> {
        let request = json!({
            "DatabaseName": self.names.database,
            "TableName": self.names.table,
            "CommonAttributes": {"TimeUnit": "NANOSECONDS"},
            "Records": records.iter().map(|record| &record.json).collect::<Vec<_>>(),
        });
        match writer.call("WriteRecords", &request) {
            Ok(_) => Ok(Vec::new()),
            Err(AwsError::Refused { code, body, .. }) if code == "RejectedRecordsException" => {
                rejected(&body, records)
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The last of two readings of one sensor at one time counts: Timestream would reject
/// the second of one version.
fn records(rows: &[Rows<'_>]) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    let mut known: BTreeMap<(String, String, i64), usize> = BTreeMap::new();
    for rows in rows {
        let mut message = None;
        let mut reading = 0;
        for row in &rows.batch.rows {
            if message != Some(row.position) {
                (message, reading) = (Some(row.position), 0);
            }
            let device = rows.catalog.device(row.device);
            let location = rows.catalog.location(row.location);
            let version = (rows.version)(row);
            for cell in rows.batch.cells_of(row) {
                let sensor = rows.catalog.column(cell.column).sensor.clone();
                let (kind, value) = match cell.value {
                    Reading::Number(number) => ("DOUBLE", number.to_string()),
                    Reading::Text(text) => ("VARCHAR", rows.batch.texts[text as usize].to_string()),
                };
                let mut dimensions = vec![json!({"Name": "deviceId", "Value": &*device})];
                if !location.is_empty() {
                    dimensions.push(json!({"Name": "location", "Value": &*location}));
                }
                let record = Record {
                    json: json!({
                        "Dimensions": dimensions,
                        "MeasureName": &*sensor,
                        "MeasureValue": value,
                        "MeasureValueType": kind,
                        "Time": row.time.0.to_string(),
                        "Version": version,
                    }),
                    position: row.position,
                    reading,
                };
                reading += 1;
                let key = (device.to_string(), sensor.to_string(), row.time.0);
                match known.get(&key) {
                    Some(at) => records[*at] = record,
                    None => {
                        known.insert(key, records.len());
                        records.push(record);
                    }
                }
            }
        }
    }
    records
}

fn rejected(body: &Value, records: &[Record]) -> Result<Vec<RefusedReading>, String> {
    let mut refused = Vec::new();
    for rejected in body["RejectedRecords"].as_array().into_iter().flatten() {
        let index = rejected["RecordIndex"].as_u64().unwrap_or_default() as usize;
        let reason = rejected["Reason"].as_str().unwrap_or_default();
        let Some(record) = records.get(index) else {
            return Err(format!(
                "Timestream rejects a record that was not sent: {reason}"
            ));
        };
        let version = record.json["Version"].as_i64();
        if rejected["ExistingVersion"].as_i64() >= version && version.is_some() {
            continue;
        }
        if !is_about_age(reason) {
            return Err(format!("Timestream rejects a record: {reason}"));
        }
        refused.push(RefusedReading {
            position: record.position,
            reading: record.reading,
            detail: format!("outside_retention: Timestream: {reason}"),
        });
    }
    Ok(refused)
}

/// Timestream's words for a time outside of the memory store's retention, or ahead.
fn is_about_age(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    ["retention", "time range", "timestamp"]
        .iter()
        .any(|word| reason.contains(word))
}

#[cfg(test)]
mod tests {
    use weir_model::{
        Catalog, Cell, Column, Flags, LocationIx, Position, Row, RowBatch, Timestamp, ValueKind,
    };

    use super::*;

    fn with_rows(test: impl FnOnce(Rows<'_>)) {
        let catalog = Catalog::new();
        let device = catalog.add_device("p1".into());
        let hall = catalog.add_location("hall".into());
        let column = |sensor: &str, kind| {
            catalog.add_column(std::sync::Arc::new(Column {
                sensor: sensor.into(),
                unit: None,
                kind,
            }))
        };
        let (number, text) = (
            column("t", ValueKind::Number),
            column("state", ValueKind::Text),
        );
        let row = |nth: u32, location, time| Row {
            position: Position(u64::from(nth)),
            device,
            location,
            time: Timestamp(time),
            flags: Flags::default(),
            first_cell: nth * 2,
            cell_count: 2,
        };
        let cells = |value| {
            [(number, Reading::Number(value)), (text, Reading::Text(0))]
                .map(|(column, value)| Cell { column, value })
        };
        let batch = RowBatch {
            rows: vec![row(0, LocationIx(0), 5), row(1, hall, 5), row(2, hall, 6)],
            cells: [cells(21.5), cells(22.0), cells(1e21)].concat(),
            texts: vec!["on".into()],
        };
        test(Rows {
            batch: &batch,
            catalog: &catalog,
            version: &|row| row.position.0 as i64 + 10,
        });
    }

    #[test]
    fn a_reading_is_a_record_and_the_last_of_two_counts() {
        with_rows(|rows| {
            let records = records(&[rows]);
            assert_eq!(records.len(), 4);
            let expect = json!({
                "Dimensions": [{"Name": "deviceId", "Value": "p1"},
                    {"Name": "location", "Value": "hall"}],
                "MeasureName": "t", "MeasureValue": "22", "MeasureValueType": "DOUBLE",
                "Time": "5", "Version": 11,
            });
            assert_eq!(
                (&records[0].json, records[0].position),
                (&expect, Position(1))
            );
            assert_eq!(records[1].json["MeasureValueType"], "VARCHAR");
            assert_eq!(
                (&records[1].json["MeasureValue"], records[1].reading),
                (&json!("on"), 1)
            );
            assert_eq!(records[2].json["MeasureValue"], "1000000000000000000000");
        });
    }

    #[test]
    fn a_rejection_is_success_or_quarantine_or_failure() {
        with_rows(|rows| {
            let records = records(&[rows]);
            let reject = |entry: Value| rejected(&json!({"RejectedRecords": [entry]}), &records);
            let newer = json!({"RecordIndex": 0, "Reason": "version", "ExistingVersion": 11});
            assert_eq!(reject(newer), Ok(Vec::new()));
            let old = json!({"RecordIndex": 3,
                "Reason": "The record timestamp is outside the time range of the memory store."});
            let refused = reject(old).unwrap();
            assert_eq!((refused[0].position, refused[0].reading), (Position(2), 1));
            assert!(refused[0].detail.starts_with("outside_retention: "));
            let older = json!({"RecordIndex": 0, "Reason": "version", "ExistingVersion": 10});
            assert!(reject(older).is_err());
            assert!(reject(json!({"RecordIndex": 0, "Reason": "a quota"})).is_err());
        });
    }
}
