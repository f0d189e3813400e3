//! What is encoded is decoded to the same, from every buffer boundary.

use proptest::prelude::*;
use weir_mqtt_codec::*;

use crate::packets::{any_packet, decode};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_packet_survives_a_round_trip(sample in any_packet()) {
        let packet = decode(&sample).unwrap();
        let mut again = Vec::new();
        packet.encode(sample.version, &mut again).unwrap();
        prop_assert_eq!(&again, &sample.bytes);
    }

    /// No prefix is taken for a packet, and each asks for bytes that exist.
    #[test]
    fn every_prefix_of_every_packet_is_incomplete(sample in any_packet()) {
        for cut in 0..sample.bytes.len() {
            match split(&sample.bytes[..cut], usize::MAX) {
                Ok(Split::Incomplete { needed }) => {
                    prop_assert!(needed > cut && needed <= sample.bytes.len(), "{needed} at {cut}");
                }
                other => prop_assert!(false, "{other:?} at {cut}"),
            }
        }
    }

    /// A body that is cut off, with a length to match, is an error or another
    /// valid packet, never a panic.
    #[test]
    fn a_body_that_ends_early_is_no_panic(sample in any_packet()) {
        let Ok(Split::Packet(frame, _)) = split(&sample.bytes, usize::MAX) else {
            unreachable!("a valid packet");
        };
        for cut in 0..frame.body.len() {
            let frame = Frame { body: &frame.body[..cut], ..frame };
            let _ = Packet::decode(frame, sample.version, sample.from);
        }
    }

    #[test]
    fn a_packet_one_byte_over_the_limit_is_refused(sample in any_packet()) {
        let size = sample.bytes.len();
        prop_assert!(matches!(split(&sample.bytes, size), Ok(Split::Packet(_, len)) if len == size));
        let error = split(&sample.bytes, size - 1).unwrap_err();
        prop_assert_eq!(error.reason, ReasonCode::PacketTooLarge);
    }

    /// A delivery is as long as it says, and reads back as what it is.
    #[test]
    fn a_delivery_reads_back(
        sample in any_packet(),
        expiry in proptest::option::of(any::<u32>()),
        alias in proptest::option::of(1..=u16::MAX),
        ids in proptest::collection::vec(1..0x0fff_ffff_u32, 0..3),
    ) {
        let Packet::Publish(publish) = decode(&sample).unwrap() else { return Ok(()) };
        let mut kept = PropertyBuffer::new();
        for (property, bytes) in publish.properties.iter_raw() {
            if matches!(property, Property::UserProperty(_) | Property::ContentType(_)) {
                kept.push_raw(bytes);
            }
        }
        let delivery = Delivery {
            dup: publish.dup,
            qos: publish.qos,
            retain: publish.retain,
            topic: publish.topic,
            packet_id: publish.packet_id,
            payload: publish.payload,
            properties: kept.as_properties().as_bytes(),
            expiry,
            topic_alias: alias,
            subscription_ids: &ids,
        };
        let mut bytes = Vec::new();
        delivery.encode(Version::V5, &mut bytes).unwrap();
        prop_assert_eq!(bytes.len(), delivery.encoded_len(Version::V5));
        let Ok(Split::Packet(frame, _)) = split(&bytes, usize::MAX) else { unreachable!() };
        let Packet::Publish(read) = Packet::decode(frame, Version::V5, Peer::Server).unwrap() else {
            unreachable!()
        };
        let read_ids: Vec<_> = read.properties.iter().filter_map(|property| match property {
            Property::SubscriptionIdentifier(id) => Some(id),
            _ => None,
        }).collect();
        prop_assert_eq!(read_ids, ids);
        prop_assert_eq!(read.topic_alias(), alias);
        prop_assert_eq!(read.payload, publish.payload);
        let user = |properties: Properties<'_>| -> Vec<(String, String)> {
            properties.iter().filter_map(|property| match property {
                Property::UserProperty((k, v)) => Some((k.to_owned(), v.to_owned())),
                _ => None,
            }).collect()
        };
        prop_assert_eq!(user(read.properties), user(publish.properties));
    }
}
