//! The wall clock of a Weir, by libfaketime. What measures durations is the real
//! one all the time.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{WeirSpec, library};

/// A clock to be moved while a Weir runs by it.
#[derive(Debug)]
pub struct Clock {
    folder: TempDir,
}

impl Clock {
    /// The real time, until it is moved.
    #[track_caller]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let clock = Self { folder };
        clock.set("+0");
        clock
    }

    /// Such as `+1h` or `-1h` against the real time, from the next look on; or an
    /// instant (UTC) such as `2026-11-20 06:00:00`, at which it stops.
    #[track_caller]
    pub fn set(&self, time: &str) {
        let partial = self.folder.path().join("partial");
        fs::write(&partial, time).expect("the temporary folder is writable");
        fs::rename(&partial, self.file()).expect("the temporary folder is writable");
    }

    /// A Weir that goes by it.
    #[must_use]
    pub fn apply(&self, spec: WeirSpec) -> WeirSpec {
        let text = |path: &Path| path.to_str().expect("it is UTF-8").to_owned();
        let library = library("faketime/libfaketimeMT.so.1");
        spec.env("LD_PRELOAD", &text(&library))
            .env("FAKETIME_TIMESTAMP_FILE", &text(&self.file()))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .env("TZ", "UTC")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}
