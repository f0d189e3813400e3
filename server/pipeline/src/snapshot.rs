//! What a checkpoint holds besides the files of the store: the memory of the
//! functions and alarms and the counters, all as of one journal position.
//!
//! ```text
//! version u8 | postcard: engine bytes, alarms bytes, counts, config u64, tallies, reports
//! ```

use serde::{Deserialize, Serialize};
use thiserror::Error;
use weir_engine::Tallies;

use crate::counts::{OldCounts, PipelineCounts};
use crate::shadow_reports::ReportState;

/// Raised when a field changes its meaning; an older version is refused rather
/// than misread.
const VERSION: u8 = 5;
/// Counts no absent values, and is read.
const WITHOUT_ABSENT: u8 = 4;
/// Ends before the state of the reports into shadows, and is read.
const WITHOUT_REPORTS: u8 = 3;
/// Ends before the functions' tallies, and is read.
const WITHOUT_TALLIES: u8 = 2;
/// Ends before the configuration's number, and is read.
const WITHOUT_CONFIG: u8 = 1;

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    pub engine: Vec<u8>,
    pub alarms: Vec<u8>,
    pub counts: PipelineCounts,
    /// The number of the configuration that it was taken under; 0: not known.
    pub config: u64,
    /// What the functions did so far.
    pub tallies: Tallies,
    /// When Weir last reported into shadows.
    pub reports: ReportState,
}

#[derive(Debug, Error)]
pub enum SnapshotError {
    #[error("the checkpoint's snapshot has version {found}, this program reads {VERSION}")]
    Version { found: u8 },
    #[error("the checkpoint's snapshot cannot be read: {0}")]
    Malformed(#[from] postcard::Error),
    #[error("the checkpoint's snapshot is empty")]
    Empty,
}

impl Snapshot {
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![VERSION])
            .expect("a value of vectors and integers always serialises")
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        match bytes.split_first() {
            None => Err(SnapshotError::Empty),
            Some((&VERSION, body)) => Ok(postcard::from_bytes(body)?),
            Some((&WITHOUT_ABSENT, body)) => {
                let (engine, alarms, counts, config, tallies, reports): (_, _, OldCounts, _, _, _) =
                    postcard::from_bytes(body)?;
                Ok(Self {
                    engine,
                    alarms,
                    counts: counts.into(),
                    config,
                    tallies,
                    reports,
                })
            }
            Some((&WITHOUT_REPORTS, body)) => {
                let (engine, alarms, counts, config, tallies): (_, _, OldCounts, _, _) =
                    postcard::from_bytes(body)?;
                Ok(Self {
                    engine,
                    alarms,
                    counts: counts.into(),
                    config,
                    tallies,
                    reports: ReportState::default(),
                })
            }
            Some((&WITHOUT_TALLIES, body)) => {
                let (engine, alarms, counts, config): (_, _, OldCounts, _) =
                    postcard::from_bytes(body)?;
                Ok(Self {
                    engine,
                    alarms,
                    counts: counts.into(),
                    config,
                    ..Self::default()
                })
            }
            Some((&WITHOUT_CONFIG, body)) => {
                let (engine, alarms, counts): (_, _, OldCounts) = postcard::from_bytes(body)?;
                Ok(Self {
                    engine,
                    alarms,
                    counts: counts.into(),
                    ..Self::default()
                })
            }
            Some((&found, _)) => Err(SnapshotError::Version { found }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_of_another_version_is_refused() {
        let snapshot = Snapshot {
            engine: vec![1, 2],
            alarms: vec![3],
            counts: PipelineCounts::default(),
            config: 7,
            tallies: Tallies {
                messages: 5,
                functions: Vec::new(),
            },
            reports: ReportState::EMPTY,
        };
        let mut bytes = snapshot.encode();
        let read = Snapshot::decode(&bytes).unwrap();
        assert_eq!((read.engine, read.config), (vec![1, 2], 7));
        assert_eq!(read.tallies.messages, 5);
        assert_eq!(read.reports, ReportState::EMPTY);
        bytes[0] = 9;
        assert!(matches!(
            Snapshot::decode(&bytes),
            Err(SnapshotError::Version { found: 9 })
        ));
        assert!(matches!(Snapshot::decode(&[]), Err(SnapshotError::Empty)));
    }

    #[test]
    fn snapshots_of_the_versions_before_are_read() {
        let before = (vec![1_u8, 2], vec![3_u8], OldCounts::default());
        let bytes = postcard::to_extend(&before, vec![WITHOUT_CONFIG]).unwrap();
        let read = Snapshot::decode(&bytes).unwrap();
        assert_eq!(
            (read.engine, read.alarms, read.config),
            (vec![1, 2], vec![3], 0)
        );
        let before = (vec![1_u8, 2], vec![3_u8], OldCounts::default(), 7_u64);
        let bytes = postcard::to_extend(&before, vec![WITHOUT_TALLIES]).unwrap();
        let read = Snapshot::decode(&bytes).unwrap();
        assert_eq!((read.config, read.tallies), (7, Tallies::default()));
        let tallies = Tallies {
            messages: 5,
            functions: Vec::new(),
        };
        let before = (vec![1_u8], vec![3_u8], OldCounts::default(), 7_u64, tallies);
        let bytes = postcard::to_extend(&before, vec![WITHOUT_REPORTS]).unwrap();
        let read = Snapshot::decode(&bytes).unwrap();
        assert_eq!((read.config, read.tallies.messages), (7, 5));
        assert_eq!(read.reports, ReportState::default());
    }
}
