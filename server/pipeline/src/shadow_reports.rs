//! What Weir itself reports into the shadows of devices.

use serde_json::{Value, json};
use weir_alerts::AlarmEngine;
use weir_functions::{Engine, LatestValue};
use weir_shadows::{Operation, Request, report_payload};

/// One report per device that has something new: the latest readings of the
/// sensors that changed, and the alarms that are open.
pub(crate) fn changed(engine: &mut Engine, alarms: &AlarmEngine) -> Vec<Request> {
    let mut reports = Vec::new();
    let catalog = engine.catalog().clone();
    engine.changed_devices(&mut |device, latest| {
        let alerts: Vec<_> = alarms.active(device).collect();
        let readings: Vec<(&str, Value, i64)> = latest
            .iter()
            .map(|latest| {
                let time = latest.time.millis();
                (&*latest.sensor, json_value(&latest.value), time)
            })
            .collect();
        let times = readings.iter().map(|(.., millis)| *millis);
        let last_update = times.max().unwrap_or_default();
        reports.push(Request {
            thing: catalog.device(device).to_string(),
            name: None,
            operation: Operation::Report,
            payload: report_payload(&alerts, last_update, &readings),
            publish: true,
        });
    });
    reports
}

/// A latest value as JSON.
pub fn json_value(value: &LatestValue) -> Value {
    match value {
        LatestValue::Number(number) => json!(number),
        LatestValue::Text(text) => json!(&**text),
    }
}
