//! Opening: the newest manifest that can be read says what is there; the rest is
//! left over from a checkpoint that did not commit, and goes.

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
use crate::file::manifest::{self, Manifest, ManifestError, RollupEntry};
use crate::file::reader::Footers;
use crate::file::segment::{Rollup, Segment, SegmentError};
use crate::memory::memtable::MemTable;
use crate::memory::patch::Patches;
use crate::rollup::step::RollupStep;
use crate::state::{Contents, StoreState};
use crate::stats::Checkpoint;

/// The manifests that could be read, and how it went.
struct Found {
    newest: Option<Manifest>,
    /// The one before: what it names is kept until the next checkpoint.
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
    let mut manifest = found.newest.unwrap_or_default();
    if new {
        manifest.horizon = i64::MIN;
    }
    let segments = |manifest: &Manifest| -> Vec<Arc<Segment>> {
        let make = |entry: &manifest::FileEntry| {
            let layout = Layout::from(&manifest.kinds[entry.kind as usize]);
            Arc::new(Segment::new(disk.clone(), dir, entry.clone(), layout))
        };
        manifest.files.iter().map(make).collect()
    };
    let rollups = |manifest: &Manifest| -> Vec<Rollup> {
        let make = |entry: &RollupEntry| Rollup {
            step: entry.step,
            source: entry.source,
            segment: Arc::new(Segment::new(
                disk.clone(),
                dir,
                entry.file.clone(),
                Layout::Rollup,
            )),
        };
        manifest.rollups.iter().map(make).collect()
    };
    let mut all = segments(&manifest);
    let mut all_rollups = rollups(&manifest);
    let files = manifest.files.iter().map(|file| file.id);
    let named: HashSet<u64> = files
        .chain(manifest.rollups.iter().map(|rollup| rollup.file.id))
        .collect();
    let mut previous = Vec::new();
    if let Some(before) = &found.before {
        previous.extend(segments(before));
        previous.extend(rollups(before).into_iter().map(|rollup| rollup.segment));
    }
    previous.retain(|segment| !named.contains(&segment.entry.id));
    let kept = previous
        .iter()
        .map(|segment| segment.entry.id)
        .chain(named)
        .collect();
    let next_file = clean(&*disk, dir, &kept, found.fell_back).map_err(io_error)?;

    let footers = Arc::new(Footers::default());
    let mut contents = Contents {
        memory: MemTable::default(),
        segments: Arc::default(),
        rollups: Arc::default(),
        kinds: manifest.kinds.iter().map(Layout::from).collect(),
        keys: KeyIndex::new(footers.clone()),
        patches: Patches::default(),
        previous,
        unconfirmed: Vec::new(),
        sequence: found.highest,
        durable: manifest.sequence,
        next_file: manifest.next_file.max(next_file),
        horizon: manifest.horizon,
        now: None,
        removed_readings: manifest.removed_readings,
        damaged_files: manifest.damaged_files,
        damaged_readings: manifest.damaged_readings,
        fell_back: found.fell_back,
        last_checkpoint: None,
        trimmed: HashMap::new(),
    };
    let all_files = all
        .iter()
        .chain(all_rollups.iter().map(|rollup| &rollup.segment));
    for segment in all_files {
        match segment.verify_length() {
            Ok(()) => {}
            Err(error @ SegmentError::Damaged { .. }) => contents.set_aside(segment, &error),
            Err(SegmentError::Io { source, .. }) => {
                return Err(OpenError::Io {
                    path: segment.path.clone(),
                    source,
                });
            }
            Err(error) => tracing::warn!(%error, "a file of the store cannot be looked at"),
        }
    }
    all.retain(|segment| !segment.is_damaged());
    contents.segments = Arc::new(all);
    all_rollups.retain(|rollup| !rollup.segment.is_damaged());
    contents.rollups = Arc::new(all_rollups);
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

/// A manifest whose last sync failed can be seen without being durable, and no
/// later sync makes it so. What is told to the caller, and what the journal then
/// lets go of, rests on it: so it is written once more.
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
            // A folder of a newer version, or a disk that does not answer, is no
            // damage: nothing may be changed.
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
        // Not even the one before it: starting empty would throw away what is there.
        Some((path, source)) => Err(OpenError::Manifest { path, source }),
        None => Ok(found),
    }
}

/// Removes what no manifest names, and tells the first free file number. After a
/// fall-back nothing is removed but set aside: it may be all that is left.
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
