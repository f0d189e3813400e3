//! The rows of the table of faults in `docs/reference/guarantees.md`.

use anyhow::{Context, Result, bail};

/// A test as the document names it: `file: function`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) file: String,
    pub(super) function: String,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// `1` to `37`, `kills` or `soak`.
    pub(super) number: String,
    pub(super) fault: String,
    pub(super) tests: Vec<Named>,
}

/// Every row, in the document's order.
pub(super) fn read(document: &str) -> Result<Vec<Row>> {
    let (_, table) = document
        .split_once("\n## Faults\n")
        .context("docs/reference/guarantees.md has no section Faults")?;
    let mut rows = Vec::new();
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        // The text behind the names of the tests may contain a bar.
        let columns = line.trim_matches('|').splitn(3, " | ");
        let columns: Vec<&str> = columns.map(str::trim).collect();
        let [number, fault, tests] = columns[..] else {
            bail!("not three columns: {line}");
        };
        if number == "#" || number.starts_with("---") {
            continue;
        }
        rows.push(Row {
            number: number.to_owned(),
            fault: fault.to_owned(),
            tests: named(tests),
        });
    }
    if rows.is_empty() {
        bail!("the section Faults of docs/reference/guarantees.md has no table");
    }
    Ok(rows)
}

fn named(text: &str) -> Vec<Named> {
    let quoted = text.split('`').skip(1).step_by(2);
    let pairs = quoted.filter_map(|quoted| quoted.split_once(".rs: "));
    pairs
        .map(|(file, function)| Named {
            file: format!("{file}.rs"),
            function: function.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_its_tests() {
        let document = "text\n## Faults\n\n| # | fault | test |\n| --- | --- | --- |\n\
            | 2 | kill | `a/b.rs: x`, `c.rs: y` (as root) |\n| 27 | channel | not tested yet |\n";
        let rows = read(document).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!((&*rows[0].number, &*rows[0].fault), ("2", "kill"));
        let names: Vec<_> = rows[0]
            .tests
            .iter()
            .map(|t| (&*t.file, &*t.function))
            .collect();
        assert_eq!(names, [("a/b.rs", "x"), ("c.rs", "y")]);
        assert_eq!(rows[1].tests, []);
    }
}
