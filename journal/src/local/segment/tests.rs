use super::*;

/// A change here is a new format version.
#[test]
fn a_header_is_these_bytes() {
    let bytes = Header {
        base: 0x0a0b,
        salt: 0x1122_3344_5566_7788,
        previous_end: 7,
    }
    .to_bytes();
    let words: Vec<_> = bytes[..COPY].chunks(8).map(hex).collect();
    let expect = [
        "574549524c4f470a",
        "0100000000000000",
        "0b0a000000000000",
        "8877665544332211",
        "0700000000000000",
        "0000000000000000",
        "0000000000000000",
        "00000000bf2b88f6",
    ];
    assert_eq!(words, expect);
    assert_eq!(bytes[..COPY], bytes[COPY..]);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn one_good_copy_is_enough() {
    let header = Header {
        base: 5,
        salt: 1,
        previous_end: 5,
    };
    let good = header.to_bytes();
    assert_eq!(Header::read(&good, 5), ReadHeader::Good(header));
    for at in 0..HEADER {
        let mut bytes = good;
        bytes[at] ^= 4;
        assert_eq!(
            Header::read(&bytes, 5),
            ReadHeader::Repaired(header),
            "byte {at}"
        );
        bytes[(at + COPY) % HEADER] ^= 4;
        assert_eq!(
            Header::read(&bytes, 5),
            ReadHeader::Broken,
            "bytes {at} and its copy"
        );
    }
    assert_eq!(
        Header::read(&good, 6),
        ReadHeader::Broken,
        "another file's header"
    );
    assert_eq!(Header::read(&good[..COPY], 5), ReadHeader::Repaired(header));
    assert_eq!(Header::read(&[], 5), ReadHeader::Broken);
}

#[test]
fn only_segment_names_are_segments() {
    for (name, base) in [
        ("00000000000000000007.log", Some(7)),
        ("18446744073709551615.log", Some(u64::MAX)),
        ("99999999999999999999.log", None),
        ("7.log", None),
        ("+0000000000000000007.log", None),
        ("00000000000000000007.log.tmp", None),
        ("consumers.json", None),
    ] {
        assert_eq!(base_of(Path::new(name)), base, "{name}");
    }
    assert_eq!(base_of(&path(Path::new("d"), 7)), Some(7));
}
