//! What a connection is subscribed to, and what the broker says to it.
//!
//! A session that the broker kept has its subscriptions still; one that it did
//! not keep has none, whatever was asked before. So everything is asked for
//! when the session is new, and once per process also when it is not, because
//! the routes may have changed. A refusal is told and asked again every minute:
//! permissions at a broker are mended without a word to its clients.

use std::time::Duration;

use rumqttc::{Packet, QoS, SubAck, Subscribe, SubscribeFilter, SubscribeReasonCode, Unsubscribe};
use tokio::time::Instant;

use super::link::LinkError;

/// AWS IoT closes the connection on more in one packet.
const FILTERS_PER_PACKET: usize = 8;
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// Topic filters of one connection.
#[derive(Clone, Debug)]
pub(super) struct Filters {
    pub(super) wanted: Vec<String>,
    /// The same topics as an earlier configuration of this client id would have
    /// them: plain where they now are shared, or the other way round. Left in
    /// the persistent session they would deliver everything twice.
    pub(super) outdated: Vec<String>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Subscription {
    filters: Filters,
    /// SUBSCRIBEs without an answer: packet id and filters.
    open: Vec<(u16, Vec<String>)>,
    refused: Vec<String>,
    ask_again_at: Option<Instant>,
    /// This process has seen everything granted.
    granted: bool,
}

impl Subscription {
    pub(super) fn new(filters: Filters) -> Self {
        let (open, refused) = (Vec::new(), Vec::new());
        Self {
            filters,
            open,
            refused,
            ask_again_at: None,
            granted: false,
        }
    }

    /// Whether a new connection has to ask.
    pub(super) const fn is_needed(&self, session_present: bool) -> bool {
        !(session_present && self.granted)
    }

    /// The packets that ask for everything.
    pub(super) fn ask(&mut self) -> Vec<Packet> {
        self.open.clear();
        self.refused.clear();
        let mut packets = Vec::new();
        for (topics, pkid) in self.filters.outdated.chunks(FILTERS_PER_PACKET).zip(1..) {
            packets.push(Packet::Unsubscribe(Unsubscribe {
                pkid,
                topics: topics.to_vec(),
            }));
        }
        let wanted = self.filters.wanted.clone();
        self.subscribe(&wanted, &mut packets);
        packets
    }

    /// The packets that ask again for what was refused, once it is time.
    pub(super) fn ask_again(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        if self.ask_again_at.is_some_and(|at| at <= Instant::now()) {
            let refused = std::mem::take(&mut self.refused);
            self.subscribe(&refused, &mut packets);
        }
        packets
    }

    fn subscribe(&mut self, filters: &[String], packets: &mut Vec<Packet>) {
        self.ask_again_at = None;
        let first = u16::try_from(packets.len() + 1).unwrap_or(1);
        for (chunk, pkid) in filters.chunks(FILTERS_PER_PACKET).zip(first..) {
            let filter = |path: &String| SubscribeFilter::new(path.clone(), QoS::AtLeastOnce);
            let mut subscribe = Subscribe::new_many(chunk.iter().map(filter));
            subscribe.pkid = pkid;
            self.open.push((pkid, chunk.to_vec()));
            packets.push(Packet::Subscribe(subscribe));
        }
    }

    /// Takes an answer. Once all are here: the filters that are refused, or
    /// granted at QoS 0 only, where the broker would not wait for the journal.
    ///
    /// # Errors
    /// It answers nothing that was asked.
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

    #[tokio::test(start_paused = true)]
    async fn a_refused_filter_is_asked_for_again_after_a_minute_and_only_that() {
        let filters = Filters {
            wanted: filters("new", 2),
            outdated: Vec::new(),
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
