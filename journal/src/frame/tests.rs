use bytes::BytesMut;
use proptest::prelude::*;

use super::*;

fn sealed(message: &Message<'_>, salt: u64, position: u64) -> BytesMut {
    let mut frame = BytesMut::new();
    put(message, size(message).unwrap(), &mut frame);
    assert_eq!(seal(&mut frame, salt, position), frame.len());
    frame
}

/// A change here is a new format version.
#[test]
fn a_frame_is_these_bytes() {
    let message = Message {
        received: Timestamp(0x0102_0304_0506_0708),
        ingress: Ingress::Http,
        client: "me",
        topic: "a/b",
        payload: b"{}",
        qos: 1,
        retained: true,
        duplicate: false,
    };
    let hex: Vec<_> = sealed(&message, 1, 2).chunks(4).map(hex).collect();
    let expect = [
        "19000000", "8071002b", "593c52ef", "08070605", "04030201", "02050200", "00000300",
        "00006d65", "612f627b", "7d",
    ];
    assert_eq!(hex, expect);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

proptest! {
    #[test]
    fn any_message_comes_back_and_only_from_its_place(
        received: i64,
        ingress in 0_u8..3,
        client in ".{0,20}",
        topic in ".{0,40}",
        payload: Vec<u8>,
        qos in 0_u8..3,
        (retained, duplicate) in any::<(bool, bool)>(),
        (salt, position) in any::<(u64, u64)>(),
    ) {
        let message = Message {
            received: Timestamp(received),
            ingress: Ingress::from_u8(ingress).unwrap(),
            client: &client,
            topic: &topic,
            payload: &payload,
            qos,
            retained,
            duplicate,
        };
        let frame = sealed(&message, salt, position);
        prop_assert_eq!(check_head(&frame, salt, position), Some(frame.len()));
        prop_assert_eq!(check_body(&frame), Ok(()));
        prop_assert_eq!(decode(&frame[HEAD..]), Ok(message));
        prop_assert_eq!(check_head(&frame, salt ^ 1, position), None);
        prop_assert_eq!(check_head(&frame, salt, position ^ 1), None);
    }

    /// Bytes whose check is right by chance or malice: an error, never a panic.
    #[test]
    fn no_body_makes_decoding_panic(mut body: Vec<u8>, lengths in any::<[u8; 8]>(), plain: bool) {
        if plain && body.len() >= FIXED {
            body[8] %= 3;
            body[9] &= QOS | RETAINED | DUPLICATE;
            body[10..18].copy_from_slice(&lengths.map(|byte| byte & 3));
        }
        let _ = decode(&body);
    }
}
