//! Random bytes, and valid packets with bytes changed.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use weir_mqtt_codec::*;

use crate::packets::any_packet;

const VERSIONS: [Version; 3] = [Version::V31, Version::V311, Version::V5];

/// Decodes all that can be decoded; what is decoded can be encoded and reads
/// back as itself.
fn digest(mut input: &[u8], version: Version, from: Peer) {
    while let Ok(Split::Packet(frame, len)) = split(input, 1 << 20) {
        input = &input[len..];
        let Ok(packet) = Packet::decode(frame, version, from) else {
            return;
        };
        match packet {
            Packet::Subscribe(subscribe) => assert!(subscribe.filters.iter().count() > 0),
            Packet::Publish(publish) => assert!(publish.properties.iter().count() < 1 << 20),
            _ => {}
        }
        // A CONNECT is encoded by its own version.
        let version = match packet {
            Packet::Connect(connect) => connect.version,
            _ => version,
        };
        let mut bytes = Vec::new();
        packet.encode(version, &mut bytes).expect("it was decoded");
        let Ok(Split::Packet(frame, _)) = split(&bytes, usize::MAX) else {
            panic!("no packet was encoded: {packet:?}");
        };
        assert_eq!(Packet::decode(frame, version, from), Ok(packet));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn random_bytes(input in vec(any::<u8>(), 0..80)) {
        for version in VERSIONS {
            digest(&input, version, Peer::Client);
            digest(&input, version, Peer::Server);
        }
    }

    /// A header and a length that fit, then anything.
    #[test]
    fn random_bodies(header in any::<u8>(), body in vec(any::<u8>(), 0..60)) {
        let mut input = vec![header];
        put_remaining_length(body.len(), &mut input);
        input.extend(body);
        for version in VERSIONS {
            digest(&input, version, Peer::Client);
            digest(&input, version, Peer::Server);
        }
    }

}

/// How many packets are mutated; `cargo xtask faults` runs the long form.
fn mutations() -> u32 {
    match std::env::var_os("WEIR_FAULTS_LONG") {
        Some(_) => 200_000,
        None => 20_000,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(mutations()))]

    #[test]
    fn packets_with_a_few_bytes_changed(
        sample in any_packet(),
        changes in vec((any::<Index>(), prop_oneof![any::<u8>(), 0..4_u8]), 1..4),
    ) {
        let mut bytes = sample.bytes;
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        for version in VERSIONS {
            digest(&bytes, version, Peer::Client);
            digest(&bytes, version, Peer::Server);
        }
    }
}
