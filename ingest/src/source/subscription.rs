//! The subscriptions of a connection, and the broker's answers.
//!
//! A session that the broker kept still has its subscriptions; a new one has none.
//! So a connection subscribes to everything when the session is new, and once per
//! process also when it is not, because the routes may have changed. When they
//! change while Weir runs, removed topics are unsubscribed and new ones subscribed.
//! A refusal is reported, and requested again every minute: a broker does not
//! notify its clients of changed permissions.

use std::time::Duration;

use rumqttc::{Packet, QoS, SubAck, Subscribe, SubscribeFilter, SubscribeReasonCode, Unsubscribe};
use tokio::time::Instant;

use super::link::LinkError;

/// AWS IoT closes the connection on more in one packet.
const FILTERS_PER_PACKET: usize = 8;
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// Topic filters of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    /// Grows with each change.
    pub(super) revision: u64,
    /// The topics that are wanted, whether shared or not.
    pub(super) plain: Vec<String>,
    pub(super) wanted: Vec<String>,
    /// What the persistent session may still have of an earlier configuration: the
    /// same topics plain where they are shared now, or the other way round, which
    /// would deliver everything twice; and topics that are no longer wanted.
    pub(super) outdated: Vec<String>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Subscription {
    filters: Filters,
    /// SUBSCRIBEs without an answer: packet id and filters.
    open: Vec<(u16, Vec<String>)>,
    /// UNSUBSCRIBEs without an answer.
    leaving: Vec<u16>,
    last_pkid: u16,
    refused: Vec<String>,
    ask_again_at: Option<Instant>,
    /// The broker has granted everything in this process.
    granted: bool,
}

impl Subscription {
    pub(super) fn new(filters: Filters) -> Self {
        Self {
            filters,
            open: Vec::new(),
            leaving: Vec::new(),
            last_pkid: 0,
            refused: Vec::new(),
            ask_again_at: None,
            granted: false,
        }
    }

    /// Whether a new connection must subscribe.
    pub(super) const fn is_needed(&self, session_present: bool) -> bool {
        !(session_present && self.granted)
    }

    /// The packets that subscribe to everything on a new connection.
    pub(super) fn ask(&mut self) -> Vec<Packet> {
        self.forget_answers();
        self.last_pkid = 0;
        self.refused.clear();
        let mut packets = Vec::new();
        let Filters {
            wanted, outdated, ..
        } = self.filters.clone();
        self.unsubscribe(&outdated, &mut packets);
        self.subscribe(&wanted, &mut packets);
        packets
    }

    /// Replaces the filters; returns the packets for a connected broker.
    pub(super) fn change(&mut self, new: Filters) -> Vec<Packet> {
        let old = std::mem::replace(&mut self.filters, new);
        let Filters {
            wanted, outdated, ..
        } = &mut self.filters;
        // What was to be unsubscribed before still is.
        for filter in old.outdated.iter().chain(&old.wanted) {
            if !wanted.contains(filter) && !outdated.contains(filter) {
                outdated.push(filter.clone());
            }
        }
        let minus = |a: &[String], b: &[String]| -> Vec<String> {
            a.iter()
                .filter(|filter| !b.contains(filter))
                .cloned()
                .collect()
        };
        let gone = minus(&old.wanted, wanted);
        let new = minus(wanted, &old.wanted);
        self.refused.retain(|filter| !gone.contains(filter));
        self.granted &= new.is_empty();
        let mut packets = Vec::new();
        self.unsubscribe(&gone, &mut packets);
        self.subscribe(&new, &mut packets);
        packets
    }

    /// Every request is answered.
    pub(super) const fn is_settled(&self) -> bool {
        self.open.is_empty() && self.leaving.is_empty()
    }

    /// A SUBSCRIBE is not answered yet.
    pub(super) const fn is_asking(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) const fn revision(&self) -> u64 {
        self.filters.revision
    }

    /// The filters that the broker did not grant.
    pub(super) fn refused(&self) -> &[String] {
        &self.refused
    }

    /// The connection has ended, and with it the open requests.
    pub(super) fn forget_answers(&mut self) {
        self.granted &= self.is_settled();
        self.open.clear();
        self.leaving.clear();
    }

    /// The packets that request refused filters again, when it is time.
    pub(super) fn ask_again(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        if self.ask_again_at.is_some_and(|at| at <= Instant::now()) {
            let refused = std::mem::take(&mut self.refused);
            self.subscribe(&refused, &mut packets);
        }
        packets
    }

    fn unsubscribe(&mut self, filters: &[String], packets: &mut Vec<Packet>) {
        for topics in filters.chunks(FILTERS_PER_PACKET) {
            let pkid = self.next_pkid();
            self.leaving.push(pkid);
            packets.push(Packet::Unsubscribe(Unsubscribe {
                pkid,
                topics: topics.to_vec(),
            }));
        }
    }

    fn subscribe(&mut self, filters: &[String], packets: &mut Vec<Packet>) {
        for chunk in filters.chunks(FILTERS_PER_PACKET) {
            let filter = |path: &String| SubscribeFilter::new(path.clone(), QoS::AtLeastOnce);
            let mut subscribe = Subscribe::new_many(chunk.iter().map(filter));
            subscribe.pkid = self.next_pkid();
            self.open.push((subscribe.pkid, chunk.to_vec()));
            packets.push(Packet::Subscribe(subscribe));
        }
        if !filters.is_empty() {
            self.ask_again_at = None;
        }
    }

    /// Zero is no packet id (MQTT 3.1.1, section 2.3.1).
    fn next_pkid(&mut self) -> u16 {
        self.last_pkid = self.last_pkid.checked_add(1).unwrap_or(1);
        self.last_pkid
    }

    /// Handles the answer to an UNSUBSCRIBE. An unknown one is ignored.
    pub(super) fn on_unsuback(&mut self, pkid: u16) {
        self.leaving.retain(|leaving| *leaving != pkid);
    }

    /// Handles an answer. After the last one: the filters that are refused, or granted
    /// at QoS 0 only, where the broker would not wait for the journal.
    ///
    /// # Errors
    /// It answers no open request.
    pub(super) fn on_suback(&mut self, suback: &SubAck) -> Result<Option<&[String]>, LinkError> {
        let answers = |(pkid, filters): &(u16, Vec<String>)| {
            *pkid == suback.pkid && filters.len() == suback.return_codes.len()
        };
        let ix = self
            .open
            .iter()
            .position(answers)
            .ok_or(LinkError::Unexpected)?;
        let (_, filters) = self.open.swap_remove(ix);
        for (filter, code) in filters.into_iter().zip(&suback.return_codes) {
            use QoS::{AtLeastOnce, ExactlyOnce};
            if !matches!(
                code,
                SubscribeReasonCode::Success(AtLeastOnce | ExactlyOnce)
            ) {
                self.refused.push(filter);
            }
        }
        if !self.open.is_empty() {
            return Ok(None);
        }
        self.granted = self.refused.is_empty();
        self.ask_again_at = (!self.granted).then(|| Instant::now() + ASK_AGAIN);
        Ok(Some(&self.refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(prefix: &str, count: usize) -> Vec<String> {
        (0..count).map(|n| format!("{prefix}/{n}")).collect()
    }

    fn granted(packet: &Packet) -> Option<SubAck> {
        let Packet::Subscribe(subscribe) = packet else {
            return None;
        };
        let codes = subscribe
            .filters
            .iter()
            .map(|f| SubscribeReasonCode::Success(f.qos));
        Some(SubAck::new(subscribe.pkid, codes.collect()))
    }

    #[test]
    fn many_filters_are_asked_for_in_packets_of_eight_with_ids_of_their_own() {
        let outdated = filters("old", 9);
        let mut subscription = Subscription::new(Filters {
            wanted: filters("new", 17),
            outdated,
            ..Filters::default()
        });
        let packets = subscription.ask();
        let subacks: Vec<SubAck> = packets.iter().filter_map(granted).collect();
        assert_eq!((packets.len(), subacks.len()), (5, 3));
        let lengths: Vec<usize> = subacks.iter().map(|s| s.return_codes.len()).collect();
        assert_eq!(lengths, [8, 8, 1]);
        assert_eq!(
            subacks.iter().map(|s| s.pkid).collect::<Vec<_>>(),
            [3, 4, 5]
        );
        // Answers in any order; none of them twice.
        assert!(subscription.on_suback(&subacks[2]).unwrap().is_none());
        assert!(subscription.on_suback(&subacks[2]).is_err());
        assert!(subscription.on_suback(&subacks[0]).unwrap().is_none());
        assert!(subscription.is_needed(true));
        assert_eq!(subscription.on_suback(&subacks[1]).unwrap(), Some(&[][..]));
        assert!(!subscription.is_needed(true) && subscription.is_needed(false));
    }

    fn topics(packet: &Packet) -> (bool, Vec<String>) {
        match packet {
            Packet::Subscribe(packet) => {
                let paths = packet.filters.iter().map(|filter| filter.path.clone());
                (true, paths.collect())
            }
            Packet::Unsubscribe(packet) => (false, packet.topics.clone()),
            other => panic!("neither asks nor leaves: {other:?}"),
        }
    }

    #[test]
    fn a_change_asks_for_what_is_new_and_leaves_what_is_gone() {
        let wanting = |wanted: &[&str]| Filters {
            wanted: wanted.iter().map(|filter| (*filter).to_owned()).collect(),
            ..Filters::default()
        };
        let mut subscription = Subscription::new(wanting(&["a", "b"]));
        let suback = granted(&subscription.ask()[0]).unwrap();
        subscription.on_suback(&suback).unwrap();
        assert!(subscription.is_settled() && !subscription.is_needed(true));
        assert_eq!(subscription.change(wanting(&["a", "b"])), []);

        let packets = subscription.change(wanting(&["b", "c"]));
        let reported: Vec<_> = packets.iter().map(topics).collect();
        assert_eq!(
            reported,
            [(false, vec!["a".into()]), (true, vec!["c".into()])]
        );
        subscription.on_unsuback(2);
        assert!(!subscription.is_settled());
        let suback = granted(&packets[1]).unwrap();
        assert_eq!(suback.pkid, 3);
        subscription.on_suback(&suback).unwrap();
        assert!(subscription.is_settled() && !subscription.is_needed(true));

        // A connection that ends before the answer asks and leaves once more.
        let packets = subscription.change(wanting(&["c"]));
        assert_eq!(packets.len(), 1);
        subscription.forget_answers();
        assert!(subscription.is_needed(true));
        let reported: Vec<_> = subscription.ask().iter().map(topics).collect();
        let left = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(reported, [(false, left), (true, vec!["c".into()])]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_filter_is_asked_for_again_after_a_minute_and_only_that() {
        let filters = Filters {
            wanted: filters("new", 2),
            ..Filters::default()
        };
        let mut subscription = Subscription::new(filters);
        subscription.ask();
        let codes = vec![
            SubscribeReasonCode::Failure,
            SubscribeReasonCode::Success(QoS::AtLeastOnce),
        ];
        let refused = subscription.on_suback(&SubAck::new(1, codes)).unwrap();
        assert_eq!(refused, Some(&["new/0".to_owned()][..]));
        assert_eq!(subscription.ask_again(), []);
        tokio::time::sleep(ASK_AGAIN).await;
        let packets = subscription.ask_again();
        let suback = granted(&packets[0]).unwrap();
        assert_eq!((packets.len(), suback.return_codes.len()), (1, 1));
        assert_eq!(subscription.on_suback(&suback).unwrap(), Some(&[][..]));
        assert_eq!(subscription.ask_again(), []);
    }
}
