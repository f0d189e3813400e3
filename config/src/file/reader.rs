//! Reads typed values out of a parsed file and the environment, and notes every
//! problem with its line instead of stopping at the first.
//!
//! A value that is refused is replaced by its default, so that later checks have
//! something to work on; a file with problems yields no configuration in the end.
//! A section may be read twice (the checks that span sections do that): repeated
//! problems are reported once.
//!
//! A *recording* reader has an empty file. It notes which tables and keys the
//! sections ask for, from which the [`Schema`] is made.

mod section;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

pub(crate) use self::section::{Kind, Section};
use super::raw::shorten;
use super::schema::{self, Recorder, Schema};
use crate::Problem;
use crate::module::Modules;

/// A configuration is a page or two. A larger file is not a configuration.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// A file while it is read.
pub(crate) struct Reader<'t> {
    root: &'t DeTable<'t>,
    /// Where each line begins, to turn a byte offset into a line.
    line_starts: Vec<usize>,
    /// `WEIR_…` variables by name.
    variables: BTreeMap<String, String>,
    /// The folder that relative file names start from. `None`: file names are not
    /// checked.
    folder: Option<PathBuf>,
    contents: Modules<'t>,
    /// Digests of the modules' contents, by the name in the file.
    pub(crate) modules: BTreeMap<String, String>,
    pub(crate) problems: Vec<Problem>,
    mode: Mode,
}

enum Mode {
    /// Keys that the schema lacks are problems.
    Reading(&'static Schema),
    Recording(Recorder),
}

impl<'t> Reader<'t> {
    pub(crate) fn new(
        text: &str,
        root: &'t DeTable<'t>,
        variables: BTreeMap<String, String>,
        folder: Option<&Path>,
        contents: Modules<'t>,
        schema: &'static Schema,
    ) -> Self {
        let mut reader = Self {
            root,
            line_starts: line_starts(text),
            variables,
            folder: folder.map(Path::to_owned),
            contents,
            modules: BTreeMap::new(),
            problems: Vec::new(),
            mode: Mode::Reading(schema),
        };
        reader.refuse_unknown("", root);
        if let Some((store, _)) = reader.table_in(root, "store", "store") {
            reader.refuse_unknown("store", store);
        }
        reader
    }

    /// Reads the empty table `root` and notes what the sections ask for.
    pub(crate) fn recording(root: &'t DeTable<'t>) -> Self {
        Self {
            root,
            line_starts: vec![0],
            variables: BTreeMap::new(),
            folder: None,
            contents: Modules::Files,
            modules: BTreeMap::new(),
            problems: Vec::new(),
            mode: Mode::Recording(Recorder::default()),
        }
    }

    /// What a recording reader has noted.
    pub(crate) fn into_recorder(self) -> Recorder {
        match self.mode {
            Mode::Recording(recorder) => recorder,
            Mode::Reading(_) => Recorder::default(),
        }
    }

    /// The table `[path]`, also when the file does not have it.
    pub(crate) fn section(&mut self, path: &'static str) -> Section<'_, 't> {
        if let Mode::Recording(recorder) = &mut self.mode {
            recorder.table(path, false);
        }
        let found = match path.rsplit_once('.') {
            // Mistakes in the outer table itself were noted in `new`.
            Some((outer, key)) => self
                .quiet_table(outer)
                .and_then(|outer| self.table_in(outer, path, key)),
            None => self.table_in(self.root, path, path),
        };
        let (table, line) = found.map_or((None, 1), |(table, line)| (Some(table), line));
        if let Some(table) = table {
            self.refuse_unknown(path, table);
        }
        Section {
            reader: self,
            path,
            table,
            line,
            kind: None,
        }
    }

    /// The tables `[[path]]` in their order. A recording reader has one of each.
    pub(crate) fn repeated(&mut self, path: &'static str) -> Vec<(&'t DeTable<'t>, usize)> {
        if let Mode::Recording(recorder) = &mut self.mode {
            recorder.table(path, true);
            return vec![(self.root, 1)];
        }
        let Some((_, value)) = find(self.root, path) else {
            return Vec::new();
        };
        let line = self.line_of(value.span().start);
        let DeValue::Array(array) = value.get_ref() else {
            self.note(
                line,
                path,
                format!("must be a list of tables: write [[{path}]]"),
            );
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in array.iter() {
            let line = self.line_of(item.span().start);
            match item.get_ref() {
                DeValue::Table(table) => {
                    self.refuse_unknown(path, table);
                    tables.push((table, line));
                }
                _ => self.note(line, path, format!("must be a table: write [[{path}]]")),
            }
        }
        tables
    }

    /// Reads every table `[[path]]`, in their order.
    pub(crate) fn each<T>(
        &mut self,
        path: &'static str,
        mut read: impl FnMut(&mut Section<'_, 't>) -> T,
    ) -> Vec<T> {
        let tables = self.repeated(path).into_iter();
        tables
            .map(|table| read(&mut self.section_of(path, table)))
            .collect()
    }

    pub(crate) fn section_of(
        &mut self,
        path: &'static str,
        (table, line): (&'t DeTable<'t>, usize),
    ) -> Section<'_, 't> {
        Section {
            reader: self,
            path,
            table: Some(table),
            line,
            kind: None,
        }
    }

    pub(crate) fn note(&mut self, line: usize, key: impl Into<String>, reason: impl Into<String>) {
        let problem = Problem {
            line,
            key: key.into(),
            reason: reason.into(),
            nearest: None,
        };
        self.problems.push(problem);
    }

    fn table_in(
        &mut self,
        outer: &'t DeTable<'t>,
        path: &str,
        key: &str,
    ) -> Option<(&'t DeTable<'t>, usize)> {
        let (name, value) = find(outer, key)?;
        let line = self.line_of(name.span().start);
        match value.get_ref() {
            DeValue::Table(table) => Some((table, line)),
            _ => {
                self.note(line, path, format!("must be a table: write [{path}]"));
                None
            }
        }
    }

    fn quiet_table(&self, key: &str) -> Option<&'t DeTable<'t>> {
        find(self.root, key)?.1.get_ref().as_table()
    }

    fn refuse_unknown(&mut self, path: &str, table: &DeTable<'_>) {
        let Mode::Reading(schema) = self.mode else {
            return;
        };
        let known = schema.keys_of(path);
        let unknown = table
            .keys()
            .filter(|name| !known.contains(&name.get_ref().as_ref()));
        for name in unknown {
            let key = shorten(name.get_ref());
            self.problems.push(Problem {
                line: self.line_of(name.span().start),
                key: schema::join(path, &key),
                reason: "unknown key".to_owned(),
                nearest: schema.nearest(path, name.get_ref()),
            });
        }
    }

    fn knows(&self, path: &str, key: &str) -> bool {
        match &self.mode {
            Mode::Reading(schema) => schema.keys_of(path).contains(&key),
            Mode::Recording(_) => true,
        }
    }

    fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }
}

/// Where each line begins.
pub(crate) fn line_starts(text: &str) -> Vec<usize> {
    let behind_breaks = text
        .bytes()
        .enumerate()
        .filter(|(_, b)| *b == b'\n')
        .map(|(i, _)| i + 1);
    std::iter::once(0).chain(behind_breaks).collect()
}

fn find<'t>(
    table: &'t DeTable<'t>,
    key: &str,
) -> Option<(&'t Spanned<DeString<'t>>, &'t Spanned<DeValue<'t>>)> {
    table.iter().find(|(name, _)| *name.get_ref() == key)
}
