use super::*;
use crate::Disk;
use crate::replace;

fn path(name: &str) -> PathBuf {
    Path::new("/d").join(name)
}

fn write(disk: &SimDisk, name: &str, bytes: &[u8]) -> Box<dyn DiskFile> {
    let file = disk.create_new(&path(name)).unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[test]
fn synced_bytes_under_a_synced_name_survive_every_crash() {
    for seed in 0..100 {
        let disk = SimDisk::new(seed);
        let file = write(&disk, "a", b"kept");
        file.sync_data().unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        file.write_all(b"maybe").unwrap();
        let survived = disk.crash().read(&path("a")).unwrap();
        assert!(
            survived.starts_with(b"kept") && survived.len() <= 9,
            "seed {seed}"
        );
        assert!(file.len().is_err(), "the old disk must be off");
    }
}

#[test]
fn what_was_not_synced_is_lost_in_some_crash_and_kept_by_a_kill() {
    let survives = |crash: fn(&SimDisk) -> SimDisk, seed| {
        let disk = SimDisk::new(seed);
        let file = write(&disk, "a", b"bytes");
        disk.sync_dir(Path::new("/d")).unwrap();
        drop(file);
        write(&disk, "b", b"bytes").sync_all().unwrap();
        let after = crash(&disk);
        (
            after.read(&path("a")).unwrap() == b"bytes",
            after.exists(&path("b")).unwrap(),
        )
    };
    let crashes: Vec<_> = (0..100)
        .map(|seed| survives(SimDisk::crash, seed))
        .collect();
    for (bytes, name) in [(false, false), (false, true), (true, false), (true, true)] {
        assert!(
            crashes.contains(&(bytes, name)),
            "no crash gives {bytes} {name}"
        );
    }
    assert!((0..100).all(|seed| survives(SimDisk::kill, seed) == (true, true)));
}

#[test]
fn replacing_a_file_leaves_the_old_one_or_the_new_one() {
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        replace(&disk, &path("a"), b"old").unwrap();
        // Every step of the replacement fails once.
        match seed % 5 {
            0 => disk.fail_sync(0),
            1 => disk.fail_sync(1),
            2 => disk.fail_write(0),
            3 => disk.set_budget(Some(disk.used() + 1)),
            _ => {}
        }
        let replaced = replace(&disk, &path("a"), b"new").is_ok();
        let survived = disk.crash().read(&path("a")).unwrap();
        assert_eq!(replaced, seed % 5 == 4, "seed {seed}");
        assert!(
            survived == b"new" || (!replaced && survived == b"old"),
            "seed {seed}"
        );
    }
}

#[test]
fn a_failed_sync_loses_its_bytes_though_the_next_one_succeeds() {
    for seed in 0..20 {
        let disk = SimDisk::new(seed);
        let file = write(&disk, "a", b"lost");
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.fail_sync(0);
        assert!(file.sync_data().is_err());
        file.sync_data().unwrap();
        assert_eq!(disk.read(&path("a")).unwrap(), b"lost");
        assert_eq!(disk.crash().read(&path("a")).unwrap(), b"");
    }
}

#[test]
fn a_full_disk_takes_what_fits() {
    let disk = SimDisk::new(0);
    disk.set_budget(Some(3));
    let file = disk.create_new(&path("a")).unwrap();
    assert_eq!(
        file.write_all(b"bytes").unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    assert_eq!(disk.read(&path("a")).unwrap(), b"byt");
    disk.set_budget(None);
    file.write_all(b"es").unwrap();
    assert_eq!(disk.used(), 5);
    disk.refuse(Some(io::ErrorKind::ReadOnlyFilesystem));
    assert!(file.write_all(b"x").is_err() && disk.remove(&path("a")).is_err());
    assert_eq!(file.len().unwrap(), 5);
}

#[test]
fn a_held_sync_ends_when_it_is_released_or_the_power_goes() {
    for release in [true, false] {
        let disk = SimDisk::new(0);
        let file = write(&disk, "a", b"bytes");
        disk.hold_syncs(true);
        std::thread::scope(|scope| {
            let sync = scope.spawn(|| file.sync_data());
            disk.until_sync_is_held();
            if release {
                disk.hold_syncs(false);
            } else {
                let _ = disk.crash();
            }
            assert_eq!(sync.join().unwrap().is_ok(), release);
        });
    }
}
