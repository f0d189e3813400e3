//! What `docs/reference/guarantees.md` and `docs/reference/limits.md` name as proof exists.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_is_named_as_proof_exists() {
    let (document, named) = proofs("docs/reference/guarantees.md");
    assert!(named > 50, "only {named} tests are named");
    for fault in 1..=37 {
        assert!(document.contains(&format!("| {fault} |")), "fault {fault}");
    }
}

#[test]
fn every_test_that_is_named_as_proof_of_a_limit_exists() {
    let (_, named) = proofs("docs/reference/limits.md");
    assert!(named > 45, "only {named} tests are named");
}

/// The document, and how many tests it names; each of them exists.
#[track_caller]
fn proofs(document: &str) -> (String, usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document = fs::read_to_string(root.join(document)).expect("it is there");
    let mut named = 0;
    for quoted in document.split('`').skip(1).step_by(2) {
        if let Some((file, check)) = quoted.split_once(".py: ") {
            let source = fs::read_to_string(root.join(format!("{file}.py")));
            let source = source.unwrap_or_else(|error| panic!("{file} of {check}: {error}"));
            let function = format!("def {check}(");
            assert!(source.contains(&function), "{file} has no {check}");
            named += 1;
            continue;
        }
        let Some((file, test)) = quoted.split_once(".rs: ") else {
            continue;
        };
        let file = format!("{file}.rs");
        let source = fs::read_to_string(root.join(&file))
            .unwrap_or_else(|error| panic!("{file} of {test}: {error}"));
        let function = format!("fn {test}(");
        let (before, _) = source
            .split_once(&function)
            .unwrap_or_else(|| panic!("{file} has no {test}"));
        let attributes = before.rsplit("\n\n").next().unwrap_or_default();
        assert!(attributes.contains("test"), "{test} in {file} is no test");
        named += 1;
    }
    (document, named)
}
