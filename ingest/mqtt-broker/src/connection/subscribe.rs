//! SUBSCRIBE and UNSUBSCRIBE.
//!
//! Subscriptions of a session that outlives its connection take effect in the
//! order of the log, and are acknowledged then. Others take effect at once.

use std::sync::atomic::Ordering;

use weir_mqtt_codec::{
    Packet, Properties, ReasonCode, SubAck, Subscribe, SubscriptionOptions, Unsubscribe,
};

use super::{Client, Connection, Fault};
use crate::broker::Work;
use crate::commit_log::{AppendError, Record};
use crate::log_text::shown;

impl Connection {
    pub(super) fn subscribe(&mut self, subscribe: Subscribe<'_>) -> Result<(), Fault> {
        let Some(client) = &self.client else {
            return Ok(());
        };
        let id = subscribe.subscription_id().unwrap_or(0);
        let mut codes = Vec::new();
        let mut granted: Vec<(Box<str>, _)> = Vec::new();
        let mut added = 0;
        for (filter, options) in subscribe.filters.iter() {
            let options = adapt(options, client.is_bridge);
            let is_here = granted.iter().any(|(other, _)| **other == *filter);
            let reason = self.check(client, filter, options, is_here, &mut added);
            codes.push(reason as u8);
            if !reason.is_error() {
                granted.push((Box::<str>::from(filter), options));
            }
        }
        let (ix, session) = (client.ix, client.session.clone());
        let suback = SubAck {
            packet_id: subscribe.packet_id,
            properties: Properties::EMPTY,
            codes: &codes,
        };
        if client.expiry == 0 {
            for (filter, options) in &granted {
                self.shared
                    .subscribe(ix, session.number, filter, *options, id);
            }
            self.put_immediate(&Packet::SubAck(suback));
            return Ok(());
        }
        let records: Vec<_> = granted
            .iter()
            .map(|(filter, options)| Record::Subscribed {
                session: session.number,
                client_id: &session.client_id,
                filter,
                options: *options,
                id,
            })
            .collect();
        let work = Work::Subscribe {
            ix,
            session: session.number,
            filters: granted.clone(),
            id,
        };
        self.append_change(&records, work, &Packet::SubAck(suback))
    }

    pub(super) fn unsubscribe(&mut self, unsubscribe: Unsubscribe<'_>) -> Result<(), Fault> {
        let Some(client) = &self.client else {
            return Ok(());
        };
        let (ix, session) = (client.ix, client.session.clone());
        let filters: Vec<_> = unsubscribe.filters.iter().map(Box::<str>::from).collect();
        let code = |existed| match existed {
            true => ReasonCode::Success as u8,
            false => ReasonCode::NoSubscriptionExisted as u8,
        };
        let is_immediate = client.expiry == 0;
        let codes: Vec<u8> = match is_immediate {
            true => {
                let end = |filter| self.shared.unsubscribe(ix, session.number, filter);
                filters.iter().map(|filter| code(end(filter))).collect()
            }
            false => {
                let router = self.shared.router.read();
                let exists = |filter| router.has_subscription(ix, filter).1;
                filters.iter().map(|filter| code(exists(filter))).collect()
            }
        };
        let unsuback = SubAck {
            packet_id: unsubscribe.packet_id,
            properties: Properties::EMPTY,
            codes: &codes,
        };
        if is_immediate {
            self.put_immediate(&Packet::UnsubAck(unsuback));
            return Ok(());
        }
        let records: Vec<_> = filters
            .iter()
            .map(|filter| Record::Unsubscribed {
                session: session.number,
                client_id: &session.client_id,
                filter,
            })
            .collect();
        let work = Work::Unsubscribe {
            ix,
            session: session.number,
            filters: filters.clone(),
        };
        self.append_change(&records, work, &Packet::UnsubAck(unsuback))
    }

    /// Appends a change of subscriptions; `answer` waits for its commit.
    fn append_change(
        &mut self,
        records: &[Record<'_>],
        work: Work,
        answer: &Packet<'_>,
    ) -> Result<(), Fault> {
        let end = match self.shared.append_change(records, work, &self.link) {
            Ok(end) => end,
            Err(AppendError::NoRoom) => {
                // Rare, and the client can try again: nothing has changed.
                return self.refuse_change(answer);
            }
            Err(AppendError::Failed) => return Err(Fault::LogFailed),
        };
        let version = self.version;
        self.gate.add(0, |out| {
            let _ = answer.encode(version, out);
        });
        self.gate.seal(end, &self.shared.counters.held_bytes);
        Ok(())
    }

    fn refuse_change(&mut self, answer: &Packet<'_>) -> Result<(), Fault> {
        let (Packet::SubAck(ack) | Packet::UnsubAck(ack)) = answer else {
            return Ok(());
        };
        let codes = vec![ReasonCode::ImplementationSpecificError as u8; ack.codes.len()];
        let ack = SubAck {
            codes: &codes,
            ..*ack
        };
        let refusal = match answer {
            Packet::SubAck(_) => Packet::SubAck(ack),
            _ => Packet::UnsubAck(ack),
        };
        self.put_immediate(&refusal);
        Ok(())
    }

    fn check(
        &self,
        client: &Client,
        filter: &str,
        options: SubscriptionOptions,
        is_here: bool,
        added: &mut usize,
    ) -> ReasonCode {
        if !client.permissions.may_subscribe(filter) {
            self.note_refused_filter(filter);
            return ReasonCode::NotAuthorized;
        }
        let (count, exists) = self
            .shared
            .router
            .read()
            .has_subscription(client.ix, filter);
        if !exists && !is_here {
            if count + *added >= self.shared.settings.max_subscriptions {
                return ReasonCode::QuotaExceeded;
            }
            *added += 1;
        }
        match options.qos {
            0 => ReasonCode::Success,
            1 => ReasonCode::GrantedQos1,
            _ => ReasonCode::GrantedQos2,
        }
    }

    fn note_refused_filter(&self, filter: &str) {
        let counters = &self.shared.counters;
        counters.refused_subscribes.fetch_add(1, Ordering::Relaxed);
        if let Some(suppressed) = self.shared.refusal_log.admit() {
            let (client_id, filter) = (self.client_id(), shown(filter));
            let (peer, identity) = (self.origin.address, self.identity());
            tracing::warn!(security = true, %peer, client_id, identity, filter, suppressed, "refused a client: it may not subscribe to this filter");
        }
    }
}

/// A bridge wants neither its own messages back nor the retain flag changed.
fn adapt(options: SubscriptionOptions, is_bridge: bool) -> SubscriptionOptions {
    match is_bridge {
        false => options,
        true => SubscriptionOptions {
            no_local: true,
            retain_as_published: true,
            ..options
        },
    }
}
