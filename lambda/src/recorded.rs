//! Ways out that only remember: for `weir lambda invoke`, and for tests.

use std::sync::{Mutex, PoisonError};

use weir_config::LineMapping;
use weir_influxdb::{LineBatch, encode_lines};
use weir_model::Alert;

use crate::outlets::{Outlets, RefusedReading, Rejected, Report, Rows, Sent};

/// Everything that went out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Line protocol, one line per reading.
    pub lines: Vec<String>,
    pub alerts: Vec<Alert>,
    pub reports: Vec<Report>,
    pub rejected: Vec<Rejected>,
}

/// Remembers what goes out.
#[derive(Debug)]
pub struct Recorded {
    mapping: LineMapping,
    record: Mutex<Record>,
}

impl Recorded {
    /// Lines are written by this mapping.
    pub fn new(mapping: LineMapping) -> Self {
        Self {
            mapping,
            record: Mutex::new(Record::default()),
        }
    }

    /// What went out since the last call.
    pub fn take(&self) -> Record {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outlets for Recorded {
    fn write_rows(&self, rows: &[Rows<'_>]) -> Result<Vec<RefusedReading>, String> {
        let mut lines = [LineBatch::default()];
        for rows in rows {
            encode_lines(rows.batch, rows.catalog, &self.mapping, &mut lines);
        }
        let [lines] = lines;
        let text = lines.body(&(0..lines.len()));
        let mut record = self.lock();
        record.lines.extend(text.lines().map(str::to_owned));
        Ok(Vec::new())
    }

    fn quarantine(&self, entries: &[Rejected]) -> Vec<Sent> {
        self.lock().rejected.extend(entries.iter().cloned());
        entries.iter().map(|_| Ok(())).collect()
    }

    fn publish(&self, groups: &[&[Alert]]) -> Vec<Sent> {
        let alerts = groups.iter().flat_map(|group| group.iter().cloned());
        self.lock().alerts.extend(alerts);
        groups.iter().map(|_| Ok(())).collect()
    }

    fn report(&self, reports: &[&Report]) -> Vec<Sent> {
        let copies = reports.iter().map(|report| (*report).clone());
        self.lock().reports.extend(copies);
        reports.iter().map(|_| Ok(())).collect()
    }
}
