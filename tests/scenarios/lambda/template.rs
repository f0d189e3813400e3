//! The template of the deployment, as AWS's own linter reads it.

use weir_tests::{DEADLINE, Exit, python_module};

#[test]
#[ignore = "needs python3 with cfn-lint"]
fn the_template_has_no_findings() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let template = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../lambda/deploy/template.yaml"
    );
    let mut process = python_module(&["cfnlint.runner.cli", template], folder.path());
    let exit = process.wait(5 * DEADLINE);
    assert_eq!(exit, Exit::Code(0), "{}", process.output());
}
