//! Generated blocks of documents. A test writes the block from what the code
//! knows and compares it with the file, so a reference cannot go out of date.
//!
//! A block is between two lines: one that contains `generated: NAME` and one that
//! contains `end: NAME`. `WEIR_BLESS=1 cargo test` writes the generated text into
//! the files instead of comparing it.
//!
//! Only tests use this crate.

use std::fs;
use std::path::Path;

/// The root of the workspace, from this crate's folder.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Compares the block `name` of a Markdown file with `text`. `document` is relative
/// to the root of the workspace. A blank line surrounds the text in the file.
///
/// # Panics
/// When the file lacks the block, or the block differs.
#[track_caller]
pub fn assert_markdown(document: &str, name: &str, text: &str) {
    assert_block(document, name, &format!("\n{}\n\n", text.trim()));
}

/// Compares the block `name` of a file with `text`, which is whole lines.
///
/// # Panics
/// When the file lacks the block, or the block differs.
#[track_caller]
pub fn assert_block(document: &str, name: &str, text: &str) {
    let path = Path::new(ROOT).join(document);
    let file = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"));
    let Some((start, end)) = find(&file, name) else {
        panic!("{document} has no block {name}");
    };
    if &file[start..end] == text {
        return;
    }
    if std::env::var_os("WEIR_BLESS").is_some() {
        let blessed = [&file[..start], text, &file[end..]].concat();
        fs::write(&path, blessed).unwrap_or_else(|error| panic!("{document}: {error}"));
        return;
    }
    let line = first_difference(&file[start..end], text);
    panic!(
        "the block {name} of {document} differs from the code, first here:\n{line}\n\
         WEIR_BLESS=1 cargo test writes it"
    );
}

/// The byte range of the lines between the two markers.
fn find(file: &str, name: &str) -> Option<(usize, usize)> {
    let marker = |marker: &str, from: usize| {
        let marker = format!("{marker}: {name}");
        let mut lines = file[from..].split_inclusive('\n');
        let mut at = from;
        lines.find_map(|line| {
            let begin = at;
            at += line.len();
            line.contains(&marker).then_some((begin, at))
        })
    };
    let (_, start) = marker("generated", 0)?;
    let (end, _) = marker("end", start)?;
    Some((start, end))
}

/// The first line that differs, in the file and as generated.
fn first_difference(found: &str, expected: &str) -> String {
    let mut found = found.lines();
    let mut expected = expected.lines();
    loop {
        match (found.next(), expected.next()) {
            (None, None) => return "only line ends differ".to_owned(),
            (found, expected) if found == expected => {}
            (found, expected) => {
                let show = |line: Option<&str>| line.unwrap_or("(the block ends)").to_owned();
                return format!("  file: {}\n  code: {}", show(found), show(expected));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_found_between_its_markers() {
        let file = "a\n<!-- generated: x -->\nb\nc\n<!-- end: x -->\nd\n";
        let (start, end) = find(file, "x").unwrap();
        assert_eq!(&file[start..end], "b\nc\n");
        assert_eq!(find(file, "y"), None);
        assert_eq!(find("<!-- generated: x -->\nb\n", "x"), None);
    }

    #[test]
    fn the_first_line_that_differs_is_shown() {
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), "  file: b\n  code: c");
        assert_eq!(
            first_difference("a\n", "a\nc\n"),
            "  file: (the block ends)\n  code: c"
        );
    }
}
