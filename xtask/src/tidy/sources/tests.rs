//! Each rule against a text that keeps it and one that breaks it.

use super::*;

#[track_caller]
fn faults(found: &[String], expect: &[&str]) {
    assert_eq!(found.len(), expect.len(), "{found:#?}");
    for (fault, part) in found.iter().zip(expect) {
        assert!(fault.contains(part), "{fault} lacks {part}");
    }
}

#[test]
fn a_module_opens_with_its_purpose() {
    faults(&check_rust("a.rs", "//! Counts.\n\nfn f() {}\n"), &[]);
    faults(
        &check_rust("a.rs", "use std::fmt;\n//! Counts.\n"),
        &["a.rs: open"],
    );
    faults(&check_rust("a.rs", ""), &["open"]);
    faults(&check_rust("a/tests.rs", "use super::*;\n"), &[]);
}

#[test]
fn unfinished_work_is_told_with_its_line() {
    let marker = MARKERS[0];
    faults(
        &check_rust("a.rs", &format!("//! A.\n// {marker} later\n")),
        &["a.rs:2"],
    );
}

#[test]
fn a_machines_path_is_told_in_any_file() {
    for path in MACHINE_PATHS {
        faults(
            &check_any("README.md", &format!("see\n{path}main\n")),
            &["README.md:2"],
        );
    }
    faults(
        &check_any("README.md", "/usr/bin and /tmp/x and workspace/"),
        &[],
    );
}

#[test]
fn a_manifest_takes_the_workspaces_lints() {
    assert!(takes_workspace_lints(
        "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n"
    ));
    assert!(!takes_workspace_lints(
        "[package]\nname = \"a\"\n\n[lints.rust]\n"
    ));
    assert!(!takes_workspace_lints("[lints]\nother = 1\n"));
}

#[test]
fn files_named_in_the_architecture_are_those_with_a_folder_and_an_ending() {
    let text = "`ingest/src/source.rs` and `store/src/embedded/`, `Journal::open`, `a/b = c`";
    assert_eq!(
        named_files(text).collect::<Vec<_>>(),
        ["ingest/src/source.rs", "store/src/embedded/"]
    );
}

#[test]
fn a_function_is_measured_from_its_name_to_its_closing_brace() {
    let body = "        x();\n".repeat(LARGE_FUNCTION - 1);
    let small = "    pub(crate) async fn small() {\n        x();\n    }\n";
    let text = format!("//! A.\nimpl A {{\n    pub fn big<T>(a: T) {{\n{body}    }}\n{small}}}\n");
    let large = sizes("a.rs", &text);
    faults(&large, &["a.rs:3: fn big, 71 lines"]);
    let exact = text.replacen("        x();\n", "", 1);
    faults(&sizes("a.rs", &exact), &[]);
}

#[test]
fn a_long_file_is_reported() {
    let lines = "//! A.\n".repeat(LARGE_FILE + 1);
    faults(&sizes("a.rs", &lines), &["a.rs: 401 lines"]);
    faults(&sizes("a.rs", &"//! A.\n".repeat(LARGE_FILE)), &[]);
}
