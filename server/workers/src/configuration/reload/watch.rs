//! Notices that the configuration file has changed.
//!
//! Watched is the folder and not the file: editors write a new file and rename
//! it over the old one, and a mounted ConfigMap swaps a link beside it. What
//! counts is what the file says once it has been quiet for a moment; an event
//! that leaves it as it is means nothing. The modules that it names are watched
//! in the same way.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use weir_config::{Config, ModuleContent};

use super::Reloader;

/// Writing a file is more than one event: a reload waits for so much silence.
const QUIET: Duration = Duration::from_millis(200);

/// Reloads on changes until `shutdown`.
pub async fn watch(reloader: Arc<Reloader>, shutdown: CancellationToken) {
    let changed = Arc::new(Notify::new());
    let notify = changed.clone();
    let on_event = move |event: notify::Result<notify::Event>| match event {
        // Reading it is an event as well, and nothing to read it again for.
        Ok(event) if event.kind.is_access() => {}
        _ => notify.notify_one(),
    };
    let file = reloader.file.clone();
    let mut watched = BTreeSet::new();
    let watcher = notify::recommended_watcher(on_event).and_then(|mut watcher| {
        let config = reloader.current.get();
        watch_folders(&mut watcher, &mut watched, &file, &config)?;
        Ok(watcher)
    });
    let mut watcher = match watcher {
        Ok(watcher) => watcher,
        Err(error) => {
            let file = file.display();
            warn!(%file, %error, "the configuration is not watched: reload it by SIGHUP");
            return;
        }
    };
    // It may have changed between the start and now.
    let mut seen = None;
    changed.notify_one();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = changed.notified() => {}
        }
        while tokio::time::timeout(QUIET, changed.notified())
            .await
            .is_ok()
        {}
        if !reloader.current.get().reload.watch {
            continue;
        }
        // A file that is being replaced may be missing for a moment.
        let Some(content) = content(&reloader).await else {
            debug!(file = %file.display(), "the configuration cannot be read just now");
            continue;
        };
        if seen.as_ref() != Some(&content) {
            let first = seen.replace(content).is_none();
            if !first || reloader.differs().await {
                reloader.reload("the file has changed").await;
                let config = reloader.current.get();
                if let Err(error) = watch_folders(&mut watcher, &mut watched, &file, &config) {
                    warn!(%error, "a module is not watched: reload it by SIGHUP");
                }
                // It may name other modules now.
                seen = self::content(&reloader).await.or(seen);
            }
        }
    }
}

/// The text of the file, and the digests of the modules in force, or why they
/// cannot be read.
async fn content(reloader: &Arc<Reloader>) -> Option<(Vec<u8>, Vec<String>)> {
    let (file, config) = (reloader.file.clone(), reloader.current.get());
    let read = move || {
        let text = std::fs::read(&file).ok()?;
        let module = |path: &Path| match ModuleContent::read(path) {
            Ok(content) => content.digest().to_owned(),
            Err(reason) => reason,
        };
        let modules = config.modules().map(|of| module(&of.path));
        Some((text, modules.collect()))
    };
    weir_blocking::blocking(read).await
}

/// Watches the folders of the file and of the modules that are not watched yet.
fn watch_folders(
    watcher: &mut notify::RecommendedWatcher,
    watched: &mut BTreeSet<PathBuf>,
    file: &Path,
    config: &Config,
) -> notify::Result<()> {
    let modules = config.modules().map(|module| &*module.path);
    for folder in std::iter::once(file).chain(modules).flat_map(folders) {
        if !watched.contains(&folder) {
            watcher.watch(&folder, RecursiveMode::NonRecursive)?;
            watched.insert(folder);
        }
    }
    Ok(())
}

/// The folder of the file's name, and that of a link's target.
fn folders(file: &Path) -> Vec<PathBuf> {
    let folder = |file: &Path| match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let named = folder(file);
    let real = file.canonicalize().map(|real| folder(&real));
    let same = |real: &PathBuf| named.canonicalize().is_ok_and(|named| named == *real);
    let real = real.ok().filter(|real| !same(real));
    std::iter::once(named).chain(real).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_watched_at_both_ends() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("real")).unwrap();
        std::fs::write(root.join("real/weir.toml"), "").unwrap();
        std::os::unix::fs::symlink("real/weir.toml", root.join("weir.toml")).unwrap();
        let found = folders(&root.join("weir.toml"));
        assert_eq!(found, [root.clone(), root.join("real")]);
        assert_eq!(folders(&root.join("real/weir.toml")), [root.join("real")]);
        assert_eq!(folders(Path::new("weir.toml")), [Path::new(".")]);
    }
}
