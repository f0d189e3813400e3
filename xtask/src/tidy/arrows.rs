//! Which crate may depend on which: the last column of the design's layout
//! table, proven from `cargo metadata`.
//!
//! Dependencies for tests and builds count too: a cycle that only tests see is
//! still a cycle in a reader's head.

use std::path::Path;

use cargo_metadata::Metadata;

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
    ("config", "weir-config", May::Only(&["model"])),
    ("base/disk", "weir-disk", May::Only(&[])),
    ("base/kv", "weir-kv", May::Only(&[])),
    (
        "journal",
        "weir-journal",
        May::Only(&["model", "config", "base/disk"]),
    ),
    ("base/auth", "weir-auth", May::Only(&["model", "config"])),
    (
        "functions",
        "weir-functions",
        May::Only(&["model", "config", "base/auth"]),
    ),
    (
        "alerts",
        "weir-alerts",
        May::Only(&["model", "config", "base/kv"]),
    ),
    (
        "shadows",
        "weir-shadows",
        May::Only(&["model", "config", "base/kv"]),
    ),
    (
        "store",
        "weir-store",
        May::Only(&["model", "config", "base/disk", "base/kv"]),
    ),
    (
        "ingest",
        "weir-ingest",
        May::Only(&["model", "config", "base/auth", "journal"]),
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
        May::Only(&["model", "config"]),
    ),
    ("dashboard", "weir-dashboard", May::Only(&[])),
    ("server", "weir", May::Product),
    ("tests", "weir-tests", May::Only(&["server", "model"])),
    ("benches", "weir-benches", May::Any),
    (
        "benches/detectors",
        "weir-detector-benches",
        May::Only(&["functions", "model", "config", "alerts", "simulator"]),
    ),
    ("xtask", "xtask", May::Only(&[])),
];

/// Crates that check the product; nothing in the product depends on them.
const CHECKERS: &[&str] = &["tests", "benches", "benches/detectors", "xtask"];

/// Every breach, as a sentence.
pub(super) fn check(metadata: &Metadata, root: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    for package in metadata.workspace_packages() {
        let manifest = package.manifest_path.as_std_path();
        let folder = manifest
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
        faults.extend(check_package(folder, package.name.as_str(), &names));
    }
    faults
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
            May::Only(list) => list.contains(&target),
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
            "functions",
            "weir-functions",
            &["weir-model", "weir-journal", "weir-store"],
            2,
        );
        check("server", "weir", &["weir-store", "weir-simulator"], 0);
        check("server", "weir", &["weir-tests"], 1);
        check("tests", "weir-tests", &["weir", "weir-model"], 0);
        check("tests", "weir-tests", &["weir-store"], 1);
        check("benches", "weir-benches", &["weir-tests", "weir-store"], 0);
    }

    #[test]
    fn a_crate_that_is_not_in_the_table_or_misnamed_is_told() {
        check("plugins", "weir-plugins", &[], 1);
        check("store", "weir-storage", &[], 1);
    }

    #[test]
    fn the_table_names_only_folders_that_it_knows() {
        for (folder, _, may) in LAYOUT {
            let May::Only(list) = may else { continue };
            for target in *list {
                assert!(
                    LAYOUT.iter().any(|(known, ..)| known == target),
                    "{folder} → {target}"
                );
                assert_ne!(folder, target);
            }
        }
    }
}
