//! From CONNECT to CONNACK.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use weir_mqtt_codec::{
    ConnAck, Connect, DecodeError, Frame, Packet, Peer as From, Properties, Property,
    PropertyBuffer, ReasonCode, Version,
};

use super::{Client, Connection, Fault, Phase};
use crate::access::{Login, Permissions};
use crate::message::split_properties;
use crate::outbox::Peer;
use crate::router::{Opening, Will};
use crate::time::Time;

const CONNECT: u8 = 0x10;
/// Levels from here on are those of bridges.
const BRIDGE: u8 = 0x80;
const NOT_CONNECT: DecodeError = DecodeError::protocol("first packet that is not CONNECT");

/// Whatever does not begin as CONNECT is refused before the rest has come.
pub(super) fn check_first_byte(byte: u8) -> Result<(), DecodeError> {
    match byte {
        CONNECT => Ok(()),
        _ => Err(NOT_CONNECT),
    }
}

/// What a CONNECT asks for, while its sender is being identified.
#[derive(Debug)]
pub(super) struct PendingConnect {
    client_id: Arc<str>,
    is_assigned: bool,
    is_bridge: bool,
    clean_start: bool,
    keep_alive: u16,
    /// Seconds, as asked for.
    expiry: u32,
    receive_maximum: u16,
    max_packet: usize,
    topic_aliases: u16,
    will: Option<Will>,
}

impl Connection {
    /// Handles the first packet.
    pub(super) fn begin(&mut self, frame: Frame<'_>) -> Result<Login, Fault> {
        let connect = match Packet::decode(frame, self.version, From::Client) {
            Ok(Packet::Connect(connect)) => connect,
            Ok(_) => return Err(NOT_CONNECT.into()),
            Err(error) => {
                self.note_refusal_of(frame, error);
                return Err(error.into());
            }
        };
        self.version = connect.version;
        self.phase = Phase::Refused;
        let limit = self.shared.settings.max_client_id;
        let needs_id = connect.client_id.is_empty();
        let may_be_empty = match connect.version {
            Version::V31 => false,
            Version::V311 => connect.clean_start,
            Version::V5 => true,
        };
        if connect.client_id.len() > limit || needs_id && !may_be_empty {
            let detail = "client identifier that is empty or too long";
            return Err(DecodeError::new(ReasonCode::ClientIdentifierNotValid, detail).into());
        }
        let client_id: Arc<str> = match needs_id {
            true => self.assigned_id().into(),
            false => connect.client_id.into(),
        };
        let pending = self.pending(&connect, client_id.clone())?;
        self.phase = Phase::LoggingIn(Box::new(pending));
        Ok(Login {
            client_id,
            user_name: connect.user_name.map(str::to_owned),
            password: connect.password.map(<[u8]>::to_vec),
            origin: self.origin.clone(),
        })
    }

    /// A CONNECT that cannot be read is answered in the version that it names, if
    /// that can be read. MQTT 3.1.1 has an answer for an unknown level only.
    fn note_refusal_of(&mut self, frame: Frame<'_>, error: DecodeError) {
        let level = match frame.body {
            [0, 4, b'M', b'Q', b'T', b'T', level, ..] => *level,
            [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', level, ..] => *level,
            _ => return,
        };
        let is_v5 = (5..BRIDGE).contains(&level);
        self.version = if is_v5 { Version::V5 } else { Version::V311 };
        if is_v5 || error.reason == ReasonCode::UnsupportedProtocolVersion {
            self.phase = Phase::Refused;
        }
    }

    fn assigned_id(&self) -> String {
        // Unique within the process by the link, and over restarts by the time.
        format!("weir-{:x}-{:x}", self.shared.now().0, self.link.id)
    }

    fn pending(&self, connect: &Connect<'_>, client_id: Arc<str>) -> Result<PendingConnect, Fault> {
        let settings = &self.shared.settings;
        let mut pending = PendingConnect {
            client_id,
            is_assigned: connect.client_id.is_empty(),
            is_bridge: connect.is_bridge,
            clean_start: connect.clean_start,
            keep_alive: connect.keep_alive,
            expiry: match (connect.version, connect.clean_start) {
                (Version::V31 | Version::V311, false) => settings.session_expiry,
                _ => 0,
            },
            receive_maximum: u16::MAX,
            max_packet: usize::MAX,
            topic_aliases: 0,
            will: None,
        };
        for property in connect.properties.iter() {
            match property {
                Property::SessionExpiryInterval(expiry) => pending.expiry = expiry,
                Property::ReceiveMaximum(maximum) => pending.receive_maximum = maximum,
                Property::MaximumPacketSize(size) => pending.max_packet = size as usize,
                Property::TopicAliasMaximum(maximum) => pending.topic_aliases = maximum,
                Property::AuthenticationMethod(_) => {
                    let detail = "enhanced authentication is not supported";
                    return Err(
                        DecodeError::new(ReasonCode::BadAuthenticationMethod, detail).into(),
                    );
                }
                _ => {}
            }
        }
        pending.will = connect.will.as_ref().map(|will| {
            let mut properties = Vec::new();
            split_properties(will.properties, Time(0), &mut properties);
            let expiry = will.properties.iter().find_map(|property| match property {
                Property::MessageExpiryInterval(seconds) => Some(seconds),
                _ => None,
            });
            Will {
                topic: will.topic.into(),
                payload: will.payload.into(),
                properties: properties.into(),
                qos: will.qos,
                retain: will.retain,
                expiry,
                delay: will.delay(),
            }
        });
        Ok(pending)
    }

    /// The answer to a login: opens the session and queues CONNACK.
    pub(crate) fn admit(
        &mut self,
        now: Time,
        answer: Result<Arc<dyn Permissions>, ReasonCode>,
    ) -> Result<(), Fault> {
        let Phase::LoggingIn(pending) = std::mem::replace(&mut self.phase, Phase::Closed) else {
            return Ok(());
        };
        let opened = answer.and_then(|permissions| self.open(now, &pending, permissions));
        let present = match opened {
            Ok(present) => present,
            Err(reason) => {
                if matches!(
                    reason,
                    ReasonCode::NotAuthorized | ReasonCode::BadUserNameOrPassword
                ) {
                    self.shared
                        .counters
                        .refused_logins
                        .fetch_add(1, Ordering::Relaxed);
                }
                let mut refusal = Vec::new();
                self.put_refusal(reason, &mut refusal);
                self.immediate.append(&mut refusal);
                self.immediate_packets += 1;
                return Err(Fault::Refused(reason));
            }
        };
        self.phase = Phase::Open;
        let counters = &self.shared.counters;
        counters.admitted.fetch_add(1, Ordering::Relaxed);
        let keep_alive = self.keep_alive(&pending);
        self.link.set_patience(u64::from(keep_alive) * 1_500);
        self.link.seen(now);
        self.put_connack(&pending, keep_alive, present);
        Ok(())
    }

    fn open(
        &mut self,
        now: Time,
        pending: &PendingConnect,
        permissions: Arc<dyn Permissions>,
    ) -> Result<bool, ReasonCode> {
        let settings = &self.shared.settings;
        let expiry = pending.expiry.min(settings.max_session_expiry);
        let opening = Opening {
            client_id: pending.client_id.clone(),
            permissions: permissions.clone(),
            clean_start: pending.clean_start,
            expiry,
            will: pending.will.clone(),
            peer: Peer {
                link: self.link.clone(),
                version: self.version,
                window: pending.receive_maximum.min(settings.send_window),
                max_packet: pending.max_packet,
                topic_aliases: pending.topic_aliases.min(settings.topic_aliases),
            },
        };
        let opened = {
            let mut router = self.shared.router.write();
            let opened = router.open(now, opening);
            self.shared.count_subscriptions(&router);
            let most = &self.shared.counters.most_connected;
            most.fetch_max(router.connected(), Ordering::Relaxed);
            opened?
        };
        if let Some(will) = opened.will {
            self.shared.publish_will(will, now);
        }
        self.client = Some(Client {
            ix: opened.ix,
            session: opened.session,
            permissions,
            expiry,
            is_bridge: pending.is_bridge,
        });
        Ok(opened.present)
    }

    fn keep_alive(&self, pending: &PendingConnect) -> u16 {
        match pending.keep_alive {
            0 if self.version.is_v5() => self.shared.settings.server_keep_alive,
            keep_alive => keep_alive,
        }
    }

    fn put_connack(&mut self, pending: &PendingConnect, keep_alive: u16, present: bool) {
        let settings = &self.shared.settings;
        let mut properties = PropertyBuffer::new();
        if self.version.is_v5() {
            let max_packet = u32::try_from(settings.max_packet).unwrap_or(u32::MAX);
            let mut push = |property| {
                // Numbers, and an identifier of a few characters.
                let _ = properties.push(property);
            };
            push(Property::ReceiveMaximum(settings.receive_maximum.max(1)));
            push(Property::MaximumPacketSize(max_packet));
            push(Property::TopicAliasMaximum(settings.topic_aliases));
            if pending.expiry > settings.max_session_expiry {
                push(Property::SessionExpiryInterval(settings.max_session_expiry));
            }
            if pending.is_assigned {
                push(Property::AssignedClientIdentifier(&pending.client_id));
            }
            if keep_alive != pending.keep_alive {
                push(Property::ServerKeepAlive(keep_alive));
            }
        }
        let connack = ConnAck {
            session_present: present,
            reason: ReasonCode::Success,
            properties: properties.as_properties(),
        };
        self.put_immediate(&Packet::ConnAck(connack));
    }

    pub(super) fn put_refusal(&self, reason: ReasonCode, out: &mut Vec<u8>) {
        let connack = ConnAck {
            session_present: false,
            reason,
            properties: Properties::EMPTY,
        };
        let _ = Packet::ConnAck(connack).encode(self.version, out);
    }
}
