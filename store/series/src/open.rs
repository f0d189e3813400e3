//! Opens a store: the newest readable manifest names the store's files. Other files
//! are left over from a checkpoint that did not commit and are removed.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use weir_disk::Disk;

use crate::error::OpenError;
use crate::file::device_rows::DeviceRows;
use crate::file::key_index::KeyIndex;
use crate::file::layout::Layout;
use crate::file::manifest::{self, FileEntry, Manifest, ManifestError};
use crate::file::patch::Patches;
use crate::file::reader::Footers;
use crate::file::segment::{Rollup, Segment, SegmentError};
use crate::memory::memtable::MemTable;
use crate::rollup_step::RollupStep;
use crate::state::{Contents, StoreState};
use crate::stats::Checkpoint;

/// The readable manifests.
struct Found {
    newest: Option<Manifest>,
    /// The previous manifest: its files are kept until the next checkpoint.
    before: Option<Manifest>,
    highest: u64,
    fell_back: bool,
}

pub(crate) fn open(
    dir: &Path,
    config: &weir_config::EmbeddedStore,
    disk: Arc<dyn Disk>,
    rollup_min_rows: u64,
) -> Result<(StoreState, Option<Checkpoint>), OpenError> {
    let io_error = |source| OpenError::Io {
        path: dir.to_owned(),
        source,
    };
    disk.create_dir_all(dir).map_err(io_error)?;
    let mut found = read_manifests(&*disk, dir)?;
    if let Some(manifest) = &mut found.newest {
        found.highest += 1;
        commit_again(&*disk, dir, manifest, found.highest);
    }
    let new = found.newest.is_none();
    let mut manifest = found.newest.take().unwrap_or_default();
    if new {
        manifest.horizon = i64::MIN;
    }
    let files = Files::of(&manifest, &disk, dir);
    let named: HashSet<u64> = files.all().map(|segment| segment.entry.id).collect();
    let before = found.before.take();
    let before = before.map(|before| Files::of(&before, &disk, dir));
    let mut previous: Vec<Arc<Segment>> = before.iter().flat_map(Files::all).cloned().collect();
    previous.retain(|segment| !named.contains(&segment.entry.id));
    let kept = previous
        .iter()
        .map(|segment| segment.entry.id)
        .chain(named)
        .collect();
    let next_file = clean(&*disk, dir, &kept, found.fell_back).map_err(io_error)?;

    let footers = Arc::new(Footers::default());
    let mut contents = contents(&manifest, &found, footers.clone());
    contents.previous = previous;
    contents.next_file = contents.next_file.max(next_file);
    add_sound(&mut contents, files)?;
    let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    let state = StoreState {
        dir: dir.to_owned(),
        disk,
        retention_ns: nanos(config.retention),
        rules: RwLock::default(),
        rollup_retention_ns: [
            (RollupStep::Minute, config.retention_1m.map(nanos)),
            (RollupStep::Hour, Some(nanos(config.retention_1h))),
        ],
        rollup_min_rows,
        catalog: OnceLock::new(),
        footers,
        device_rows: DeviceRows::default(),
        writer: Mutex::new(()),
        contents: Mutex::new(contents),
    };
    let checkpoint = (!new).then_some(Checkpoint {
        position: manifest.position,
        snapshot: manifest.snapshot,
        counts: manifest.counts,
    });
    Ok((state, checkpoint))
}

/// The files that a manifest names.
struct Files {
    segments: Vec<Arc<Segment>>,
    rollups: Vec<Rollup>,
}

impl Files {
    fn of(manifest: &Manifest, disk: &Arc<dyn Disk>, dir: &Path) -> Self {
        let segment = |entry: &FileEntry, layout| {
            Arc::new(Segment::new(disk.clone(), dir, entry.clone(), layout))
        };
        let segments = manifest.files.iter().map(|entry| {
            let layout = Layout::from(&manifest.kinds[entry.kind as usize]);
            segment(entry, layout)
        });
        let rollups = manifest.rollups.iter().map(|rollup| Rollup {
            step: rollup.step,
            source: rollup.source,
            segment: segment(&rollup.file, Layout::Rollup),
        });
        Self {
            segments: segments.collect(),
            rollups: rollups.collect(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Segment>> {
        let rollups = self.rollups.iter().map(|rollup| &rollup.segment);
        self.segments.iter().chain(rollups)
    }
}

/// The contents of a store without its files.
fn contents(manifest: &Manifest, found: &Found, footers: Arc<Footers>) -> Contents {
    Contents {
        memory: MemTable::default(),
        segments: Arc::default(),
        rollups: Arc::default(),
        kinds: manifest.kinds.iter().map(Layout::from).collect(),
        keys: KeyIndex::new(footers),
        patches: Patches::default(),
        previous: Vec::new(),
        unconfirmed: Vec::new(),
        sequence: found.highest,
        durable: manifest.sequence,
        next_file: manifest.next_file,
        horizon: manifest.horizon,
        now: None,
        removed_readings: manifest.removed_readings,
        damaged_files: manifest.damaged_files,
        damaged_readings: manifest.damaged_readings,
        fell_back: found.fell_back,
        last_checkpoint: None,
        trimmed: HashMap::new(),
    }
}

/// Adds the files that exist with their full length; sets the others aside.
fn add_sound(contents: &mut Contents, mut files: Files) -> Result<(), OpenError> {
    for segment in files.all() {
        match segment.verify_length() {
            Ok(()) => {}
            Err(error @ SegmentError::Damaged { .. }) => contents.set_aside(segment, &error),
            Err(SegmentError::Io { source, .. }) => {
                return Err(OpenError::Io {
                    path: segment.path.clone(),
                    source,
                });
            }
            Err(error) => tracing::warn!(%error, "cannot check a file of the store"),
        }
    }
    files.segments.retain(|segment| !segment.is_damaged());
    files.rollups.retain(|rollup| !rollup.segment.is_damaged());
    contents.segments = Arc::new(files.segments);
    contents.rollups = Arc::new(files.rollups);
    Ok(())
}

/// Writes the manifest again. A manifest whose last sync failed can be visible
/// without being durable, and no later sync makes it durable; but the caller, and
/// the journal that it truncates, rely on it.
fn commit_again(disk: &dyn Disk, dir: &Path, manifest: &mut Manifest, sequence: u64) {
    let before = std::mem::replace(&mut manifest.sequence, sequence);
    let bytes = manifest.encode().map_err(io::Error::other);
    let path = manifest::path(dir, sequence);
    if let Err(error) = bytes.and_then(|bytes| weir_disk::replace(disk, &path, &bytes)) {
        // A full disk must not keep Weir from starting.
        manifest.sequence = before;
        tracing::warn!(path = %path.display(), %error, "cannot write the manifest at open");
    }
}

fn read_manifests(disk: &dyn Disk, dir: &Path) -> Result<Found, OpenError> {
    let io_error = |source| OpenError::Io {
        path: dir.to_owned(),
        source,
    };
    let listed = manifest::list(disk, dir).map_err(io_error)?;
    let highest = listed.first().map_or(0, |(sequence, _)| *sequence);
    let mut found = Found {
        newest: None,
        before: None,
        highest,
        fell_back: false,
    };
    let mut damaged = Vec::new();
    for (_, path) in listed {
        let read = disk.read(&path).map_err(ManifestError::from);
        match read.and_then(|bytes| Manifest::decode(&bytes)) {
            Ok(manifest) if found.newest.is_none() => found.newest = Some(manifest),
            Ok(manifest) => {
                found.before = Some(manifest);
                break;
            }
            // A newer version or a failing disk is not damage: nothing may change.
            Err(source @ (ManifestError::Version { .. } | ManifestError::Io(_))) => {
                return Err(OpenError::Manifest { path, source });
            }
            Err(source) => {
                tracing::error!(path = %path.display(), error = %source,
                    "a manifest of the store is damaged");
                found.fell_back |= found.newest.is_none();
                damaged.push((path, source));
            }
        }
    }
    if found.newest.is_some() {
        for (path, _) in damaged {
            disk.rename(&path, &path.with_added_extension("damaged"))
                .map_err(io_error)?;
        }
        return Ok(found);
    }
    match damaged.into_iter().next() {
        // No manifest is left: starting empty would discard the existing files.
        Some((path, source)) => Err(OpenError::Manifest { path, source }),
        None => Ok(found),
    }
}

/// Removes files that no manifest names and returns the first free file number.
/// After a fall-back such files are set aside instead: they may be all that is left.
fn clean(disk: &dyn Disk, dir: &Path, kept: &HashSet<u64>, fell_back: bool) -> io::Result<u64> {
    let mut next_file = 0;
    for path in disk.list(dir)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let id = name
            .split('.')
            .next()
            .and_then(|digits| u64::from_str_radix(digits, 16).ok());
        next_file = next_file.max(id.map_or(0, |id| id.saturating_add(1)));
        let orphan = name.ends_with(".parquet") && id.is_some_and(|id| !kept.contains(&id));
        if orphan && fell_back {
            tracing::error!(path = %path.display(), "set aside: only the damaged manifest named it");
            disk.rename(&path, &path.with_added_extension("unlisted"))?;
        } else if orphan || name.ends_with(".tmp") {
            disk.remove(&path)?;
        }
    }
    Ok(next_file)
}
