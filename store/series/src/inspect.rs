//! Inspects a store's folder without changing it, also while a running Weir uses it:
//! which files it has, and whether they are sound.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir_disk::{Disk, RealDisk};

use crate::error::OpenError;
use crate::file::layout::Layout;
use crate::file::manifest::{self, FileEntry, Manifest, ManifestError};
use crate::file::reader::Footers;
use crate::file::rewrite;
use crate::file::segment::{Segment, SegmentError};

/// A store's folder as its newest manifest describes it.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The manifest, and the unreadable ones with their problem.
    pub manifest: PathBuf,
    pub damaged_manifests: Vec<(PathBuf, String)>,
    /// Readings removed by retention, and readings lost to damage.
    pub removed_readings: u64,
    pub damaged_readings: u64,
    pub files: Vec<InspectedFile>,
}

/// One file that the manifest names.
#[derive(Clone, Debug)]
pub struct InspectedFile {
    pub path: PathBuf,
    pub content: Content,
    pub rows: u64,
    pub readings: u64,
    pub bytes: u64,
    /// Nanoseconds since the epoch.
    pub min_time: i64,
    pub max_time: i64,
}

/// Content of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// Readings of devices with these sensors.
    Kind(Vec<String>),
    /// Readings of rare kinds of devices.
    Rare,
    /// A roll-up by hour or minute.
    Rollup,
}

/// Reads the newest sound manifest; `None` when the folder has none.
///
/// # Errors
///
/// When the folder cannot be read, or none of its manifests.
pub fn inspect(dir: &Path) -> Result<Option<Inspection>, OpenError> {
    let Some((manifest, path, damaged_manifests)) = newest(dir)? else {
        return Ok(None);
    };
    let files = manifest.files.iter().map(|entry| {
        let kind = &manifest.kinds[entry.kind as usize];
        let content = match &kind.columns {
            Some(columns) => Content::Kind(
                columns
                    .iter()
                    .map(|column| column.sensor.to_string())
                    .collect(),
            ),
            None => Content::Rare,
        };
        inspected(dir, entry, content, entry.total_readings())
    });
    let rollups = manifest
        .rollups
        .iter()
        .map(|rollup| inspected(dir, &rollup.file, Content::Rollup, 0));
    Ok(Some(Inspection {
        manifest: path,
        damaged_manifests,
        removed_readings: manifest.removed_readings,
        damaged_readings: manifest.damaged_readings,
        files: files.chain(rollups).collect(),
    }))
}

/// A file that was read completely.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a> {
    /// Its number, from 1, and the number of files.
    pub at: usize,
    pub of: usize,
    pub path: &'a Path,
    /// The problem that was found.
    pub problem: Option<&'a str>,
}

/// Reads every file completely: its length, its checksum, every value; calls `visit`
/// for each. A file that a running Weir replaces meanwhile counts as sound.
///
/// # Errors
///
/// As [`inspect`].
pub fn verify(dir: &Path, visit: &mut dyn FnMut(Verified<'_>)) -> Result<(), OpenError> {
    let Some((manifest, _, _)) = newest(dir)? else {
        return Ok(());
    };
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let rows = manifest.files.iter().map(|entry| {
        let layout = Layout::from(&manifest.kinds[entry.kind as usize]);
        (entry, layout)
    });
    let rollups = manifest
        .rollups
        .iter()
        .map(|rollup| (&rollup.file, Layout::Rollup));
    let all: Vec<(&FileEntry, Layout)> = rows.chain(rollups).collect();
    for (at, (entry, layout)) in all.iter().enumerate() {
        let segment = Arc::new(Segment::new(
            disk.clone(),
            dir,
            (*entry).clone(),
            layout.clone(),
        ));
        let problem = match read_whole(&segment) {
            Ok(()) => None,
            Err(error) if still_named(dir, entry.id)? => Some(error.to_string()),
            Err(_) => None,
        };
        visit(Verified {
            at: at + 1,
            of: all.len(),
            path: &segment.path,
            problem: problem.as_deref(),
        });
    }
    Ok(())
}

fn read_whole(segment: &Arc<Segment>) -> Result<(), SegmentError> {
    segment.verify()?;
    let rows = rewrite::load(segment, &Footers::default())?;
    if rows.num_rows() as u64 == segment.entry.rows {
        return Ok(());
    }
    let message = format!("{} rows instead of {}", rows.num_rows(), segment.entry.rows);
    Err(segment.decode_failed(parquet::errors::ParquetError::General(message)))
}

fn still_named(dir: &Path, id: u64) -> Result<bool, OpenError> {
    let Some((manifest, _, _)) = newest(dir)? else {
        return Ok(false);
    };
    let files = manifest.files.iter().map(|file| file.id);
    let named: HashSet<u64> = files
        .chain(manifest.rollups.iter().map(|rollup| rollup.file.id))
        .collect();
    Ok(named.contains(&id))
}

type Newest = (Manifest, PathBuf, Vec<(PathBuf, String)>);

fn newest(dir: &Path) -> Result<Option<Newest>, OpenError> {
    let io_error = |source| OpenError::Io {
        path: dir.to_owned(),
        source,
    };
    // A running Weir replaces manifests. A listed manifest may no longer exist when
    // it is read, but then a newer one does.
    let mut damaged = Vec::new();
    for (_, path) in manifest::list(&RealDisk, dir).map_err(io_error)? {
        let read = RealDisk.read(&path).map_err(ManifestError::from);
        match read.and_then(|bytes| Manifest::decode(&bytes)) {
            Ok(manifest) => return Ok(Some((manifest, path, damaged))),
            Err(source @ ManifestError::Version { .. }) => {
                return Err(OpenError::Manifest { path, source });
            }
            Err(error) => damaged.push((path, error.to_string())),
        }
    }
    match damaged.pop() {
        Some((path, _)) => Err(OpenError::Manifest {
            path,
            source: ManifestError::NotAManifest,
        }),
        None => Ok(None),
    }
}

fn inspected(dir: &Path, entry: &FileEntry, content: Content, readings: u64) -> InspectedFile {
    InspectedFile {
        path: dir.join(entry.name()),
        content,
        rows: entry.rows,
        readings,
        bytes: entry.bytes,
        min_time: entry.min_time,
        max_time: entry.max_time,
    }
}
