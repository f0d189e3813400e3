//! The SQL tables beside `readings`: latest, alerts, alarms, quarantine, devices
//! and shadows, each read at the time of the query from whoever keeps it.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, Float64Array, RecordBatch, StringArray, StringBuilder,
    TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parking_lot::Mutex;
use weir_alarms::{AlarmFilter, AlarmStateFilter, OUT_OF_SERVICE};
use weir_engine::{Latest, LatestValue};
use weir_model::{DeviceIx, Timestamp};
use weir_notify::AlarmStore;
use weir_pipeline::Pipeline;
use weir_quarantine::Quarantine;
use weir_series::BoxError;
use weir_shadow_store::ShadowStore;
use weir_sql::{Sql, TableSource};

/// Rows that a query sees of one of these tables: the newest.
const MAX_ROWS: usize = 1_000_000;
/// Devices whose latest values are read under one lock.
const DEVICES_AT_ONCE: usize = 1_000;

pub fn register(
    sql: &Sql,
    pipeline: &Arc<Mutex<Pipeline>>,
    alarms: &Arc<AlarmStore>,
    quarantine: &Arc<Quarantine>,
    shadows: &Arc<ShadowStore>,
) {
    sql.register("alerts", Arc::new(Alerts(alarms.clone())));
    sql.register("alarms", Arc::new(Alarms(alarms.clone())));
    sql.register("quarantine", Arc::new(Rejected(quarantine.clone())));
    sql.register("devices", Arc::new(Devices(pipeline.clone())));
    sql.register("latest", Arc::new(LatestValues(pipeline.clone())));
    sql.register("shadows", Arc::new(Shadows(shadows.clone())));
}

fn rows(limit: Option<usize>) -> usize {
    limit.unwrap_or(MAX_ROWS).min(MAX_ROWS)
}

fn time(unit: TimeUnit) -> DataType {
    DataType::Timestamp(unit, Some("UTC".into()))
}

fn schema(fields: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), true);
    Arc::new(Schema::new(fields.iter().map(field).collect::<Vec<_>>()))
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn millis(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(
        values
            .collect::<TimestampMillisecondArray>()
            .with_timezone("UTC"),
    )
}

fn nanos(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(
        values
            .collect::<TimestampNanosecondArray>()
            .with_timezone("UTC"),
    )
}

fn numbers(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

/// What is not a number is NULL.
fn number(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn counts(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(UInt64Array::from_iter_values(values))
}

/// Every alarm transition, oldest first.
#[derive(Debug)]
struct Alerts(Arc<AlarmStore>);

impl TableSource for Alerts {
    fn schema(&self) -> SchemaRef {
        schema(&[
            ("time", time(TimeUnit::Millisecond)),
            ("id", DataType::Utf8),
            ("alarm_id", DataType::Utf8),
            ("severity", DataType::Utf8),
            ("state", DataType::Utf8),
            ("device", DataType::Utf8),
            ("sensor", DataType::Utf8),
            ("value", DataType::Float64),
            ("threshold", DataType::Float64),
            ("unit", DataType::Utf8),
            ("location", DataType::Utf8),
            ("function", DataType::Utf8),
            ("reason", DataType::Utf8),
            ("text", DataType::Utf8),
            ("recorded_at", time(TimeUnit::Millisecond)),
        ])
    }

    fn batch(&self, limit: Option<usize>) -> Result<RecordBatch, BoxError> {
        let history = self.0.recorded_history(rows(limit))?;
        let alerts = || history.iter().map(|transition| &transition.alert);
        let columns: Vec<ArrayRef> = vec![
            millis(alerts().map(|alert| Some(alert.timestamp))),
            texts(alerts().map(|alert| Some(alert.id.as_str()))),
            texts(alerts().map(|alert| Some(alert.alarm_id.as_str()))),
            texts(alerts().map(|alert| Some(alert.severity.as_str()))),
            texts(alerts().map(|alert| Some(alert.state.as_str()))),
            texts(alerts().map(|alert| Some(alert.device_id.as_str()))),
            texts(alerts().map(|alert| Some(alert.sensor.as_str()))),
            numbers(alerts().map(|alert| number(alert.value))),
            numbers(alerts().map(|alert| alert.threshold)),
            texts(alerts().map(|alert| alert.unit.as_deref())),
            texts(alerts().map(|alert| alert.location.as_deref())),
            texts(alerts().map(|alert| Some(alert.function.as_str()))),
            texts(alerts().map(|alert| Some(alert.reason.as_str()))),
            texts(alerts().map(|alert| alert.text.as_deref())),
            millis(
                history
                    .iter()
                    .map(|transition| transition.alert.recorded_at.or(transition.recorded_at)),
            ),
        ];
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}

/// Every alarm in its current state.
#[derive(Debug)]
struct Alarms(Arc<AlarmStore>);

impl TableSource for Alarms {
    fn schema(&self) -> SchemaRef {
        schema(&[
            ("alarm_id", DataType::Utf8),
            ("severity", DataType::Utf8),
            ("state", DataType::Utf8),
            ("device", DataType::Utf8),
            ("sensor", DataType::Utf8),
            ("function", DataType::Utf8),
            ("value", DataType::Float64),
            ("threshold", DataType::Float64),
            ("unit", DataType::Utf8),
            ("location", DataType::Utf8),
            ("raised_at", time(TimeUnit::Millisecond)),
            ("updated_at", time(TimeUnit::Millisecond)),
            ("cleared_at", time(TimeUnit::Millisecond)),
            ("acknowledged_by", DataType::Utf8),
            ("acknowledged_at", time(TimeUnit::Millisecond)),
            ("shelved_until", time(TimeUnit::Millisecond)),
            ("reason", DataType::Utf8),
            ("text", DataType::Utf8),
            ("recorded_at", time(TimeUnit::Millisecond)),
        ])
    }

    fn batch(&self, limit: Option<usize>) -> Result<RecordBatch, BoxError> {
        let everything = AlarmFilter {
            state: AlarmStateFilter::Any,
            severity: None,
            device: None,
            limit: rows(limit),
        };
        let alarms = self.0.alarms(&everything)?;
        let alarms = || alarms.iter();
        let columns: Vec<ArrayRef> = vec![
            texts(alarms().map(|alarm| Some(alarm.alarm_id.as_str()))),
            texts(alarms().map(|alarm| Some(alarm.severity.as_str()))),
            texts(alarms().map(|alarm| Some(alarm.state.as_str()))),
            texts(alarms().map(|alarm| Some(alarm.device_id.as_str()))),
            texts(alarms().map(|alarm| Some(alarm.sensor.as_str()))),
            texts(alarms().map(|alarm| Some(alarm.function.as_str()))),
            numbers(alarms().map(|alarm| number(alarm.value))),
            numbers(alarms().map(|alarm| alarm.threshold)),
            texts(alarms().map(|alarm| alarm.unit.as_deref())),
            texts(alarms().map(|alarm| alarm.location.as_deref())),
            millis(alarms().map(|alarm| Some(alarm.raised_at))),
            millis(alarms().map(|alarm| Some(alarm.updated_at))),
            millis(alarms().map(|alarm| alarm.cleared_at)),
            texts(alarms().map(|alarm| alarm.acknowledged.as_ref().map(|ack| ack.by.as_str()))),
            millis(alarms().map(|alarm| alarm.acknowledged.as_ref().map(|ack| ack.at))),
            millis(
                alarms().map(|alarm| alarm.shelved_until.filter(|until| *until != OUT_OF_SERVICE)),
            ),
            texts(alarms().map(|alarm| Some(alarm.reason.as_str()))),
            texts(alarms().map(|alarm| alarm.text.as_deref())),
            millis(alarms().map(|alarm| alarm.recorded_at)),
        ];
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}

/// What was rejected, and why.
#[derive(Debug)]
struct Rejected(Arc<Quarantine>);

impl TableSource for Rejected {
    fn schema(&self) -> SchemaRef {
        schema(&[
            ("received", time(TimeUnit::Nanosecond)),
            ("reason", DataType::Utf8),
            ("detail", DataType::Utf8),
            ("topic", DataType::Utf8),
            ("client", DataType::Utf8),
            ("door", DataType::Utf8),
            ("reading", DataType::UInt64),
            ("payload_bytes", DataType::UInt64),
            ("payload", DataType::Utf8),
            ("replayed", time(TimeUnit::Nanosecond)),
        ])
    }

    fn batch(&self, limit: Option<usize>) -> Result<RecordBatch, BoxError> {
        let entries = self.0.list(None, rows(limit))?;
        let payloads: Vec<_> = entries
            .iter()
            .map(|entry| String::from_utf8_lossy(&entry.payload))
            .collect();
        let entries = || entries.iter();
        let columns: Vec<ArrayRef> = vec![
            nanos(entries().map(|entry| Some(entry.received.0))),
            texts(entries().map(|entry| Some(entry.reason.as_str()))),
            texts(entries().map(|entry| Some(entry.detail.as_str()))),
            texts(entries().map(|entry| Some(entry.topic.as_str()))),
            texts(entries().map(|entry| Some(entry.client.as_str()))),
            texts(entries().map(|entry| Some(entry.ingress.as_str()))),
            Arc::new(
                entries()
                    .map(|entry| entry.reading.map(u64::from))
                    .collect::<UInt64Array>(),
            ),
            counts(entries().map(|entry| entry.payload_bytes)),
            texts(payloads.iter().map(|payload| Some(&**payload))),
            nanos(entries().map(|entry| entry.replayed.map(|at| at.0))),
        ];
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}

/// The fleet.
#[derive(Debug)]
struct Devices(Arc<Mutex<Pipeline>>);

impl TableSource for Devices {
    fn schema(&self) -> SchemaRef {
        schema(&[
            ("device", DataType::Utf8),
            ("location", DataType::Utf8),
            ("last_seen", time(TimeUnit::Nanosecond)),
            ("last_time", time(TimeUnit::Nanosecond)),
            ("sensors", DataType::UInt64),
            ("readings", DataType::UInt64),
            ("open_alarms", DataType::UInt64),
        ])
    }

    fn batch(&self, limit: Option<usize>) -> Result<RecordBatch, BoxError> {
        let pipeline = self.0.lock();
        let names = pipeline.engine().catalog().devices().clone();
        let shown = names.len().min(rows(limit));
        let ixs = || (0..shown).map(|ix| DeviceIx(ix as u32));
        let summaries: Vec<_> = ixs()
            .map(|ix| pipeline.engine().device_summary(ix))
            .collect();
        let open: Vec<_> = ixs()
            .map(|ix| pipeline.alarms().active(ix).count() as u64)
            .collect();
        drop(pipeline);
        let all = || summaries.iter();
        let columns: Vec<ArrayRef> = vec![
            texts(names.iter().take(shown).map(|name| Some(&**name))),
            texts(all().map(|summary| summary.location.as_deref())),
            nanos(all().map(|summary| summary.last_seen.map(|time| time.0))),
            nanos(all().map(|summary| summary.last_time.map(|time| time.0))),
            counts(all().map(|summary| summary.series as u64)),
            counts(all().map(|summary| summary.readings)),
            counts(open.into_iter()),
        ];
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}

/// The latest value of each series: what a dashboard's tiles show, without a
/// look at the store.
#[derive(Debug)]
struct LatestValues(Arc<Mutex<Pipeline>>);

impl LatestValues {
    /// Calls `visit` for each, by device. The pipeline waits for a few devices
    /// at a time, not for all.
    fn for_each(&self, limit: usize, visit: &mut dyn FnMut(&str, Latest)) {
        let mut left = limit;
        let mut first = 0;
        while left > 0 {
            let pipeline = self.0.lock();
            let names = pipeline.engine().catalog().devices().clone();
            let devices = names.iter().enumerate().skip(first).take(DEVICES_AT_ONCE);
            let mut taken = Vec::new();
            for (ix, name) in devices {
                let latest = pipeline.engine().latest(DeviceIx(ix as u32));
                taken.extend(latest.into_iter().map(|latest| (name.clone(), latest)));
            }
            drop(pipeline);
            first += DEVICES_AT_ONCE;
            for (device, latest) in taken.into_iter().take(left) {
                left -= 1;
                visit(&device, latest);
            }
            if first >= names.len() {
                break;
            }
        }
    }
}

impl TableSource for LatestValues {
    fn schema(&self) -> SchemaRef {
        schema(&[
            ("time", time(TimeUnit::Nanosecond)),
            ("device", DataType::Utf8),
            ("sensor", DataType::Utf8),
            ("value", DataType::Float64),
            ("text", DataType::Utf8),
            ("unit", DataType::Utf8),
            ("quality", DataType::Utf8),
            ("flags", DataType::Utf8),
        ])
    }

    fn batch(&self, limit: Option<usize>) -> Result<RecordBatch, BoxError> {
        let mut times = Vec::new();
        let (mut devices, mut sensors) = (StringBuilder::new(), StringBuilder::new());
        let (mut values, mut texts) = (Vec::new(), StringBuilder::new());
        let (mut units, mut flags) = (StringBuilder::new(), StringBuilder::new());
        let mut qualities = StringBuilder::new();
        self.for_each(rows(limit), &mut |device, latest| {
            times.push(Some(latest.time.0));
            devices.append_value(device);
            sensors.append_value(&latest.sensor);
            let (number, text) = match &latest.value {
                LatestValue::Number(number) => (Some(*number), None),
                LatestValue::Text(text) => (None, Some(&**text)),
            };
            values.push(number);
            texts.append_option(text);
            units.append_option(latest.unit.as_deref());
            qualities.append_value(if latest.flags.is_suspect() {
                "suspect"
            } else {
                "good"
            });
            flags.append_value(latest.flags.names());
        });
        let columns: Vec<ArrayRef> = vec![
            nanos(times.into_iter()),
            Arc::new(devices.finish()),
            Arc::new(sensors.finish()),
            numbers(values.into_iter()),
            Arc::new(texts.finish()),
            Arc::new(units.finish()),
            Arc::new(qualities.finish()),
            Arc::new(flags.finish()),
        ];
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}

/// Every shadow document, as JSON.
#[derive(Debug)]
struct Shadows(Arc<ShadowStore>);

impl TableSource for Shadows {
    fn schema(&self) -> SchemaRef {
        schema(&[
            ("thing", DataType::Utf8),
            ("name", DataType::Utf8),
            ("version", DataType::UInt64),
            ("document", DataType::Utf8),
        ])
    }

    fn batch(&self, limit: Option<usize>) -> Result<RecordBatch, BoxError> {
        let limit = rows(limit);
        let (mut things, mut names) = (StringBuilder::new(), StringBuilder::new());
        let (mut versions, mut documents) = (UInt64Builder::new(), StringBuilder::new());
        let now = Timestamp::now().seconds();
        self.0.for_each(|thing, name, document| {
            // A deleted one is kept for its version, and is not a document.
            let Ok(text) = document.get(now, None, String::new) else {
                return;
            };
            if things.len() == limit {
                return;
            }
            things.append_value(thing);
            names.append_option((!name.is_empty()).then_some(name));
            versions.append_value(document.version());
            documents.append_value(String::from_utf8_lossy(&text));
        })?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(things.finish()),
            Arc::new(names.finish()),
            Arc::new(versions.finish()),
            Arc::new(documents.finish()),
        ];
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}
