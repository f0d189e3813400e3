//! A small file system of its own, for disks that run full or turn read-only.
//!
//! Mounting needs root with CAP_SYS_ADMIN: tests that use it are in a module
//! `as_root`, which `cargo xtask test` leaves out, and says so, where mounting
//! is not possible.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::program;

const BALLAST: &str = "ballast";

/// A mounted tmpfs. It is unmounted when this goes out of scope.
#[derive(Debug)]
pub struct Tmpfs {
    folder: TempDir,
}

impl Tmpfs {
    #[track_caller]
    pub fn mount(mib: u64) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let options = format!("size={mib}m,mode=700");
        let tmpfs = Self { folder };
        run(
            "mount",
            &["-t", "tmpfs", "-o", &options, "tmpfs"],
            tmpfs.path(),
        );
        tmpfs
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all of its space, to the last byte.
    #[track_caller]
    pub fn fill(&self) {
        let mut file =
            File::create(self.path().join(BALLAST)).expect("an empty file takes no space");
        for size in [1 << 20, 4096, 1] {
            let block = vec![0; size];
            let error = loop {
                if let Err(error) = file.write_all(&block) {
                    break error;
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
        }
    }

    /// Gives back what [`Tmpfs::fill`] took.
    #[track_caller]
    pub fn clear(&self) {
        fs::remove_file(self.path().join(BALLAST)).expect("it was filled");
    }

    /// Lets no file be made, renamed or removed in these folders, as long as the
    /// returned value lives. Files that are open are still written to.
    #[track_caller]
    pub fn make_immutable<'a>(&self, folders: &'a [PathBuf]) -> Immutable<'a> {
        let immutable = Immutable(folders);
        folders
            .iter()
            .for_each(|folder| run("chattr", &["+i"], folder));
        immutable
    }
}

/// Folders that are immutable until this goes out of scope.
#[derive(Debug)]
pub struct Immutable<'a>(&'a [PathBuf]);

impl Drop for Immutable<'_> {
    fn drop(&mut self) {
        self.0
            .iter()
            .for_each(|folder| run("chattr", &["-i"], folder));
    }
}

#[track_caller]
fn run(name: &str, args: &[&str], folder: &Path) {
    let mut command = Command::new(program(name));
    command.args(args).arg(folder).stdin(Stdio::null());
    let status = command.status().expect("it can be run");
    assert!(status.success(), "{command:?}: {status}; is this root?");
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open in it holds nobody up.
        let mut command = Command::new(program("umount"));
        command.arg("--lazy").arg(self.path()).stdin(Stdio::null());
        let _ = command.status();
    }
}
