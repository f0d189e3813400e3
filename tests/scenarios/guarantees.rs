//! What `docs/reference/guarantees.md` names as proof exists.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_is_named_as_proof_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document =
        fs::read_to_string(root.join("docs/reference/guarantees.md")).expect("it is there");
    let mut named = 0;
    for quoted in document.split('`').skip(1).step_by(2) {
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
    assert!(named > 50, "only {named} tests are named");
    for fault in 1..=37 {
        assert!(document.contains(&format!("| {fault} |")), "fault {fault}");
    }
}
