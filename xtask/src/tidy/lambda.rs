//! What the program for AWS Lambda is made of: its size and its start depend on what
//! it does not contain.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::cargo::output;

/// Packages that must not be in it: query engine, databases, other HTTP clients and
/// TLS libraries, compilers, password hashes, SDKs.
const FOREIGN: &[&str] = &[
    "argon2",
    "arrow",
    "aws-config",
    "aws-lc-rs",
    "aws-lc-sys",
    "aws-sdk-dynamodb",
    "datafusion",
    "hyper",
    "lettre",
    "openssl-sys",
    "parquet",
    "redb",
    "reqwest",
    "tokio",
    "wasmtime",
];

/// The most packages that it may have.
const MOST: usize = 150;

/// Every breach, as a sentence.
pub(super) fn check() -> Result<Vec<String>> {
    let tree = output(&[
        "tree",
        "--package",
        "weir-lambda",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ])?;
    Ok(faults(&tree))
}

fn faults(tree: &str) -> Vec<String> {
    // `name v1.0.0 (path) (*)`
    let names: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let foreign = FOREIGN.iter().filter(|name| names.contains(*name));
    let mut faults: Vec<String> = foreign
        .map(|name| {
            format!(
                "lambda/ contains {name}: find out why with `cargo tree -p weir-lambda -e normal \
                 -i {name}`"
            )
        })
        .collect();
    if names.len() > MOST {
        faults.push(format!(
            "lambda/ has {} packages, more than {MOST}",
            names.len()
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_the_program_large_is_told() {
        let tree = "weir-lambda v0.1.0 (/x)\nureq v3.5.0\nring v0.17.0 (*)\n";
        assert_eq!(faults(tree), Vec::<String>::new());
        let found = faults(&format!("{tree}tokio v1.0.0\narrow v59.0.0 (*)\n"));
        assert_eq!(found.len(), 2, "{found:?}");
        let many: Vec<String> = (0..=MOST).map(|n| format!("p{n} v1.0.0")).collect();
        assert_eq!(faults(&many.join("\n")).len(), 1);
    }
}
