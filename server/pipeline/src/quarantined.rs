//! Copies of what was rejected, as the quarantine keeps them. The one use of the
//! store's entry type in this crate.

use weir_model::Message;
pub(crate) use weir_model::QuarantineEntry;

use crate::effects::Effects;

/// Adds an entry for each rejected reading that has none yet. The bytes of a
/// message are kept with its first rejected reading only, so that a message of
/// many bad readings is not multiplied.
pub(crate) fn copy_rejected(effects: &mut Effects, message: Option<&Message<'_>>, payload: &[u8]) {
    let Effects {
        batch, quarantined, ..
    } = effects;
    let known = quarantined.len();
    for (nth, rejected) in batch.quarantined[known..].iter().enumerate() {
        let payload = if nth == 0 { payload } else { &[] };
        quarantined.push(QuarantineEntry::new(rejected, message, payload));
    }
}
