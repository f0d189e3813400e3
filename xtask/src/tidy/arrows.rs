//! Which crate may depend on which: the last column of the design's layout
//! table, proven from `cargo metadata`.
//!
//! Dependencies for tests and builds count too: a cycle that only tests see is
//! still a cycle in a reader's head.

use std::path::Path;

use crate::cargo::Metadata;

/// What a crate may depend on.
#[derive(Clone, Copy, Debug)]
enum May {
    Only(&'static [&'static str]),
    /// Everything but the crates that check it.
    Product,
    Any,
}

/// Folder, package, allowed dependencies (by folder).
const LAYOUT: &[(&str, &str, May)] = &[
    ("model", "weir-model", May::Only(&[])),
    (
        "config",
        "weir-config",
        May::Only(&["model", "base/doc-block"]),
    ),
    ("base/disk", "weir-disk", May::Only(&[])),
    ("base/kv", "weir-kv", May::Only(&[])),
    ("base/retry", "weir-retry", May::Only(&[])),
    ("base/blocking", "weir-blocking", May::Only(&[])),
    ("base/doc-block", "weir-doc-block", May::Only(&[])),
    ("base/http-client", "weir-http-client", May::Only(&[])),
    (
        "base/aws",
        "weir-aws",
        May::Only(&["model", "base/http-client"]),
    ),
    (
        "journal",
        "weir-journal",
        May::Only(&["model", "config", "base/disk"]),
    ),
    (
        "base/auth",
        "weir-auth",
        May::Only(&["model", "config", "base/http-client"]),
    ),
    (
        "functions/codec",
        "weir-codec",
        May::Only(&["model", "config"]),
    ),
    (
        "functions/engine",
        "weir-engine",
        May::Only(&["model", "config", "functions/codec"]),
    ),
    (
        "alerts/alarms",
        "weir-alarms",
        May::Only(&["model", "config"]),
    ),
    (
        "alerts/notify",
        "weir-notify",
        May::Only(&[
            "model",
            "config",
            "base/kv",
            "base/aws",
            "base/http-client",
            "alerts/alarms",
        ]),
    ),
    (
        "shadows/document",
        "weir-shadow-document",
        May::Only(&["model", "config"]),
    ),
    (
        "shadows/store",
        "weir-shadow-store",
        May::Only(&["model", "config", "base/kv", "shadows/document"]),
    ),
    (
        "store/influxdb",
        "weir-influxdb",
        May::Only(&["model", "config"]),
    ),
    (
        "store/quarantine",
        "weir-quarantine",
        May::Only(&["model", "config", "base/kv"]),
    ),
    (
        "store/series",
        "weir-series",
        May::Only(&["model", "config", "base/disk", "store/fixtures"]),
    ),
    (
        "store/sql",
        "weir-sql",
        May::Only(&["model", "config", "store/series", "store/fixtures"]),
    ),
    (
        "store/fixtures",
        "weir-store-fixtures",
        May::Only(&["model"]),
    ),
    (
        "ingest",
        "weir-ingest",
        May::Only(&[
            "model",
            "config",
            "base/auth",
            "base/retry",
            "base/blocking",
            "base/listener",
            "journal",
            "ingest/mqtt-broker",
        ]),
    ),
    ("ingest/mqtt-codec", "weir-mqtt-codec", May::Only(&[])),
    (
        "ingest/mqtt-broker",
        "weir-mqtt-broker",
        May::Only(&["ingest/mqtt-codec"]),
    ),
    (
        "simulator",
        "weir-simulator",
        May::Only(&["model", "config", "base/retry"]),
    ),
    ("dashboard", "weir-dashboard", May::Only(&[])),
    (
        "base/listener",
        "weir-listener",
        May::Only(&["config", "base/auth", "base/retry"]),
    ),
    (
        "server/pipeline",
        "weir-pipeline",
        May::Only(&[
            "model",
            "config",
            "functions",
            "alerts/alarms",
            "shadows/document",
        ]),
    ),
    (
        "server/workers",
        "weir-workers",
        May::Only(&[
            "alerts",
            "base/auth",
            "base/blocking",
            "base/retry",
            "config",
            "base/disk",
            "functions",
            "ingest",
            "journal",
            "model",
            "server/pipeline",
            "shadows",
            "store",
        ]),
    ),
    (
        "server/sql-endpoints",
        "weir-sql-endpoints",
        May::Only(&[
            "alerts",
            "base/auth",
            "config",
            "functions",
            "base/listener",
            "model",
            "server/pipeline",
            "shadows",
            "store",
        ]),
    ),
    (
        "server/backtest",
        "weir-backtest",
        May::Only(&[
            "alerts",
            "base/auth",
            "config",
            "base/disk",
            "functions",
            "ingest",
            "journal",
            "model",
            "server/pipeline",
            "store",
        ]),
    ),
    (
        "server/api",
        "weir-api",
        May::Only(&[
            "alerts",
            "base/auth",
            "base/doc-block",
            "base/retry",
            "server/backtest",
            "config",
            "dashboard",
            "functions",
            "ingest",
            "journal",
            "base/listener",
            "model",
            "server/pipeline",
            "shadows",
            "server/sql-endpoints",
            "store",
            "server/workers",
        ]),
    ),
    (
        "lambda",
        "weir-lambda",
        May::Only(&[
            "base/aws",
            "base/http-client",
            "config",
            "functions/engine",
            "model",
            "server/pipeline",
            "simulator",
            "store/influxdb",
        ]),
    ),
    ("server/app", "weir-app", May::Product),
    ("server/weir", "weir", May::Product),
    ("tests", "weir-tests", May::Only(&["server/weir", "model"])),
    ("benches", "weir-benches", May::Any),
    (
        "benches/detectors",
        "weir-detector-benches",
        May::Only(&[
            "functions/engine",
            "model",
            "config",
            "alerts/alarms",
            "simulator",
        ]),
    ),
    ("xtask", "xtask", May::Only(&[])),
];

/// Crates that check the product; nothing in the product depends on them.
const CHECKERS: &[&str] = &["tests", "benches", "benches/detectors", "xtask"];

/// Every breach, as a sentence.
pub(super) fn check(metadata: &Metadata, root: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    for package in &metadata.packages {
        let folder = package
            .manifest_path
            .parent()
            .and_then(|folder| folder.strip_prefix(root).ok());
        let folder = folder.and_then(Path::to_str).unwrap_or_default();
        let workspace = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.path.is_some());
        let names: Vec<&str> = workspace
            .map(|dependency| dependency.name.as_str())
            .collect();
        faults.extend(check_package(folder, &package.name, &names));
    }
    faults
}

/// Whether an entry of the table names this folder, or the subject that it is a
/// part of.
fn covers(entry: &str, folder: &str) -> bool {
    folder == entry
        || folder
            .strip_prefix(entry)
            .is_some_and(|rest| rest.starts_with('/'))
}

fn check_package(folder: &str, package: &str, dependencies: &[&str]) -> Vec<String> {
    let Some((_, named, may)) = LAYOUT.iter().find(|(known, ..)| *known == folder) else {
        return vec![format!(
            "{folder}/ is not in the layout table of xtask/src/tidy/arrows.rs"
        )];
    };
    let mut faults = Vec::new();
    if *named != package {
        faults.push(format!(
            "{folder}/ is the package {package}, and should be {named}"
        ));
    }
    for dependency in dependencies {
        let target = LAYOUT.iter().find(|(_, name, _)| name == dependency);
        let target = target.map_or(*dependency, |(folder, ..)| folder);
        let allowed = match may {
            May::Only(list) => list.iter().any(|entry| covers(entry, target)),
            May::Product => !CHECKERS.contains(&target),
            May::Any => true,
        };
        if !allowed {
            faults.push(format!(
                "{folder}/ depends on {target}/, which the layout does not allow"
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(folder: &str, package: &str, dependencies: &[&str], faults: usize) {
        let found = check_package(folder, package, dependencies);
        assert_eq!(found.len(), faults, "{found:?}");
    }

    #[test]
    fn arrows_point_only_where_the_layout_says() {
        check("model", "weir-model", &[], 0);
        check("model", "weir-model", &["weir-config"], 1);
        check("journal", "weir-journal", &["weir-model", "weir-disk"], 0);
        check(
            "functions/engine",
            "weir-engine",
            &["weir-model", "weir-journal", "weir-series"],
            2,
        );
        check("server/weir", "weir", &["weir-series", "weir-simulator"], 0);
        check("server/weir", "weir", &["weir-tests"], 1);
        check("tests", "weir-tests", &["weir", "weir-model"], 0);
        check("tests", "weir-tests", &["weir-series"], 1);
        check("benches", "weir-benches", &["weir-tests", "weir-series"], 0);
    }

    #[test]
    fn a_crate_that_is_not_in_the_table_or_misnamed_is_reported() {
        check("plugins", "weir-plugins", &[], 1);
        check("store/series", "weir-storage", &[], 1);
    }

    #[test]
    fn the_table_names_only_folders_that_it_knows() {
        for (folder, _, may) in LAYOUT {
            let May::Only(list) = may else { continue };
            for target in *list {
                assert!(
                    LAYOUT.iter().any(|(known, ..)| covers(target, known)),
                    "{folder} → {target}"
                );
                assert_ne!(folder, target);
            }
        }
    }
}
