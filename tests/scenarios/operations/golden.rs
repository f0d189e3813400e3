//! Data folders of earlier versions are read as they were; one of a newer
//! version is refused before anything is written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use weir_tests::{Exit, Weir, golden_dir, golden_held, golden_spec, make_golden, unpack_golden};

/// The archives, oldest first.
fn versions() -> Vec<PathBuf> {
    let entries = fs::read_dir(golden_dir()).expect("the golden folders are there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let mut archives: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|name| name == "gz"))
        .collect();
    archives.sort();
    archives
}

/// A Weir that was not started, on an unpacked golden folder.
fn unpacked(archive: &Path) -> Weir {
    let weir = Weir::prepare(golden_spec("50ms"));
    fs::create_dir_all(weir.data_dir()).expect("the temporary folder is writable");
    unpack_golden(archive, &weir.data_dir());
    weir
}

#[test]
fn the_data_folder_of_every_version_is_read_as_it_was() {
    let versions = versions();
    assert!(!versions.is_empty());
    for archive in versions {
        let said = fs::read(archive.with_extension("").with_extension("json"));
        let said: Value = serde_json::from_slice(&said.expect("it is beside it")).expect("JSON");
        let mut weir = unpacked(&archive);
        weir.restart();
        assert_eq!(golden_held(&weir), said, "{}", archive.display());
        // It goes on: after a checkpoint of this version too.
        assert_eq!(weir.sigterm(), Exit::Code(0));
        weir.restart();
        assert_eq!(golden_held(&weir), said, "{}", archive.display());
    }
}

#[test]
fn this_version_writes_what_a_golden_folder_holds() {
    // Otherwise the harness could no longer make a golden folder.
    let mut weir = Weir::start(golden_spec("50ms"));
    let held = make_golden(&mut weir);
    assert_eq!(held["stored"], 102);
    weir.restart();
    assert_eq!(golden_held(&weir), held);
}

#[test]
fn a_folder_of_a_newer_version_is_refused_before_anything_is_written() {
    let newest = versions().pop().expect("there is one");
    for (folder, ending, change) in [
        ("store", "manifest-", newer_manifest as fn(&mut [u8])),
        ("journal", ".log", newer_segment),
    ] {
        let mut weir = unpacked(&newest);
        let data = weir.data_dir();
        for (path, mut bytes) in files(&data) {
            let name = path
                .file_name()
                .expect("a file")
                .to_string_lossy()
                .into_owned();
            if path.starts_with(data.join(folder)) && name.contains(ending) {
                change(&mut bytes);
                fs::write(&path, bytes).expect("the temporary folder is writable");
            }
        }
        let before = files(&data);
        weir.launch_again();
        assert_eq!(weir.wait_end(), Exit::Code(1), "{folder}: {}", weir.log());
        assert!(weir.log().contains("version"), "{folder}: {}", weir.log());
        let after = files(&data);
        let changed: Vec<_> = after
            .iter()
            .filter(|(path, bytes)| before.get(*path) != Some(bytes))
            .map(|(path, _)| path)
            .filter(|path| !path.ends_with("lock"))
            .collect();
        assert!(
            changed.is_empty(),
            "a newer {folder}: {changed:?} were written"
        );
        assert_eq!(
            before
                .keys()
                .filter(|path| !after.contains_key(*path))
                .count(),
            0,
            "files are gone"
        );
    }
}

/// Every file below a folder, with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("it is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            let bytes = fs::read(&path).expect("it can be read");
            files.insert(path, bytes);
        }
    }
    files
}

const NEWER: [u8; 4] = 99u32.to_le_bytes();

/// The layout is drawn in `store/src/embedded/manifest.rs`.
fn newer_manifest(bytes: &mut [u8]) {
    bytes[8..12].copy_from_slice(&NEWER);
}

/// The layout is drawn in `journal/src/local/segment.rs`.
fn newer_segment(bytes: &mut [u8]) {
    for copy in bytes.chunks_mut(64).take(2) {
        copy[8..12].copy_from_slice(&NEWER);
        let check = crc32c(&copy[..60]);
        copy[60..].copy_from_slice(&check.to_le_bytes());
    }
}

/// CRC-32C (RFC 3720, appendix B.4), bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}
