//! The journal as its users see it, on a folder of the machine and on a disk
//! that can be made to misbehave.

mod behaviour;
mod damage;
mod files;
mod model;
mod support;

use std::sync::Arc;

use weir_disk::RealDisk;
use weir_model::Position;

use super::*;
use support::{Notified, drain, message, open, section};

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let journal = open(&disk, dir.path(), &section(), &["a"]);
    let notified = Notified::new();
    let appended = journal
        .append(&[message(1), message(2)], Some(&notified.listener()))
        .unwrap();
    notified.until(appended.end);
    assert_eq!(drain(&journal, Position(0)).numbers, [1, 2]);
    journal.close();

    let journal = open(&disk, dir.path(), &section(), &["a"]);
    assert_eq!(journal.committed(), appended.end);
    let next = journal.append(&[message(3)], None).unwrap();
    assert_eq!(next.first, appended.end);
    journal.wait_committed(next.end).unwrap();
    assert_eq!(drain(&journal, Position(0)).numbers, [1, 2, 3]);
    assert_eq!(journal.status().corrupt_records, 0);
}
