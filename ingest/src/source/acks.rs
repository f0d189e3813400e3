//! The acknowledgements that a connection owes to its broker.
//!
//! Acknowledgements are sent in the order of receipt and never before the commit
//! (MQTT 3.1.1, section 4.6). They belong to one connection: packet ids are
//! assigned again after a reconnect, and an id of the old connection would then
//! acknowledge a message that is not durable. [`OwedAcks`] is emptied with the
//! connection, so no id outlives it; a later commit finds nothing to acknowledge.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rumqttc::{Packet, PubAck, PubRec, Publish, QoS};
use tokio::sync::Notify;
use weir_journal::{CommitListener, Ticket};
use weir_model::Position;

/// The first answer to a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ack {
    PubAck(u16),
    PubRec(u16),
}

impl Ack {
    /// `None` at QoS 0.
    pub(super) fn of(publish: &Publish) -> Option<Self> {
        match publish.qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce => Some(Self::PubAck(publish.pkid)),
            QoS::ExactlyOnce => Some(Self::PubRec(publish.pkid)),
        }
    }

    fn packet(self) -> Packet {
        match self {
            Self::PubAck(pkid) => Packet::PubAck(PubAck::new(pkid)),
            Self::PubRec(pkid) => Packet::PubRec(PubRec::new(pkid)),
        }
    }
}

/// Acknowledgements of one connection, in the order of receipt.
#[derive(Debug, Default)]
pub(super) struct OwedAcks {
    acks: VecDeque<Ack>,
    /// Per append: the ticket behind it, and the number of its acks.
    appends: VecDeque<(Ticket, usize)>,
}

impl OwedAcks {
    /// Adds the acknowledgements of one append, which ends at `end`.
    pub(super) fn add(&mut self, acks: impl Iterator<Item = Ack>, end: Ticket) {
        let before = self.acks.len();
        self.acks.extend(acks);
        let added = self.acks.len() - before;
        if added > 0 {
            self.appends.push_back((end, added));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.acks.len()
    }

    /// How many of the oldest are due, when everything before `committed` is
    /// committed.
    pub(super) fn settle(&mut self, committed: Ticket) -> usize {
        let mut due = 0;
        while let Some(&(end, count)) = self.appends.front()
            && end <= committed
        {
            due += count;
            self.appends.pop_front();
        }
        due
    }

    /// Removes the oldest, as packets.
    pub(super) fn take(&mut self, due: usize) -> impl Iterator<Item = Packet> {
        self.acks.drain(..due).map(Ack::packet)
    }

    /// The connection has ended, and its packet ids with it.
    pub(super) fn clear(&mut self) {
        self.acks.clear();
        self.appends.clear();
    }
}

/// How the journal's thread notifies a connection's task.
#[derive(Debug, Default)]
pub(super) struct CommitSignal {
    committed: AtomicU64,
    failed: AtomicBool,
    changed: Notify,
}

impl CommitSignal {
    /// Everything that this connection appended before it is committed.
    pub(super) fn committed(&self) -> Ticket {
        Position(self.committed.load(Ordering::Acquire))
    }

    /// What is not committed yet never will be.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Resolves after a change since it last resolved. Can be cancelled.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl CommitListener for CommitSignal {
    fn committed(&self, ticket: Ticket) {
        self.committed.fetch_max(ticket.0, Ordering::Release);
        self.changed.notify_one();
    }

    fn failed(&self) {
        self.failed.store(true, Ordering::Release);
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acks_fall_due_by_append_in_order_and_qos_0_owes_nothing() {
        let mut owed = OwedAcks::default();
        owed.add([Ack::PubAck(7), Ack::PubRec(8)].into_iter(), Position(10));
        owed.add(std::iter::empty(), Position(20));
        owed.add([Ack::PubAck(9)].into_iter(), Position(30));
        assert_eq!(owed.settle(Position(9)), 0);
        assert_eq!(owed.settle(Position(29)), 2);
        let packets: Vec<Packet> = owed.take(2).collect();
        assert_eq!(
            packets,
            [
                Packet::PubAck(PubAck::new(7)),
                Packet::PubRec(PubRec::new(8))
            ]
        );
        assert_eq!((owed.len(), owed.settle(Position(30))), (1, 1));
    }

    #[test]
    fn a_commit_after_the_connection_was_lost_acknowledges_nothing() {
        let mut owed = OwedAcks::default();
        owed.add([Ack::PubAck(7)].into_iter(), Position(10));
        owed.clear();
        assert_eq!(owed.settle(Position(10)), 0);
    }
}
