//! Which configuration decided about which part of the journal.
//!
//! A reload takes effect at a position: messages before it are decided by the old
//! configuration, messages from it on by the new one. That is kept on disk, and
//! before any message behind it is processed. So a replay after a crash decides
//! as it was decided the first time, and raises and clears the same alarms; and
//! a configuration that was changed while Weir was down takes effect where the
//! journal ended, as if it had been reloaded there.
//!
//! ```text
//! configurations.json
//! {"version": 1, "entries": [
//!   {"number": 1, "from": 0, "settings": {"toml": "…", "variables": {}, "folder": "/etc/weir"}},
//!   {"number": 2, "from": 81920, "settings": …}]}
//! ```
//!
//! Only the sections that decide about messages are in it ([`Settings`]), and the
//! modules that they name are stored beside it ([`modules`]). What
//! the journal has truncated is removed here, too. Without the file, or with
//! one that cannot be read, everything is replayed under the configuration of
//! the start, and the alarms are reconciled afterwards.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tracing::{error, warn};
use weir_config::{Config, Settings};
use weir_disk::{RealDisk, replace};
use weir_model::Position;

use modules::Modules;

mod modules;

const VERSION: u32 = 1;
/// Entries that are kept at most; the oldest go.
const KEEP: usize = 1_000;

/// The configurations in the order in which they came into force.
#[derive(Debug)]
pub struct ConfigHistory {
    path: PathBuf,
    modules: Modules,
    entries: Mutex<Vec<Entry>>,
}

#[derive(Clone, Debug)]
struct Entry {
    written: Written,
    config: Arc<Config>,
}

/// As it is in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Written {
    number: u64,
    /// It decides about messages at this position and behind.
    from: u64,
    settings: Settings,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    entries: Vec<Written>,
}

/// The part of the journal that exists at the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// The oldest position that can be read.
    pub(crate) start: Position,
    /// After the last message.
    pub(crate) end: Position,
}

impl ConfigHistory {
    /// Reads what is on disk, and lets `config` come into force at the end of
    /// the journal when it is another one than before.
    pub(crate) fn open(
        path: &Path,
        config: &Config,
        settings: &Settings,
        journal: Extent,
    ) -> io::Result<Arc<Self>> {
        let modules = Modules::new(path.with_file_name("modules"), config);
        let mut entries = Vec::new();
        for mut written in read(path) {
            let old =
                match Config::from_settings(&written.settings, &|digest| modules.content(digest)) {
                    Ok(old) => old,
                    Err(problems) => {
                        let first = problems.first().map(ToString::to_string);
                        warn!(
                            from = written.from,
                            problem = first,
                            "an earlier configuration cannot be read: its part of the journal is \
                         replayed under the one before it"
                        );
                        continue;
                    }
                };
            // Power may have taken messages away that stood before it.
            written.from = written.from.min(journal.end.0);
            entries.push(Entry {
                written,
                config: Arc::new(with_decisions_of(old, config)),
            });
        }
        let history = Arc::new(Self {
            path: path.to_owned(),
            modules,
            entries: Mutex::new(entries),
        });
        history.begin(config, settings, journal)?;
        Ok(history)
    }

    fn begin(&self, config: &Config, settings: &Settings, journal: Extent) -> io::Result<()> {
        let mut entries = self.entries.lock();
        let from = match entries.last() {
            Some(last) if *last.config == *config => return Ok(()),
            Some(_) => journal.end,
            None => Position(0),
        };
        self.push(&mut entries, from, config, settings, journal.start)
    }

    /// Lets a configuration come into force behind everything that is in the
    /// journal now, and returns where that is. Whoever reads the journal sees it
    /// before the first message behind it.
    pub(crate) fn record(
        &self,
        config: &Config,
        settings: &Settings,
        extent: impl FnOnce() -> io::Result<Extent>,
    ) -> io::Result<Position> {
        // A reader that took a chunk meanwhile waits for this lock.
        let mut entries = self.entries.lock();
        let Extent { start, end } = extent()?;
        self.push(&mut entries, end, config, settings, start)?;
        Ok(end)
    }

    fn push(
        &self,
        entries: &mut Vec<Entry>,
        from: Position,
        config: &Config,
        settings: &Settings,
        start: Position,
    ) -> io::Result<()> {
        let mut next = entries.clone();
        let number = next.last().map_or(1, |last| last.written.number + 1);
        let written = Written {
            number,
            from: from.0,
            settings: settings.clone(),
        };
        next.push(Entry {
            written,
            config: Arc::new(config.clone()),
        });
        // The last one from before the journal's start still decides there.
        let before = next.iter().filter(|entry| entry.written.from < start.0);
        let forgotten = before.count().saturating_sub(1);
        next.drain(..forgotten.max(next.len().saturating_sub(KEEP)));
        let file = File {
            version: VERSION,
            entries: next.iter().map(|entry| entry.written.clone()).collect(),
        };
        let bytes = serde_json::to_vec_pretty(&file)?;
        self.modules.keep(config)?;
        replace(&RealDisk, &self.path, &bytes)?;
        let digests = file
            .entries
            .iter()
            .flat_map(|entry| entry.settings.modules.values());
        let digests: BTreeSet<&str> = digests.map(String::as_str).collect();
        self.modules.retain(&digests);
        *entries = next;
        Ok(())
    }

    /// Goes on where a checkpoint at `position` stood, under its configuration
    /// `number`; 0 when that is not known.
    pub(crate) fn resume(self: &Arc<Self>, number: u64, position: Position) -> ConfigCursor {
        let entries = self.entries.lock();
        let known = entries.iter().find(|entry| entry.written.number == number);
        let in_force = || {
            let mut before = entries.iter();
            before.rfind(|entry| entry.written.from <= position.0)
        };
        let entry = known.or_else(in_force).or_else(|| entries.first());
        let entry = entry.expect("there always is one, that of the start at least");
        ConfigCursor {
            history: self.clone(),
            number: entry.written.number,
            config: entry.config.clone(),
        }
    }

    /// The configurations that are known, for what a session at a broker may
    /// still have of them.
    pub fn all(&self) -> Vec<Arc<Config>> {
        let entries = self.entries.lock();
        entries.iter().map(|entry| entry.config.clone()).collect()
    }
}

/// `current` with the sections of `old` that decide about messages. Every section
/// is named, so that a new one does not compile until it is on one of the sides.
fn with_decisions_of(old: Config, current: &Config) -> Config {
    let Config {
        // These decide what a message causes: they are kept in [`Settings`].
        routes,
        limits,
        line_protocol,
        functions,
        shadows,
        // These do not: the current ones are in force.
        http: _,
        auth: _,
        tls: _,
        broker: _,
        sources: _,
        journal: _,
        embedded_store: _,
        retention: _,
        influxdb: _,
        quarantine: _,
        watchdog: _,
        query: _,
        flight: _,
        postgres: _,
        reload: _,
        lambda: _,
        aws: _,
        alarms: _,
        alarm_meanings: _,
        channels: _,
        notify: _,
        maintenance: _,
        inhibit: _,
    } = old;
    Config {
        routes,
        limits,
        line_protocol,
        functions,
        shadows,
        ..current.clone()
    }
}

/// None when there is nothing that can be used.
fn read(path: &Path) -> Vec<Written> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            let path = path.display();
            error!(%path, %error, "cannot read the earlier configurations");
            return Vec::new();
        }
    };
    match serde_json::from_slice::<File>(&bytes) {
        Ok(file) if file.version == VERSION => file.entries,
        Ok(file) => {
            let (path, version) = (path.display(), file.version);
            error!(%path, version, "the earlier configurations are of another version of Weir");
            Vec::new()
        }
        Err(error) => {
            let path = path.display();
            error!(%path, %error, "the earlier configurations are damaged");
            Vec::new()
        }
    }
}

/// One reader's way through the history, beside its way through the journal.
#[derive(Clone, Debug)]
pub(crate) struct ConfigCursor {
    history: Arc<ConfigHistory>,
    number: u64,
    config: Arc<Config>,
}

impl ConfigCursor {
    /// The configuration that is in force for this reader.
    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Its number, to be kept with a checkpoint.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Where the next configuration comes into force, if there is one. To be
    /// asked after a chunk was read: then every change before the end of
    /// the chunk is known.
    pub(crate) fn next_change(&self) -> Option<Position> {
        let entries = self.history.entries.lock();
        let later = entries.iter().rev();
        let later = later.take_while(|entry| entry.written.number > self.number);
        later.last().map(|next| Position(next.written.from))
    }

    /// Applies the next configuration if it is in force at `position`.
    pub(crate) fn advance(&mut self, position: Position) -> Option<Arc<Config>> {
        let entries = self.history.entries.lock();
        let mut later = entries.iter();
        let next = later.find(|entry| entry.written.number > self.number)?;
        if next.written.from > position.0 {
            return None;
        }
        self.number = next.written.number;
        self.config = next.config.clone();
        Some(self.config.clone())
    }
}

#[cfg(test)]
mod tests;
