//! Our codec against those of mqtt5 and rumqttc. What we encode, they decode,
//! encode again, and we decode it to the same; the order of properties is theirs.

use bytes::BytesMut;
use mqtt5_protocol::packet::{FixedHeader, MqttPacket, Packet as Theirs};
use proptest::prelude::*;
use weir_mqtt_codec::*;

use crate::packets::{Sample, any_packet, decode};

/// A packet as text, with its properties sorted.
fn normal(packet: &Packet<'_>) -> String {
    let properties = match packet {
        Packet::Connect(p) => p.properties,
        Packet::ConnAck(p) => p.properties,
        Packet::Publish(p) => p.properties,
        Packet::Ack(p) => p.properties,
        Packet::Subscribe(p) => p.properties,
        Packet::SubAck(p) | Packet::UnsubAck(p) => p.properties,
        Packet::Unsubscribe(p) => p.properties,
        Packet::Disconnect(p) => p.properties,
        Packet::Auth(p) => p.properties,
        Packet::PingReq | Packet::PingResp => Properties::EMPTY,
    };
    let sorted = |properties: Properties<'_>| {
        let mut all: Vec<_> = properties.iter().map(|p| format!("{p:?}")).collect();
        // User properties keep their order.
        all.sort_by_key(|p| {
            if p.starts_with("User") {
                "User".to_owned()
            } else {
                p.clone()
            }
        });
        all
    };
    let rest = match *packet {
        Packet::Connect(p) => {
            let will = p.will.map(|w| {
                (
                    sorted(w.properties),
                    Will {
                        properties: Properties::EMPTY,
                        ..w
                    },
                )
            });
            format!(
                "{will:?} {:?}",
                Connect {
                    will: None,
                    properties: Properties::EMPTY,
                    ..p
                }
            )
        }
        Packet::ConnAck(p) => format!(
            "{:?}",
            ConnAck {
                properties: Properties::EMPTY,
                ..p
            }
        ),
        Packet::Publish(p) => format!(
            "{:?}",
            Publish {
                properties: Properties::EMPTY,
                ..p
            }
        ),
        Packet::Ack(p) => format!(
            "{:?}",
            Ack {
                properties: Properties::EMPTY,
                ..p
            }
        ),
        Packet::Subscribe(p) => {
            format!("{} {:?}", p.packet_id, p.filters.iter().collect::<Vec<_>>())
        }
        Packet::SubAck(p) | Packet::UnsubAck(p) => format!("{} {:?}", p.packet_id, p.codes),
        Packet::Unsubscribe(p) => {
            format!("{} {:?}", p.packet_id, p.filters.iter().collect::<Vec<_>>())
        }
        Packet::Disconnect(p) => format!("{:?}", p.reason),
        Packet::Auth(p) => format!("{:?}", p.reason),
        Packet::PingReq | Packet::PingResp => format!("{packet:?}"),
    };
    format!("{rest} {:?}", sorted(properties))
}

fn same(sample: &Sample, theirs: Vec<u8>) -> Result<(), TestCaseError> {
    let theirs = Sample {
        bytes: theirs,
        ..sample.clone()
    };
    let (ours, again) = (decode(sample), decode(&theirs));
    prop_assert!(again.is_ok(), "{again:?} instead of {ours:?}");
    prop_assert_eq!(
        ours.map(|packet| normal(&packet)),
        again.map(|packet| normal(&packet))
    );
    Ok(())
}

fn by_mqtt5(sample: &Sample) -> Result<Vec<u8>, mqtt5_protocol::MqttError> {
    let mut input = &sample.bytes[..];
    let header = FixedHeader::decode(&mut input)?;
    let version = if sample.version.is_v5() { 5 } else { 4 };
    let packet =
        Theirs::decode_from_body_with_version(header.packet_type, &header, &mut input, version)?;
    let mut out = BytesMut::new();
    match packet {
        Theirs::Connect(p) => p.encode(&mut out),
        Theirs::ConnAck(p) => p.encode(&mut out),
        Theirs::Publish(p) => p.encode(&mut out),
        Theirs::PubAck(p) => p.encode(&mut out),
        Theirs::PubRec(p) => p.encode(&mut out),
        Theirs::PubRel(p) => p.encode(&mut out),
        Theirs::PubComp(p) => p.encode(&mut out),
        Theirs::Subscribe(p) => p.encode(&mut out),
        Theirs::SubAck(p) => p.encode(&mut out),
        Theirs::Unsubscribe(p) => p.encode(&mut out),
        Theirs::UnsubAck(p) => p.encode(&mut out),
        Theirs::Disconnect(p) => p.encode(&mut out),
        Theirs::Auth(p) => p.encode(&mut out),
        Theirs::PingReq | Theirs::PingResp => return Ok(sample.bytes.clone()),
    }?;
    Ok(out.to_vec())
}

fn by_rumqttc(sample: &Sample) -> Option<Vec<u8>> {
    let mut input = BytesMut::from(&sample.bytes[..]);
    let mut out = BytesMut::new();
    match sample.version {
        Version::V5 => {
            use rumqttc::v5::mqttbytes::v5::Packet as Theirs;
            Theirs::read(&mut input, None)
                .ok()?
                .write(&mut out, None)
                .ok()?;
        }
        _ => {
            use rumqttc::mqttbytes::v4::Packet as Theirs;
            Theirs::read(&mut input, usize::MAX)
                .ok()?
                .write(&mut out, usize::MAX)
                .ok()?;
        }
    }
    Some(out.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn mqtt5_reads_what_we_write(sample in any_packet()) {
        // It knows neither MQTT 3.1 nor bridges.
        if let Packet::Connect(connect) = decode(&sample).unwrap()
            && (connect.version == Version::V31 || connect.is_bridge)
        {
            return Ok(());
        }
        match by_mqtt5(&sample) {
            Ok(theirs) => same(&sample, theirs)?,
            Err(error) => prop_assert!(false, "{error}: {:?}", decode(&sample)),
        }
    }

    #[test]
    fn rumqttc_reads_what_we_write(sample in any_packet()) {
        // It loses empty user names and passwords, and the options of MQTT 3.1.
        if let Packet::Connect(connect) = decode(&sample).unwrap()
            && (connect.user_name.is_some() || connect.version == Version::V31 || connect.is_bridge)
        {
            return Ok(());
        }
        if let Some(theirs) = by_rumqttc(&sample) {
            same(&sample, theirs)?;
        }
    }
}
