//! Applies a changed access file while Weir runs: adding an identity and removing
//! rights need no restart. A file with a mistake changes nothing, and is logged
//! once.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use weir_auth::Access;
use weir_config::Config;

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// Distinguishes one content of the file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(file).ok()?;
    Some(Stamp {
        modified: metadata.modified().ok(),
        bytes: metadata.len(),
    })
}

/// Looks at the file until `shutdown`, and puts into `access` what it says.
pub async fn watch(access: Access, config: Config, shutdown: CancellationToken) {
    let Some(auth) = config.auth.clone() else {
        return;
    };
    let mut seen = stamp(&auth.file);
    // It may have changed between the start and now.
    let mut first = true;
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = shutdown.cancelled() => return,
        }
        let now = stamp(&auth.file);
        if now == seen && !first {
            continue;
        }
        let is_change = now != seen;
        (seen, first) = (now, false);
        match Access::load(&config) {
            Ok(fresh) => {
                access.replace(&fresh);
                if is_change {
                    info!(file = %auth.file.display(), "access file changed; new rules in force");
                }
            }
            Err(error) => {
                warn!(%error, "access file rejected; keeping current rules");
            }
        }
    }
}
