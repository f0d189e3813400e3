//! What the recorder is asked to make durable.

use weir_model::QuarantineEntry;
use weir_model::{Alert, Position};

#[derive(Debug)]
pub(crate) enum RecorderCommand {
    /// What a chunk that ends at `position` decided.
    Record {
        position: Position,
        alerts: Vec<Alert>,
        quarantined: Vec<QuarantineEntry>,
    },
    /// An alarm of Weir itself; it has no position.
    Operational(Box<Alert>),
    /// What a reload at `position` cleared.
    Cleared {
        position: Position,
        alerts: Vec<Alert>,
    },
    /// The alarms that are open after the replay of everything before `position`.
    Reconcile {
        position: Position,
        open: Vec<Alert>,
    },
    /// Tell [`crate::progress::Progress`] once everything before is durable.
    Barrier(Position),
    /// Every publisher has delivered the alert of this id.
    Delivered(String),
    /// The last command that counts.
    Stop,
}
