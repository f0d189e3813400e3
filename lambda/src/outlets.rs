//! Where effects go: one trait, so that the handler is the same over AWS, in
//! `weir lambda invoke` and in tests.

use std::fmt;

use weir_model::{Alert, Catalog, Position, QuarantineEntry, Row, RowBatch};

/// Rows of one pipeline. The position of a row is the index of its message in the
/// event.
pub struct Rows<'a> {
    pub batch: &'a RowBatch,
    pub catalog: &'a Catalog,
    /// Later writes of the same reading have a higher one.
    pub version: &'a (dyn Fn(&Row) -> i64 + Sync),
}

impl fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({})", self.batch.rows.len())
    }
}

/// A reading that a store will never take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedReading {
    /// Of its message.
    pub position: Position,
    /// Index among the stored readings of its message.
    pub reading: u32,
    pub detail: String,
}

/// A rejected message or reading, and where the quarantine files it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub entry: QuarantineEntry,
    /// Index of its message in the event.
    pub message: usize,
    pub message_id: String,
    /// As the topic names it; `unknown` if it does not.
    pub device: String,
}

/// What a device's shadow is to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub device: String,
    /// An update of the shadow: [`weir_pipeline::Pipeline::take_reports`].
    pub payload: Vec<u8>,
}

/// A failure by its reason, for the log.
pub type Sent = Result<(), String>;

/// The ways out. All of them block until the effect is confirmed; each may be
/// repeated.
pub trait Outlets: Send + Sync {
    /// Writes rows to every store; returns the readings that a store refuses for good.
    fn write_rows(&self, rows: &[Rows<'_>]) -> Result<Vec<RefusedReading>, String>;

    /// One result for each entry.
    fn quarantine(&self, entries: &[Rejected]) -> Vec<Sent>;

    /// One result for each group. The alerts of a group belong together.
    fn publish(&self, groups: &[&[Alert]]) -> Vec<Sent>;

    /// One result for each report.
    fn report(&self, reports: &[&Report]) -> Vec<Sent>;
}
