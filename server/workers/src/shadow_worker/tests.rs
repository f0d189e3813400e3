//! The same updates give the same shadows, in any chunks and after any crash.

use weir_config::Shadows;
use weir_model::Timestamp;
use weir_shadow_document::report_payload;

use super::*;

const PREFIX: &str = "$aws/things";
const SECOND: i64 = 1_000_000_000;

/// Requests and reports of two devices, several in a second, with positions that
/// two of them share.
fn updates() -> Vec<ShadowUpdate> {
    let request = |device: &str, tail: &str, payload: &str| {
        ShadowCause::Request(ShadowRequest {
            client: "".into(),
            topic: format!("{PREFIX}/{device}/shadow/{tail}").into(),
            payload: payload.as_bytes().into(),
        })
    };
    let report = |device: &str, value: f64| {
        ShadowCause::Report(Request {
            thing: device.to_owned(),
            name: None,
            operation: Operation::Report,
            payload: report_payload(&[], 1, &[("temperature", value.into(), 1)]),
            publish: true,
        })
    };
    let mut updates = Vec::new();
    for nth in 0..24_u64 {
        let device = ["p1", "p2"][nth as usize % 2];
        let cause = match nth % 4 {
            0 => request(device, "update", r#"{"state": {"desired": {"on": true}}}"#),
            1 => request(device, "get", ""),
            2 if nth == 14 => request(device, "delete", ""),
            _ => report(device, nth as f64),
        };
        updates.push(ShadowUpdate {
            position: Position(10 * (nth / 2)),
            received: Timestamp((1_700_000_000 + nth as i64 / 4) * SECOND),
            cause,
        });
    }
    updates
}

/// A store in a folder of its own.
struct Opened {
    _folder: tempfile::TempDir,
    store: ShadowStore,
}

impl Opened {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shadows.redb");
        let store = ShadowStore::open(&path, &Shadows::default()).unwrap();
        Self {
            _folder: folder,
            store,
        }
    }

    /// Applies the journal in chunks of so many records; stops after `limit`
    /// transactions.
    fn replay(&self, records: usize, limit: usize) {
        let updates = updates();
        let mut applied = 0;
        let mut rest = &updates[..];
        while let Some(first) = rest.first() {
            let last = first.position.0 + 10 * (records as u64 - 1);
            let count = rest.partition_point(|update| update.position.0 <= last);
            let (chunk, behind) = rest.split_at(count);
            rest = behind;
            let end = Position(last + 10);
            for batch in batches(self.store.position(), end, chunk.to_vec()) {
                if applied == limit {
                    return;
                }
                applied += 1;
                let requests: Vec<Request> = batch.causes.into_iter().filter_map(read).collect();
                let millis = batch.second * 1_000;
                let answers = self.store.apply(Some(batch.end), &requests, millis);
                assert_eq!(answers.unwrap().len(), requests.len());
            }
        }
    }

    fn documents(&self) -> Vec<String> {
        let mut documents = Vec::new();
        self.store
            .for_each(|thing, name, document| {
                documents.push(format!("{thing} {name} {document:?}"));
            })
            .unwrap();
        documents
    }
}

fn read(cause: ShadowCause) -> Option<Request> {
    match cause {
        ShadowCause::Report(report) => Some(report),
        ShadowCause::Request(request) => read_request(PREFIX, &request),
    }
}

#[test]
fn a_replay_in_any_chunks_gives_the_same_versions_and_documents() {
    let whole = Opened::new();
    whole.replay(100, usize::MAX);
    assert_eq!(whole.documents().len(), 2);
    for records in 1..=12 {
        let opened = Opened::new();
        opened.replay(records, usize::MAX);
        assert_eq!(opened.documents(), whole.documents(), "chunks of {records}");
    }
}

#[test]
fn a_crash_after_any_transaction_changes_nothing() {
    let whole = Opened::new();
    whole.replay(100, usize::MAX);
    for crashed in 0..12 {
        let opened = Opened::new();
        opened.replay(3, crashed);
        // The next process reads the journal in other chunks, from the start.
        opened.replay(5, usize::MAX);
        let documents = opened.documents();
        assert_eq!(documents, whole.documents(), "crashed after {crashed}");
    }
}

#[test]
fn a_batch_ends_where_the_next_second_begins() {
    let updates = updates();
    let found = batches(Position(20), Position(200), updates);
    assert_eq!(found.first().map(|batch| batch.causes.len()), Some(4));
    let ends: Vec<u64> = found.iter().map(|batch| batch.end.0).collect();
    assert!(ends.is_sorted_by(|a, b| a < b), "{ends:?}");
    assert_eq!(ends.last(), Some(&200));
}
