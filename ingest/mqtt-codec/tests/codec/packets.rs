//! Valid packets of every kind and version.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use weir_mqtt_codec::*;

/// A packet as bytes, and how to read them.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) bytes: Vec<u8>,
    pub(crate) version: Version,
    pub(crate) from: Peer,
}

fn sample(packet: Packet<'_>, version: Version, from: Peer) -> Sample {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes).expect("a small packet");
    Sample {
        bytes,
        version,
        from,
    }
}

pub(crate) fn decode(sample: &Sample) -> Result<Packet<'_>, DecodeError> {
    match split(&sample.bytes, usize::MAX)? {
        Split::Packet(frame, len) if len == sample.bytes.len() => {
            Packet::decode(frame, sample.version, sample.from)
        }
        other => panic!("not one packet: {other:?}"),
    }
}

fn version() -> impl Strategy<Value = Version> {
    select(vec![Version::V31, Version::V311, Version::V5])
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,12}",
        "[^\u{0}]{0,8}",
        select(vec![
            "é/x".to_owned(),
            "\u{feff}".to_owned(),
            "\u{10ffff}".to_owned()
        ]),
    ]
}

fn topic() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z/]{1,20}", "[^\u{0}+#]{1,8}", "\\$SYS/[a-z]{1,4}"]
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![Just("+".to_owned()), "[a-z]{0,4}", "[^\u{0}+#/]{0,3}"];
    (vec(level, 1..5), any::<bool>(), option::of("[a-z]{1,4}")).prop_map(
        |(mut levels, hash, group)| {
            if hash {
                levels.push("#".to_owned());
            }
            let filter = levels.join("/");
            let filter = if filter.is_empty() {
                "a".to_owned()
            } else {
                filter
            };
            match group {
                Some(group) => format!("$share/{group}/{filter}"),
                None if filter_is_valid(&filter) => filter,
                None => "x".to_owned(),
            }
        },
    )
}

fn binary() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..12)
}

/// An owned property.
#[derive(Clone, Debug)]
enum Owned {
    Number(PropertyId, u32),
    Text(PropertyId, String),
    Bytes(Vec<u8>),
    User(String, String),
}

impl Owned {
    fn push(&self, buffer: &mut PropertyBuffer) {
        use PropertyId as Id;
        let property = match self {
            Self::User(key, value) => Property::UserProperty((key, value)),
            Self::Text(Id::ContentType, text) => Property::ContentType(text),
            Self::Text(Id::ResponseTopic, text) => Property::ResponseTopic(text),
            Self::Text(Id::ReasonString, text) => Property::ReasonString(text),
            Self::Text(Id::AssignedClientIdentifier, text) => {
                Property::AssignedClientIdentifier(text)
            }
            Self::Bytes(bytes) => Property::CorrelationData(bytes),
            Self::Number(Id::PayloadFormatIndicator, n) => {
                Property::PayloadFormatIndicator((n & 1) as u8)
            }
            Self::Number(Id::MessageExpiryInterval, n) => Property::MessageExpiryInterval(*n),
            Self::Number(Id::WillDelayInterval, n) => Property::WillDelayInterval(*n),
            Self::Number(Id::SessionExpiryInterval, n) => Property::SessionExpiryInterval(*n),
            Self::Number(Id::ReceiveMaximum, n) => Property::ReceiveMaximum((*n as u16).max(1)),
            Self::Number(Id::TopicAliasMaximum, n) => Property::TopicAliasMaximum(*n as u16),
            Self::Number(Id::TopicAlias, n) => Property::TopicAlias((*n as u16).max(1)),
            Self::Number(Id::MaximumPacketSize, n) => Property::MaximumPacketSize((*n).max(1)),
            Self::Number(Id::SubscriptionIdentifier, n) => {
                Property::SubscriptionIdentifier((*n & 0x0fff_ffff).max(1))
            }
            other => panic!("not used here: {other:?}"),
        };
        buffer.push(property).expect("a short property");
    }
}

fn number(id: PropertyId) -> BoxedStrategy<Vec<Owned>> {
    let value = prop_oneof![0..300_u32, any::<u32>()];
    vec(value.prop_map(move |n| Owned::Number(id, n)), 0..2).boxed()
}

fn string(id: PropertyId) -> BoxedStrategy<Vec<Owned>> {
    vec(text().prop_map(move |t| Owned::Text(id, t)), 0..2).boxed()
}

fn properties(parts: Vec<BoxedStrategy<Vec<Owned>>>) -> impl Strategy<Value = PropertyBuffer> {
    let user = vec((text(), text()).prop_map(|(k, v)| Owned::User(k, v)), 0..3);
    (parts, user, any::<bool>()).prop_map(|(mut parts, user, user_first)| {
        parts.insert(if user_first { 0 } else { parts.len() }, user);
        let mut buffer = PropertyBuffer::new();
        parts
            .iter()
            .flatten()
            .for_each(|owned| owned.push(&mut buffer));
        buffer
    })
}

fn message_properties(
    more: Vec<BoxedStrategy<Vec<Owned>>>,
) -> impl Strategy<Value = PropertyBuffer> {
    use PropertyId as Id;
    let response = vec(
        topic().prop_map(|t| Owned::Text(Id::ResponseTopic, t)),
        0..2,
    );
    let correlation = vec(binary().prop_map(Owned::Bytes), 0..2);
    let mut parts = vec![
        number(Id::PayloadFormatIndicator),
        number(Id::MessageExpiryInterval),
        string(Id::ContentType),
        response.boxed(),
        correlation.boxed(),
    ];
    parts.extend(more);
    properties(parts)
}

fn connect() -> impl Strategy<Value = Sample> {
    use PropertyId as Id;
    let will = (
        0..3_u8,
        any::<bool>(),
        topic(),
        binary(),
        message_properties(vec![number(Id::WillDelayInterval)]),
    );
    let own = properties(vec![
        number(Id::SessionExpiryInterval),
        number(Id::ReceiveMaximum),
        number(Id::MaximumPacketSize),
        number(Id::TopicAliasMaximum),
    ]);
    let login = option::of((text(), option::of(binary())));
    (
        version(),
        any::<[bool; 2]>(),
        any::<u16>(),
        text(),
        own,
        option::of(will),
        login,
    )
        .prop_map(
            |(version, [clean_start, bridge], keep_alive, client_id, own, will, login)| {
                let packet = Connect {
                    version,
                    is_bridge: bridge && version != Version::V5,
                    clean_start,
                    keep_alive,
                    properties: if version.is_v5() {
                        own.as_properties()
                    } else {
                        Properties::EMPTY
                    },
                    client_id: &client_id,
                    will: will
                        .as_ref()
                        .map(|(qos, retain, topic, payload, properties)| Will {
                            qos: *qos,
                            retain: *retain,
                            properties: match version {
                                Version::V5 => properties.as_properties(),
                                _ => Properties::EMPTY,
                            },
                            topic,
                            payload,
                        }),
                    user_name: login.as_ref().map(|(name, _)| &**name),
                    password: login.as_ref().and_then(|(_, password)| password.as_deref()),
                };
                sample(Packet::Connect(packet), version, Peer::Client)
            },
        )
}

fn publish() -> impl Strategy<Value = Sample> {
    use PropertyId as Id;
    let properties = message_properties(vec![number(Id::TopicAlias)]);
    let ids = vec(any::<u32>(), 0..3);
    let flags = (version(), 0..3_u8, any::<[bool; 3]>(), 1..=u16::MAX);
    (flags, topic(), properties, ids, vec(any::<u8>(), 0..200)).prop_map(
        |(
            (version, qos, [dup, retain, from_server], packet_id),
            topic,
            mut properties,
            ids,
            payload,
        )| {
            let from = if from_server {
                Peer::Server
            } else {
                Peer::Client
            };
            for id in ids.iter().filter(|_| from_server) {
                Owned::Number(Id::SubscriptionIdentifier, *id).push(&mut properties);
            }
            let packet = Publish {
                dup: dup && qos > 0,
                qos,
                retain,
                topic: &topic,
                packet_id: if qos == 0 { 0 } else { packet_id },
                properties: if version.is_v5() {
                    properties.as_properties()
                } else {
                    Properties::EMPTY
                },
                payload: &payload,
            };
            sample(Packet::Publish(packet), version, from)
        },
    )
}

fn ack() -> impl Strategy<Value = Sample> {
    let kind = select(vec![
        AckKind::PubAck,
        AckKind::PubRec,
        AckKind::PubRel,
        AckKind::PubComp,
    ]);
    let properties = properties(vec![string(PropertyId::ReasonString)]);
    (version(), kind, 1..=u16::MAX, any::<bool>(), properties).prop_map(
        |(version, kind, packet_id, success, properties)| {
            let reason = match kind {
                _ if success || !version.is_v5() => ReasonCode::Success,
                AckKind::PubAck | AckKind::PubRec => ReasonCode::NoMatchingSubscribers,
                AckKind::PubRel | AckKind::PubComp => ReasonCode::PacketIdentifierNotFound,
            };
            let properties = match version {
                Version::V5 => properties.as_properties(),
                _ => Properties::EMPTY,
            };
            let packet = Ack {
                kind,
                packet_id,
                reason,
                properties,
            };
            sample(Packet::Ack(packet), version, Peer::Client)
        },
    )
}

fn subscribe() -> impl Strategy<Value = Sample> {
    let handling = select(vec![
        RetainHandling::Send,
        RetainHandling::SendIfNew,
        RetainHandling::DoNotSend,
    ]);
    let options = (0..3_u8, any::<[bool; 2]>(), handling);
    let properties = properties(vec![number(PropertyId::SubscriptionIdentifier)]);
    (
        version(),
        1..=u16::MAX,
        vec((filter(), options), 1..4),
        properties,
    )
        .prop_map(|(version, packet_id, filters, properties)| {
            let filters =
                filters
                    .iter()
                    .map(|(filter, (qos, [no_local, as_published], handling))| {
                        let options = SubscriptionOptions {
                            qos: *qos,
                            no_local: *no_local && !filter.starts_with("$share/"),
                            retain_as_published: *as_published,
                            retain_handling: *handling,
                        };
                        (&**filter, options)
                    });
            let mut buffer = Vec::new();
            let filters = SubscribeFilters::build(filters, version, &mut buffer).expect("short");
            let properties = match version {
                Version::V5 => properties.as_properties(),
                _ => Properties::EMPTY,
            };
            let packet = Subscribe {
                packet_id,
                properties,
                filters,
            };
            sample(Packet::Subscribe(packet), version, Peer::Client)
        })
}

fn unsubscribe() -> impl Strategy<Value = Sample> {
    (
        version(),
        1..=u16::MAX,
        vec(filter(), 1..4),
        properties(vec![]),
    )
        .prop_map(|(version, packet_id, filters, properties)| {
            let mut buffer = Vec::new();
            let filters = filters.iter().map(|filter| &**filter);
            let filters = Filters::build(filters, &mut buffer).expect("short");
            let properties = match version {
                Version::V5 => properties.as_properties(),
                _ => Properties::EMPTY,
            };
            let packet = Unsubscribe {
                packet_id,
                properties,
                filters,
            };
            sample(Packet::Unsubscribe(packet), version, Peer::Client)
        })
}

fn subacks() -> impl Strategy<Value = Sample> {
    let codes = vec(select(vec![0_u8, 1, 2, 0x80]), 1..4);
    let properties = properties(vec![string(PropertyId::ReasonString)]);
    (version(), 1..=u16::MAX, codes, any::<bool>(), properties).prop_map(
        |(version, packet_id, mut codes, is_suback, properties)| {
            if !is_suback {
                codes
                    .iter_mut()
                    .filter(|code| **code < 0x80)
                    .for_each(|code| *code = 0x11);
            }
            let packet = SubAck {
                packet_id,
                properties: if version.is_v5() {
                    properties.as_properties()
                } else {
                    Properties::EMPTY
                },
                codes: if is_suback || version.is_v5() {
                    &codes
                } else {
                    &[]
                },
            };
            let packet = match is_suback {
                true => Packet::SubAck(packet),
                false => Packet::UnsubAck(packet),
            };
            sample(packet, version, Peer::Server)
        },
    )
}

fn session() -> impl Strategy<Value = Sample> {
    use PropertyId as Id;
    let connack = properties(vec![
        number(Id::SessionExpiryInterval),
        number(Id::ReceiveMaximum),
        number(Id::MaximumPacketSize),
        string(Id::AssignedClientIdentifier),
        number(Id::TopicAliasMaximum),
        string(Id::ReasonString),
    ]);
    let reason = properties(vec![string(Id::ReasonString)]);
    (version(), any::<[bool; 2]>(), 0..6_u8, connack, reason).prop_map(
        |(version, [present, refused], kind, connack, reason)| {
            let (reason, connack) = match version {
                Version::V5 => (reason.as_properties(), connack.as_properties()),
                _ => (Properties::EMPTY, Properties::EMPTY),
            };
            let refusal = ReasonCode::NotAuthorized;
            match kind {
                0 => sample(Packet::PingReq, version, Peer::Client),
                1 => sample(Packet::PingResp, version, Peer::Server),
                2 => {
                    let (reason_code, from) = match (refused && version.is_v5(), present) {
                        (true, true) => (ReasonCode::SessionTakenOver, Peer::Server),
                        (true, false) => (ReasonCode::DisconnectWithWill, Peer::Client),
                        (false, _) => (ReasonCode::Success, Peer::Client),
                    };
                    let packet = Disconnect {
                        reason: reason_code,
                        properties: reason,
                    };
                    sample(Packet::Disconnect(packet), version, from)
                }
                3 => {
                    let mut method = PropertyBuffer::new();
                    method
                        .push(Property::AuthenticationMethod("m"))
                        .expect("short");
                    method.push_raw(reason.as_bytes());
                    let packet = Auth {
                        reason: ReasonCode::ContinueAuthentication,
                        properties: method.as_properties(),
                    };
                    match version {
                        Version::V5 => sample(Packet::Auth(packet), version, Peer::Client),
                        _ => sample(Packet::PingReq, version, Peer::Client),
                    }
                }
                _ => {
                    let packet = ConnAck {
                        session_present: present && !refused && version != Version::V31,
                        reason: if refused {
                            refusal
                        } else {
                            ReasonCode::Success
                        },
                        properties: connack,
                    };
                    sample(Packet::ConnAck(packet), version, Peer::Server)
                }
            }
        },
    )
}

/// Any valid packet.
pub(crate) fn any_packet() -> impl Strategy<Value = Sample> {
    prop_oneof![
        2 => connect(),
        4 => publish(),
        1 => ack(),
        2 => subscribe(),
        1 => unsubscribe(),
        1 => subacks(),
        1 => session(),
    ]
}
