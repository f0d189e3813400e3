//! `default.toml` as tests read it, and the reference that is generated from it.
//! `load/tests.rs` holds its keys and values equal to the code.

use std::fmt::Write;

use crate::assemble::schema;

const DEFAULT: &str = include_str!("../default.toml");
/// Columns of a paragraph.
const WIDTH: usize = 110;

/// A line of `default.toml`.
enum Line<'t> {
    Blank,
    Title(&'t str),
    Comment(&'t str),
    /// `[http]`, and whether it is an example.
    Table(&'t str, bool),
    Key {
        name: &'t str,
        value: &'t str,
        is_example: bool,
    },
}

fn line(line: &str) -> Line<'_> {
    if let Some(title) = line.strip_prefix("# --- ") {
        return Line::Title(title.trim_end_matches('-').trim_end());
    }
    if line == "#" || line.is_empty() {
        return Line::Blank;
    }
    if let Some(comment) = line.strip_prefix("# ") {
        return Line::Comment(comment.trim());
    }
    let (is_example, text) = match line.strip_prefix('#') {
        Some(text) => (true, text),
        None => (false, line),
    };
    match text.split_once(" = ") {
        Some((name, value)) if !text.starts_with('[') => Line::Key {
            name,
            value,
            is_example,
        },
        _ => Line::Table(text, is_example),
    }
}

/// Whether the file can have several of the table: `[[source]]`.
pub(crate) fn is_repeated(path: &str) -> bool {
    let table = schema().tables().iter().find(|table| table.path == path);
    table
        .unwrap_or_else(|| panic!("the code has no table {path}"))
        .repeated
}

/// The part of the file after its header.
fn body() -> impl Iterator<Item = Line<'static>> {
    let lines = DEFAULT.lines().map(line);
    lines.skip_while(|line| !matches!(line, Line::Title(_)))
}

/// `default.toml` with its optional keys: a `#` with no space behind it is removed.
pub(crate) fn uncommented() -> String {
    let line = |line: &'static str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
        _ => line,
    };
    let text = DEFAULT.lines().map(line).collect::<Vec<_>>().join("\n");
    // The example of a source has the keys of TLS too.
    text.replace("mqtt://", "mqtts://")
}

/// The paths of the tables, in the order of the file: `store.embedded`.
pub(crate) fn tables_of_the_file() -> Vec<&'static str> {
    let mut tables = Vec::new();
    for line in body() {
        if let Line::Table(table, _) = line {
            let path = table.trim_matches(['[', ']']);
            if !tables.contains(&path) {
                tables.push(path);
            }
        }
    }
    tables
}

/// The page under construction, and what precedes the next table or key.
#[derive(Default)]
struct Page {
    text: String,
    comment: String,
    heading: String,
    table: Option<Table>,
}

struct Table {
    name: &'static str,
    is_example: bool,
    intro: String,
    rows: Vec<(&'static str, String, String)>,
}

impl Page {
    fn add(&mut self, line: Line<'static>) {
        match line {
            Line::Title(title) => {
                self.end();
                self.comment = format!("{title}.");
            }
            Line::Comment(comment) => {
                let space = if self.comment.is_empty() { "" } else { " " };
                self.comment.extend([space, comment]);
            }
            Line::Blank => self.end(),
            Line::Table(name, is_example) => {
                let intro = std::mem::take(&mut self.comment);
                self.end();
                self.table = Some(Table {
                    name,
                    is_example,
                    intro,
                    rows: Vec::new(),
                });
            }
            Line::Key {
                name,
                value,
                is_example,
            } => {
                let meaning = cell(&std::mem::take(&mut self.comment));
                let table = self.table.as_mut().expect("a key is in a table");
                let value = if is_example && !table.is_example {
                    format!("none; example `{value}`")
                } else {
                    format!("`{value}`")
                };
                table.rows.push((name, value, meaning));
            }
        }
    }

    /// Writes the table that ends here, or a paragraph that belongs to none.
    fn end(&mut self) {
        if let Some(table) = self.table.take() {
            self.write(&table);
        }
        let comment = std::mem::take(&mut self.comment);
        self.paragraph(&comment);
    }

    fn write(&mut self, table: &Table) {
        let kind = table.rows.iter().find(|(name, ..)| *name == "kind");
        let kind = kind.map(|(_, value, _)| format!(", kind {}", value.replace('"', "")));
        let heading = format!("### `{}`{}", table.name, kind.unwrap_or_default());
        if heading != self.heading {
            writeln!(self.text, "{heading}\n").unwrap();
            self.heading = heading;
        }
        self.paragraph(&table.intro);
        let column = if table.is_example { "value" } else { "default" };
        writeln!(
            self.text,
            "| key | {column} | meaning |\n| --- | --- | --- |"
        )
        .unwrap();
        for (name, value, meaning) in &table.rows {
            writeln!(self.text, "| `{name}` | {value} | {meaning} |").unwrap();
        }
        self.text.push('\n');
    }

    fn paragraph(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut column = 0;
        for word in cell(text).split(' ') {
            let length = word.chars().count();
            if column > 0 && column + 1 + length > WIDTH {
                self.text.push('\n');
                column = 0;
            } else if column > 0 {
                self.text.push(' ');
                column += 1;
            }
            self.text.push_str(word);
            column += length;
        }
        self.text.push_str("\n\n");
    }
}

/// Text that Markdown would take as markup, escaped.
fn cell(text: &str) -> String {
    text.replace(" * ", " `*` ").replace('|', "\\|")
}

#[test]
fn the_configuration_reference_is_that_of_default_toml() {
    let mut page = Page::default();
    for line in body() {
        page.add(line);
    }
    page.end();
    let document = "docs/reference/configuration.md";
    weir_doc_block::assert_markdown(document, "configuration", &page.text);
}

#[test]
fn the_header_of_default_toml_lists_every_table() {
    let tables = tables_of_the_file();
    let mut text = String::from("#\n");
    let mut row = String::new();
    for path in &tables {
        let mark = if is_repeated(path) { "*" } else { "" };
        let entry = format!(" {path}{mark},");
        if row.len() + entry.len() > 80 {
            writeln!(text, "#  {row}").unwrap();
            row.clear();
        }
        row.push_str(&entry);
    }
    writeln!(text, "#  {}\n#", row.trim_end_matches(',')).unwrap();
    let missing = schema()
        .tables()
        .iter()
        .filter(|table| !matches!(table.path, "" | "store") && !tables.contains(&table.path));
    assert_eq!(missing.map(|table| table.path).next(), None);
    weir_doc_block::assert_block("config/default.toml", "tables", &text);
}
