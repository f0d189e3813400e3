//! Shadows in AWS IoT. An update names the version that it changes, where that is
//! known: two invocations then do not overwrite each other unseen. On a conflict the
//! newer `lastUpdate` wins.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use weir_aws::{AwsError, IotData};

use crate::outlets::{Report, Sent};
use crate::parallel::each_of;
use crate::shadow::fitted;

/// Versions that are remembered.
const MAX_KNOWN: usize = 10_000;
/// How often a conflict is answered with another attempt.
const ATTEMPTS: usize = 3;

#[derive(Debug)]
pub(crate) struct Shadows {
    iot: IotData,
    versions: Mutex<BTreeMap<String, i64>>,
}

impl Shadows {
    pub(crate) fn new(iot: IotData) -> Self {
        Self {
            iot,
            versions: Mutex::default(),
        }
    }

    pub(crate) fn open(&self) {
        self.iot.client().open();
    }

    pub(crate) fn report(&self, reports: &[&Report]) -> Vec<Sent> {
        each_of(reports, |report| {
            self.update(report).map_err(|error| error.to_string())
        })
    }

    fn update(&self, report: &Report) -> Result<(), AwsError> {
        let payload = fitted(&report.payload);
        let mut version = self.lock().get(&report.device).copied();
        for _ in 0..ATTEMPTS {
            match self
                .iot
                .update(&report.device, &with_version(&payload, version))
            {
                Ok(answer) => {
                    self.remember(&report.device, version_of(&answer));
                    return Ok(());
                }
                Err(AwsError::Refused { status: 409, .. }) => {
                    let shadow = self.iot.get(&report.device)?.unwrap_or_default();
                    version = version_of(&shadow);
                    if is_newer(&shadow, &payload) {
                        self.remember(&report.device, version);
                        return Ok(());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(AwsError::Answer {
            service: "iotdata",
            what: "the shadow keeps changing",
        })
    }

    fn remember(&self, device: &str, version: Option<i64>) {
        let mut versions = self.lock();
        if versions.len() >= MAX_KNOWN {
            versions.clear();
        }
        match version {
            Some(version) => versions.insert(device.to_owned(), version),
            None => versions.remove(device),
        };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, i64>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with_version(payload: &[u8], version: Option<i64>) -> Vec<u8> {
    let update = version.and_then(|version| {
        let mut update: Value = serde_json::from_slice(payload).ok()?;
        update["version"] = json!(version);
        Some(update.to_string().into_bytes())
    });
    update.unwrap_or_else(|| payload.to_vec())
}

fn version_of(answer: &[u8]) -> Option<i64> {
    serde_json::from_slice::<Value>(answer).ok()?["version"].as_i64()
}

/// Whether the shadow reports something later than the update.
fn is_newer(shadow: &[u8], update: &[u8]) -> bool {
    let last = |bytes: &[u8]| {
        let document: Value = serde_json::from_slice(bytes).ok()?;
        document["state"]["reported"]["lastUpdate"].as_i64()
    };
    last(shadow) > last(update)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_names_the_version_and_yields_to_a_newer_report() {
        let update = br#"{"state":{"reported":{"lastUpdate":5}}}"#;
        assert_eq!(with_version(update, None), update);
        let named: Value = serde_json::from_slice(&with_version(update, Some(7))).unwrap();
        assert_eq!(
            (&named["version"], &named["state"]["reported"]["lastUpdate"]),
            (&json!(7), &json!(5))
        );
        let shadow = |last: i64| {
            json!({"state": {"reported": {"lastUpdate": last}}, "version": 9}).to_string()
        };
        assert_eq!(version_of(shadow(1).as_bytes()), Some(9));
        assert!(is_newer(shadow(6).as_bytes(), update));
        assert!(!is_newer(shadow(5).as_bytes(), update) && !is_newer(b"{}", update));
    }
}
