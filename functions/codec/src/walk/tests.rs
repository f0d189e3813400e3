//! What walkers do with payloads that are broken: mutations of good ones.

use weir_config::RouteCodec;
use weir_model::QuarantineReason as Reason;

use crate::decoder::Decoder;
use crate::output::Facts;
use crate::raw::RawValue;
use crate::span::Scratch;
use crate::walk::{cbor, msgpack};

const FACTS: Facts<'_> = Facts {
    topic: "m/p1/x/state",
    device: None,
    sensor: None,
    literal_levels: 1,
    timezone: None,
    received: 1_700_000_000_000_000_000,
    max_readings: 1_000,
};

/// `{"t": 21.5, "bat": {"v": 3.1, "ok": true}, "axis": [1, 2.5], "raw": h'01', "n": "x"}`
const CBOR: &[u8] = b"\xa5\x61t\xfb\x40\x35\x80\x00\x00\x00\x00\x00\x63bat\xa2\x61v\xfb\x40\x08\
    \xcc\xcc\xcc\xcc\xcc\xcd\x62ok\xf5\x64axis\x82\x01\xf9\x41\x00\x63raw\x41\x01\x61n\x7f\x61x\xff";
/// `{"t": 21.5, "axis": [1, 2.5], "timestamp": 2023-11-14…, "n": "x"}`
const MSGPACK: &[u8] = b"\x84\xa1t\xcb\x40\x35\x80\x00\x00\x00\x00\x00\xa4axis\x92\x01\xca\x40\
    \x20\x00\x00\xa9timestamp\xd7\xff\x77\x35\x94\x00\x65\x53\xf1\x00\xa1n\xa1x";
const JSON: &str = r#"{"src": "s", "method": "NotifyStatus", "_type": "location", "tst": 1700000000,
    "lat": 1.5, "params": {"ts": 1700000000.5, "switch:0": {"apower": 11.5, "errors": ["a"]}},
    "end_device_ids": {"device_id": "d"}, "uplink_message": {"decoded_payload": {"t": "1 V"},
    "rx_metadata": [{"rssi": -3, "snr": 4}]}, "deviceInfo": {"devEui": "d", "tags": {"a": "b"}},
    "data": "0201061BFF99040515AE4C6DC6D7000CFFF803F4ADB6AD697FF41F0C28CBD6", "id": "x",
    "Time": "2024-01-14T18:03:15Z", "Uptime": "1T00:00:02", "ENERGY": {"Power": [1, 2]}}"#;

/// A generator of numbers (xorshift, 64 bits).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Some bytes of it changed, cut, repeated or added.
fn mutate(payload: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = payload.to_vec();
    for _ in 0..=random.below(3) {
        let at = random
            .below(bytes.len().max(1))
            .min(bytes.len().saturating_sub(1));
        match random.below(4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.below(256) as u8),
            2 if !bytes.is_empty() => bytes[at] = random.below(256) as u8,
            _ => bytes.extend_from_within(at..),
        }
    }
    bytes
}

#[test]
fn no_mutation_of_a_binary_payload_costs_more_than_its_bytes() {
    let mut random = Random(7);
    for round in 0..20_000 {
        let (payload, codec) = match round % 2 {
            0 => (CBOR, RouteCodec::Cbor),
            _ => (MSGPACK, RouteCodec::MsgPack),
        };
        let bytes = mutate(payload, &mut random);
        let mut decoder = Decoder::default();
        let decoded = decoder.decode_bytes(codec, &bytes, &FACTS);
        assert!(decoder.nodes.len() <= bytes.len(), "{bytes:x?}");
        assert!(
            decoder.nodes.capacity() <= 2 * bytes.len().max(4),
            "{bytes:x?}"
        );
        let Err(fault) = decoded else { continue };
        let reasons = [
            Reason::InvalidCbor,
            Reason::InvalidMsgpack,
            Reason::DuplicateKey,
            Reason::UnknownForm,
        ];
        assert!(reasons.contains(&fault.reason), "{fault:?}");
    }
}

#[test]
fn no_mutation_of_a_text_stops_a_preset() {
    let mut random = Random(11);
    let mut decoder = Decoder::default();
    for round in 0..20_000 {
        let bytes = mutate(JSON.as_bytes(), &mut random);
        let text = String::from_utf8_lossy(&bytes);
        let codec = RouteCodec::ALL[round % RouteCodec::ALL.len()];
        let _ = decoder.decode_text(codec, &text, &FACTS);
        for event in &decoder.events {
            assert!(event.end <= decoder.readings.len());
        }
    }
}

#[test]
fn garbage_behind_the_end_and_lengths_beyond_it_are_refused() {
    #[track_caller]
    fn check(codec: RouteCodec, payload: &[u8], reason: Reason) {
        let mut decoder = Decoder::default();
        let fault = decoder.decode_bytes(codec, payload, &FACTS).unwrap_err();
        assert_eq!(fault.reason, reason, "{}", fault.detail);
        assert!(decoder.nodes.capacity() <= 512);
    }
    let cbor = |payload: &[u8]| check(RouteCodec::Cbor, payload, Reason::InvalidCbor);
    let msgpack = |payload: &[u8]| check(RouteCodec::MsgPack, payload, Reason::InvalidMsgpack);
    cbor(&[CBOR, b"\x00"].concat());
    msgpack(&[MSGPACK, b"\x00"].concat());
    for lying in [
        &b"\xbb\x7f\xff\xff\xff\xff\xff\xff\xff"[..],
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x7b\x00\x00\x00\x00\xff\xff\xff\xff",
        b"\x5a\xff\xff\xff\xff",
        b"\xa1\x61a\x1c",
        b"\xa1\x61a\xf8\x10",
        b"\xff",
        b"\xbf\x61a",
        b"\x7f\x41a\xff",
        b"\xa1\x62\xff\xfe\x01",
    ] {
        cbor(lying);
    }
    for lying in [
        &b"\xdf\xff\xff\xff\xff"[..],
        b"\xdd\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\xc1",
        b"\x81\xa2\xff\xfe\x01",
    ] {
        msgpack(lying);
    }
    check(RouteCodec::Cbor, &[0x81; 200], Reason::TooDeep);
    check(RouteCodec::MsgPack, &[0x91; 200], Reason::TooDeep);
    check(
        RouteCodec::Cbor,
        b"\xa2\x61a\x01\x61a\x02",
        Reason::DuplicateKey,
    );
    check(
        RouteCodec::MsgPack,
        b"\x82\xa1a\x01\xa1a\x02",
        Reason::DuplicateKey,
    );
}

#[test]
fn one_member_that_has_no_value_costs_only_itself() {
    let mut decoder = Decoder::default();
    decoder
        .decode_bytes(RouteCodec::Cbor, CBOR, &FACTS)
        .unwrap();
    let names: Vec<&str> = decoder
        .readings
        .iter()
        .map(|reading| decoder.text("", reading.sensor))
        .collect();
    assert_eq!(
        names,
        ["t", "bat.v", "bat.ok", "axis.0", "axis.1", "raw", "n"]
    );
    assert_eq!(decoder.faults.len(), 1);
    assert_eq!(decoder.faults[0].reason, Reason::UnsupportedType);
}

#[test]
fn tags_and_keys_of_cbor_are_read() {
    #[track_caller]
    fn value(payload: &[u8]) -> (String, RawValue) {
        let mut decoder = Decoder::default();
        decoder
            .decode_bytes(RouteCodec::Cbor, payload, &FACTS)
            .unwrap();
        let reading = decoder.readings[0];
        (decoder.text("", reading.sensor).to_owned(), reading.value)
    }
    let number = |name: &str, value| (name.to_owned(), RawValue::Number(value));
    assert_eq!(value(b"\xa1\x20\x01"), number("-1", 1.0));
    assert_eq!(
        value(b"\xa1\x61d\xc4\x82\x21\x19\x6a\xb3"),
        number("d", 273.15)
    );
    assert_eq!(value(b"\xa1\x61b\xc2\x42\x01\x00"), number("b", 256.0));
    assert_eq!(value(b"\xa1\x61b\xc3\x41\x00"), number("b", -1.0));
    assert_eq!(
        value(b"\xd9\xd9\xf7\xa1\x61h\xf9\xc4\x00"),
        number("h", -4.0)
    );
    assert_eq!(
        value(b"\xa1\x61t\xc1\x1a\x65\x53\xf1\x00"),
        number("t", 1.7e9)
    );
}

#[test]
fn walkers_fill_their_buffers_again() {
    let (mut nodes, mut scratch) = (Vec::new(), Scratch::default());
    cbor::walk(CBOR, &mut nodes, &mut scratch).unwrap();
    let first = nodes.len();
    let capacity = nodes.capacity();
    cbor::walk(CBOR, &mut nodes, &mut scratch).unwrap();
    assert_eq!((nodes.len(), nodes.capacity()), (first, capacity));
    msgpack::walk(MSGPACK, &mut nodes, &mut scratch).unwrap();
    assert_eq!(nodes.capacity(), capacity);
}
