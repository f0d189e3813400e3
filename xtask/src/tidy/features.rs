//! One feature set: a build of Weir alone and one of the whole workspace compile
//! each dependency with the same features.
//!
//! Otherwise `cargo build --release` and a bench, or `cargo build` and
//! `cargo build --workspace`, each compile DataFusion and wasmtime for themselves.
//! Dependencies of tests are not part of it: all tests are built by one command.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::cargo::output;

/// Features by package and version; a package can be built more than once.
type Features<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Every dependency of Weir whose features depend on what else is built.
pub(super) fn check() -> Result<Vec<String>> {
    let tree = |selection: &[&str]| {
        let mut args = vec!["tree", "--edges", "normal,build", "--prefix", "none"];
        args.extend(["--format", "{p}|{f}"]);
        args.extend(selection);
        output(&args)
    };
    let (weir, workspace) = (tree(&["--package", "weir"])?, tree(&["--workspace"])?);
    Ok(compare(&read(&weir), &read(&workspace)))
}

fn read(tree: &str) -> Features<'_> {
    let mut features = Features::new();
    for line in tree.lines() {
        // `name v1.0.0 (proc-macro)|a,b (*)`
        let (package, rest) = line.split_once('|').unwrap_or((line, ""));
        let found = rest.strip_suffix(" (*)").unwrap_or(rest);
        features.entry(package).or_default().insert(found);
    }
    features
}

fn compare(weir: &Features<'_>, workspace: &Features<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for (package, alone) in weir {
        let Some(together) = workspace.get(package) else {
            continue;
        };
        if alone != together {
            let list = |sets: &BTreeSet<&str>| Vec::from_iter(sets.iter().copied()).join("; ");
            faults.push(format!(
                "{package} has other features in a build of weir ({}) than in one of the workspace \
                 ({}): find the crate with `cargo tree --workspace -e features -i {}`, and give it \
                 what Weir has, or nothing",
                list(alone),
                list(together),
                package.split(' ').next().unwrap_or(package)
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_with_other_features_is_reported() {
        let weir = read("weir v0.1.0|\na v1.0.0|std\nb v1.0.0 (proc-macro)|x\na v1.0.0|std (*)");
        let same = read("b v1.0.0 (proc-macro)|x\na v1.0.0|std\nc v2.0.0|all");
        assert_eq!(compare(&weir, &same), Vec::<String>::new());
        let other = read("a v1.0.0|alloc,std\nb v1.0.0 (proc-macro)|x");
        let faults = compare(&weir, &other);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(
            faults[0].starts_with("a v1.0.0 has other features"),
            "{faults:?}"
        );
        // Built twice, with different features.
        assert_eq!(compare(&weir, &read("a v1.0.0|std\na v1.0.0|")).len(), 1);
    }
}
