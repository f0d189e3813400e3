use super::*;
use crate::replace;

#[test]
fn files_are_appended_read_cut_and_listed() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    RealDisk.create_dir_all(&dir.path().join("folder")).unwrap();
    let file = RealDisk.create_new(&a).unwrap();
    file.write_all(b"hello").unwrap();
    file.set_len(4).unwrap();
    file.write_all(b"!").unwrap();
    file.sync_data().unwrap();
    let mut buffer = [0; 8];
    assert_eq!(file.read_at(1, &mut buffer).unwrap(), 4);
    assert_eq!(&buffer[..4], b"ell!");
    assert_eq!(file.read_at(9, &mut buffer).unwrap(), 0);
    assert!(RealDisk.create_new(&a).is_err());

    RealDisk.open_append(&a).unwrap().write_all(b"?").unwrap();
    RealDisk.rename(&a, &b).unwrap();
    RealDisk.sync_dir(dir.path()).unwrap();
    assert_eq!(RealDisk.list(dir.path()).unwrap(), std::slice::from_ref(&b));
    assert_eq!(RealDisk.read(&b).unwrap(), b"hell!?");
    assert_eq!(RealDisk.open(&b).unwrap().len().unwrap(), 6);
    RealDisk.remove(&b).unwrap();
    assert!(!RealDisk.exists(&b).unwrap());
    assert_eq!(file.len().unwrap(), 6, "an open file stays readable");
}

#[test]
fn a_file_is_replaced_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    for bytes in [b"one".as_slice(), b"two"] {
        replace(&RealDisk, &path, bytes).unwrap();
        assert_eq!(RealDisk.read(&path).unwrap(), bytes);
    }
    assert_eq!(RealDisk.list(dir.path()).unwrap(), [path]);
}
