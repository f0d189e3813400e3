//! After the commit: what the outboxes hold leaves, and is then removed.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::Alert;

use super::Stateful;
use crate::outlets::Report;
use crate::state::{Item, Outbox};

impl Stateful<'_> {
    /// Publishes the outboxes of these devices; returns the devices for which that
    /// failed, by reason. What cannot be removed afterwards leaves once more later.
    pub(crate) fn publish_outboxes(
        &mut self,
        devices: &BTreeSet<String>,
    ) -> BTreeMap<String, String> {
        let items = devices
            .iter()
            .filter(|device| !self.broken.contains_key(*device));
        let items = items.filter_map(|device| self.items.get(device));
        let full: Vec<Item> = items
            .filter(|item| !item.outbox.is_empty())
            .cloned()
            .collect();
        if full.is_empty() {
            return BTreeMap::new();
        }
        let mut failed = BTreeMap::new();
        let with_alerts = full.iter().filter(|item| !item.outbox.alerts.is_empty());
        let with_alerts: Vec<&Item> = with_alerts.collect();
        let groups: Vec<&[Alert]> = with_alerts
            .iter()
            .map(|item| &*item.outbox.alerts)
            .collect();
        if !groups.is_empty() {
            let sent = self.handler.outlets.publish(&groups);
            for (item, sent) in with_alerts.iter().zip(sent) {
                note(&mut failed, item, sent);
            }
        }
        self.report(&full, &mut failed);
        for item in full {
            if !failed.contains_key(&item.device) {
                self.metrics.alerts += item.outbox.alerts.len() as u64;
                self.clear(item);
            }
        }
        failed
    }

    fn report(&self, full: &[Item], failed: &mut BTreeMap<String, String>) {
        let reports = full.iter().filter_map(|item| {
            let report = Report {
                device: item.device.clone(),
                payload: item.outbox.report.clone()?,
            };
            Some((item, report))
        });
        let reports: Vec<(&Item, Report)> = reports.collect();
        if reports.is_empty() {
            return;
        }
        let all: Vec<&Report> = reports.iter().map(|(_, report)| report).collect();
        let sent = self.handler.outlets.report(&all);
        for ((item, _), sent) in reports.iter().zip(sent) {
            note(failed, item, sent);
        }
    }

    fn clear(&mut self, mut item: Item) {
        item.outbox = Outbox::default();
        item.due = item.applied.silence;
        self.metrics.state_writes += 1;
        match self.store.clear_outbox(&item) {
            Ok(true) => {
                self.handler.lock_cache().put(item.clone());
                self.items.insert(item.device.clone(), item);
            }
            Ok(false) => self.handler.lock_cache().remove(&item.device),
            Err(error) => self.metrics.note_failure(&error.to_string()),
        }
    }
}

fn note(failed: &mut BTreeMap<String, String>, item: &Item, sent: Result<(), String>) {
    if let Err(reason) = sent {
        failed.entry(item.device.clone()).or_insert(reason);
    }
}
