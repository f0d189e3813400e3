//! Updates of shadows as they have to be: small enough for AWS, and one out of two
//! if the first could not leave.

use serde_json::{Value, json};

/// Bytes of a shadow document in AWS.
pub(crate) const MAX_BYTES: usize = 8 * 1024;

/// Two updates as one: alarms and time of the later, readings of both.
pub(crate) fn merged(earlier: Option<Vec<u8>>, later: Vec<u8>) -> Vec<u8> {
    let Some(earlier) = earlier else {
        return later;
    };
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
    let (Some(mut earlier), Some(mut merged)) = (read(&earlier), read(&later)) else {
        return later;
    };
    let readings = |value: &mut Value| {
        let readings = value.pointer_mut("/state/reported/readings")?;
        readings.as_object_mut().map(std::mem::take)
    };
    let (Some(mut all), Some(newer)) = (readings(&mut earlier), readings(&mut merged)) else {
        return later;
    };
    all.extend(newer);
    merged["state"]["reported"]["readings"] = Value::Object(all);
    merged.to_string().into_bytes()
}

/// The update so that it fits: without reasons, then without the least severe alarms,
/// whose number is in `alertsOmitted`, then without readings.
pub(crate) fn fitted(payload: &[u8]) -> Vec<u8> {
    if payload.len() <= MAX_BYTES {
        return payload.to_vec();
    }
    let Ok(mut update) = serde_json::from_slice::<Value>(payload) else {
        return payload.to_vec();
    };
    let size = |update: &Value| update.to_string().len();
    let Some(alerts) = update.pointer_mut("/state/reported/alerts") else {
        return payload.to_vec();
    };
    let mut alerts: Vec<Value> = alerts
        .as_array_mut()
        .map(std::mem::take)
        .unwrap_or_default();
    for alert in &mut alerts {
        if let Some(alert) = alert.as_object_mut() {
            alert.remove("reason");
        }
    }
    let set = |update: &mut Value, alerts: &[Value]| {
        update["state"]["reported"]["alerts"] = Value::Array(alerts.to_vec());
    };
    set(&mut update, &alerts);
    let mut omitted = 0;
    while size(&update) > MAX_BYTES && !alerts.is_empty() {
        let least = alerts
            .iter()
            .rposition(|alert| alert["severity"] == "WARNING");
        alerts.remove(least.unwrap_or(alerts.len() - 1));
        omitted += 1;
        set(&mut update, &alerts);
        update["state"]["reported"]["alertsOmitted"] = json!(omitted);
    }
    if size(&update) > MAX_BYTES {
        update["state"]["reported"]["readings"] = json!({});
    }
    update.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(alerts: &Value, readings: &Value) -> Vec<u8> {
        let reported = json!({"alerts": alerts, "lastUpdate": 5, "readings": readings});
        json!({"state": {"reported": reported}})
            .to_string()
            .into_bytes()
    }

    #[test]
    fn the_later_of_two_updates_keeps_the_readings_of_the_earlier() {
        let earlier = update(&json!([1]), &json!({"a": 1, "b": 1}));
        let later = update(&json!([]), &json!({"b": 2}));
        let expect = update(&json!([]), &json!({"a": 1, "b": 2}));
        assert_eq!(merged(Some(earlier), later.clone()), expect);
        assert_eq!(merged(None, later.clone()), later);
        assert_eq!(merged(Some(b"no".to_vec()), later.clone()), later);
    }

    #[test]
    fn an_update_that_is_too_large_loses_reasons_then_warnings() {
        let alert = |nth: usize, severity: &str| json!({"id": format!("{nth:032}"), "severity": severity, "reason": "r".repeat(100)});
        let few: Vec<Value> = (0..60).map(|nth| alert(nth, "WARNING")).collect();
        let found: Value =
            serde_json::from_slice(&fitted(&update(&json!(few), &json!({})))).unwrap();
        let reported = &found["state"]["reported"];
        assert_eq!(reported["alerts"].as_array().unwrap().len(), 60);
        assert!(reported["alerts"][0].get("reason").is_none());
        let mut many: Vec<Value> = (0..200).map(|nth| alert(nth, "WARNING")).collect();
        many[199] = alert(199, "CRITICAL");
        let bytes = fitted(&update(&json!(many), &json!({})));
        assert!(bytes.len() <= MAX_BYTES);
        let found: Value = serde_json::from_slice(&bytes).unwrap();
        let reported = &found["state"]["reported"];
        let kept = reported["alerts"].as_array().unwrap();
        assert_eq!(kept.last().unwrap()["severity"], "CRITICAL");
        assert_eq!(reported["alertsOmitted"], 200 - kept.len());
        let readings = json!({"x": "v".repeat(9_000)});
        assert!(fitted(&update(&json!([]), &readings)).len() <= MAX_BYTES);
    }
}
