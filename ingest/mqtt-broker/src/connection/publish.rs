//! PUBLISH and PUBREL from a client.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use weir_mqtt_codec::{AckKind, DecodeError, Publish, ReasonCode, put_ack};

use super::{Connection, Fault};
use crate::batch::Flags;
use crate::log_text::shown;
use crate::message::{Published, split_properties};
use crate::session::Received;
use crate::time::Time;

impl Connection {
    pub(super) fn publish(&mut self, now: Time, publish: Publish<'_>) -> Result<(), Fault> {
        let alias = self.resolve_alias(&publish)?;
        let topic = alias.as_deref().unwrap_or(publish.topic);
        if publish.qos == 0 {
            return self.publish_qos0(now, &publish, topic);
        }
        let is_repeated = publish.qos == 2 && self.is_repeated(publish.packet_id);
        let reason = match is_repeated {
            true => ReasonCode::Success,
            false => {
                self.take_place()?;
                self.take(now, &publish, topic)?
            }
        };
        let kind = match publish.qos {
            1 => AckKind::PubAck,
            _ => AckKind::PubRec,
        };
        // In MQTT 5 a QoS 2 publish keeps its place in the window until PUBCOMP,
        // unless it is refused. Others are only kept from sending too fast.
        let is_over = publish.qos == 1 || reason.is_error() || !self.version.is_v5();
        let (id, version) = (publish.packet_id, self.version);
        let returned = usize::from(is_over && !is_repeated);
        self.gate
            .add(returned, |out| put_ack(kind, id, reason, version, out));
        Ok(())
    }

    /// Takes a place in the window.
    fn take_place(&mut self) -> Result<(), Fault> {
        if !self.has_window() {
            let detail = "more publishes than the receive maximum";
            return Err(DecodeError::new(ReasonCode::ReceiveMaximumExceeded, detail).into());
        }
        self.unacknowledged += 1;
        Ok(())
    }

    /// The topic of an alias, if the packet has no topic itself.
    fn resolve_alias(&mut self, publish: &Publish<'_>) -> Result<Option<Arc<str>>, Fault> {
        if publish.properties.is_empty() {
            return Ok(None);
        }
        let Some(alias) = publish.topic_alias() else {
            return Ok(None);
        };
        const INVALID: DecodeError = DecodeError::new(
            ReasonCode::TopicAliasInvalid,
            "topic alias out of range or unknown",
        );
        if alias > self.shared.settings.topic_aliases {
            return Err(INVALID.into());
        }
        let index = usize::from(alias) - 1;
        if publish.topic.is_empty() {
            let known = self.aliases.get(index).cloned().flatten();
            return known.map(Some).ok_or(INVALID.into());
        }
        if self.aliases.len() <= index {
            self.aliases.resize(index + 1, None);
        }
        self.aliases[index] = Some(publish.topic.into());
        Ok(None)
    }

    fn is_repeated(&mut self, packet_id: u16) -> bool {
        if self.batch.qos2.contains(&packet_id) {
            return true;
        }
        let Some(client) = &self.client else {
            return false;
        };
        if !client.session.has_received(packet_id) {
            return false;
        }
        let received = client.session.receive(packet_id, self.link.id);
        if received == Received::Again && self.version.is_v5() {
            // On this connection it is new, and takes a place in the window.
            self.unacknowledged += 1;
        }
        true
    }

    fn may_publish(&self, topic: &str) -> bool {
        self.client
            .as_ref()
            .is_some_and(|client| client.permissions.may_publish(topic))
    }

    fn publish_qos0(&mut self, now: Time, publish: &Publish<'_>, topic: &str) -> Result<(), Fault> {
        if !self.may_publish(topic) {
            self.note_refusal(topic);
            return Ok(());
        }
        let is_accepted = self.shared.routes.accepts(topic);
        if is_accepted || publish.retain {
            self.push(now, publish, topic, is_accepted);
            return Ok(());
        }
        let mut properties = Vec::new();
        let expires = split_properties(publish.properties, now, &mut properties);
        let published = Published {
            topic,
            payload: publish.payload,
            properties: &properties,
            qos: 0,
            retain: false,
            expires,
            publisher: self
                .client
                .as_ref()
                .map_or(0, |client| client.session.number),
        };
        self.shared.route_now(&published, &mut self.scratch);
        self.scratch.wake_all();
        Ok(())
    }

    /// Adds a QoS 1 or 2 publish to the batch; the reason code to answer.
    fn take(&mut self, now: Time, publish: &Publish<'_>, topic: &str) -> Result<ReasonCode, Fault> {
        if !self.may_publish(topic) {
            self.note_refusal(topic);
            if self.closes_on_refusal() {
                let detail = "publish to a topic that is not the client's";
                return Err(DecodeError::new(ReasonCode::NotAuthorized, detail).into());
            }
            return Ok(ReasonCode::NotAuthorized);
        }
        let is_accepted = self.shared.routes.accepts(topic);
        let mut reason = ReasonCode::Success;
        if self.version.is_v5() && !is_accepted {
            reason = self.look_for_takers(publish, topic);
            if reason.is_error() {
                self.shared
                    .counters
                    .not_retained
                    .fetch_add(1, Ordering::Relaxed);
                return Ok(reason);
            }
        }
        self.push(now, publish, topic, is_accepted);
        Ok(reason)
    }

    /// Before MQTT 5 there is no way to say no. Mosquitto's bridges publish their
    /// state below `$SYS/`, which no broker has to take: they stay connected.
    fn closes_on_refusal(&self) -> bool {
        let is_bridge = self.client.as_ref().is_some_and(|client| client.is_bridge);
        !self.version.is_v5() && !is_bridge && self.shared.settings.close_on_refused_publish
    }

    /// Whether anybody takes what no route takes.
    fn look_for_takers(&self, publish: &Publish<'_>, topic: &str) -> ReasonCode {
        let router = self.shared.router.read();
        if publish.retain {
            let size = topic.len() + publish.properties.as_bytes().len() + publish.payload.len();
            let is_kept = publish.payload.is_empty() || router.retained.has_room(topic, size);
            return match is_kept {
                true => ReasonCode::Success,
                false => ReasonCode::QuotaExceeded,
            };
        }
        match router.has_subscriber(topic) {
            true => ReasonCode::Success,
            false => ReasonCode::NoMatchingSubscribers,
        }
    }

    fn push(&mut self, now: Time, publish: &Publish<'_>, topic: &str, is_accepted: bool) {
        let start = self.batch.bytes();
        let bytes = self.batch.begin(topic);
        let expires = match publish.properties.is_empty() {
            true => Time::NEVER,
            false => split_properties(publish.properties, now, bytes),
        };
        let flags = Flags {
            retain: publish.retain,
            duplicate: publish.dup,
            is_accepted,
            is_will: false,
        };
        self.batch.push(
            start,
            topic.len(),
            publish.payload,
            publish.qos,
            flags,
            publish.packet_id,
            expires,
        );
    }

    /// PUBREL: the identifier may be used again.
    pub(super) fn release(&mut self, packet_id: u16) -> Result<(), Fault> {
        let Some(client) = &self.client else {
            return Ok(());
        };
        let released = match self.batch.qos2.iter().position(|id| *id == packet_id) {
            // Released before it was acknowledged: the session need not know it.
            Some(index) => {
                self.batch.qos2.swap_remove(index);
                Some(self.link.id)
            }
            None => client.session.release(packet_id),
        };
        let reason = match released {
            Some(_) => ReasonCode::Success,
            None => ReasonCode::PacketIdentifierNotFound,
        };
        self.batch.push_released(packet_id);
        let returned = usize::from(self.version.is_v5() && released == Some(self.link.id));
        let version = self.version;
        self.gate.add(returned, |out| {
            put_ack(AckKind::PubComp, packet_id, reason, version, out)
        });
        Ok(())
    }

    fn note_refusal(&self, topic: &str) {
        let counters = &self.shared.counters;
        counters.refused_publishes.fetch_add(1, Ordering::Relaxed);
        let is_bridge = self.client.as_ref().is_some_and(|client| client.is_bridge);
        if is_bridge && topic.starts_with("$SYS/broker/connection/") {
            // Each bridge of Mosquitto publishes its state there when it connects.
            return;
        }
        if let Some(suppressed) = self.shared.refusal_log.admit() {
            let (client_id, topic) = (self.client_id(), shown(topic));
            let (peer, identity) = (self.origin.address, self.identity());
            tracing::warn!(security = true, %peer, client_id, identity, topic, suppressed, "refused a client: it may not publish to this topic");
        }
    }
}
