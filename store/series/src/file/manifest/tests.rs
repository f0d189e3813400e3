use weir_model::ValueKind;

use super::*;

fn example() -> Manifest {
    let column = |sensor: &str, unit: Option<&str>, kind| {
        Arc::new(Column {
            sensor: sensor.into(),
            unit: unit.map(Into::into),
            kind,
        })
    };
    Manifest {
        sequence: 7,
        position: Position(123_456),
        counts: ReadingCounts {
            received: 10,
            stored: 4,
            deduplicated: 3,
            conflicts: 2,
            quarantined: vec![0, 1, 2],
            expired: vec![1],
        },
        next_file: 3,
        removed_readings: 4,
        horizon: -5,
        damaged_files: 1,
        damaged_readings: 2,
        kinds: vec![
            KindEntry {
                columns: Some(vec![
                    column("temperature", Some("°C"), ValueKind::Number),
                    column("state", None, ValueKind::Text),
                ]),
            },
            KindEntry { columns: None },
        ],
        files: vec![FileEntry {
            id: 2,
            kind: 0,
            rows: 5,
            readings: vec![5, 4],
            min_time: -1,
            max_time: 1_795_219_200_000_000_000,
            bytes: 600,
            crc32c: 0xdead_beef,
        }],
        snapshot: b"engine".to_vec(),
        rollups: vec![RollupEntry {
            step: RollupStep::Hour,
            source: Some(2),
            file: FileEntry {
                id: 3,
                kind: 0,
                rows: 1,
                readings: vec![1],
                min_time: -1,
                max_time: -1,
                bytes: 300,
                crc32c: 7,
            },
        }],
    }
}

/// A folder that an older version wrote must stay readable: when this fails, the
/// version in the header has to change, and the old one to be read still.
#[test]
fn the_format_does_not_change_unnoticed() {
    let bytes = example().encode().unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, include_str!("golden-2.hex").trim());
}

#[test]
fn a_manifest_of_the_version_before_is_read() {
    let hex = include_str!("golden-1.hex").trim();
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digits).collect();
    let expect = Manifest {
        rollups: Vec::new(),
        ..example()
    };
    assert_eq!(Manifest::decode(&bytes).unwrap(), expect);
}

#[test]
fn it_comes_back_as_it_was() {
    for manifest in [example(), Manifest::default()] {
        assert_eq!(
            Manifest::decode(&manifest.encode().unwrap()).unwrap(),
            manifest
        );
    }
}

#[test]
fn damage_is_seen_wherever_it_is() {
    let bytes = example().encode().unwrap();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x40;
        assert!(Manifest::decode(&flipped).is_err(), "bit of byte {at}");
        assert!(Manifest::decode(&bytes[..at]).is_err(), "cut to {at}");
    }
    assert!(Manifest::decode(&[bytes.as_slice(), b"x"].concat()).is_err());
}

#[test]
fn a_newer_version_is_distinguished_from_damage() {
    let mut bytes = example().encode().unwrap();
    bytes[8] = 3;
    assert!(matches!(
        Manifest::decode(&bytes),
        Err(ManifestError::Version { found: 3 })
    ));
}

#[test]
fn a_file_of_an_unknown_kind_is_refused() {
    let mut manifest = example();
    manifest.files[0].kind = 9;
    let bytes = manifest.encode().unwrap();
    assert!(matches!(
        Manifest::decode(&bytes),
        Err(ManifestError::UnknownKind)
    ));
}
