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
fn unfinished_work_is_reported_with_its_line() {
    let marker = MARKERS[0];
    faults(
        &check_rust("a.rs", &format!("//! A.\n// {marker} later\n")),
        &["a.rs:2"],
    );
}

#[test]
fn a_machines_path_is_reported_in_any_file() {
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

#[test]
fn a_path_out_of_the_checkout_is_reported() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let check = |file: &str, line: &str, expect: usize| {
        let found = check_inside(&root, Path::new(file), line);
        assert_eq!(found.len(), expect, "{file}: {line}");
    };
    let up = |steps: usize| "../".repeat(steps);
    // The package is `xtask/`.
    check("xtask/src/a/b.rs", &format!("root.join({:?})", up(1)), 0);
    check("xtask/src/a/b.rs", &format!("root.join({:?})", up(2)), 1);
    check(
        "xtask/src/a/b.rs",
        &format!("include_str!(\"{}x\")", up(3)),
        0,
    );
    check(
        "xtask/src/a/b.rs",
        &format!("include_str!(\"{}x\")", up(4)),
        1,
    );
    check("docs/a.md", &format!("[x]({}README.md)", up(1)), 0);
    check("docs/a.md", &format!("[x]({}other/README.md)", up(2)), 1);
    check("docs/a.md", &format!("{}a and {}b", up(1), up(1)), 0);
    check("README.md", &format!("see {}x", up(1)), 1);
}

#[test]
fn a_file_declares_at_most_25_modules() {
    let file = |count: usize| "//! A.\n".to_owned() + &"pub(crate) mod a_1;\n".repeat(count);
    faults(&check_rust("a.rs", &file(MAX_MODULES)), &[]);
    faults(
        &check_rust("a.rs", &file(MAX_MODULES + 1)),
        &["a.rs: declares 26 modules"],
    );
    assert!(declares_module("mod a;") && declares_module("    pub mod b;"));
    assert!(!declares_module("mod tests {") && !declares_module("// mod a; and b"));
}
