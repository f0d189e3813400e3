//! Reads typed values out of a parsed file and the environment, and notes every
//! problem with its line instead of stopping at the first.
//!
//! A value that is refused is replaced by its default, so that the checks that
//! follow have something to work on; a file with problems yields no
//! configuration in the end. A section may be read twice (the checks that span
//! sections do): problems that repeat are told once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::module::Modules;
use crate::range::label;
use crate::{Module, ModuleContent, Problem, keys};

/// A configuration is a page or two. Beyond this it is some other file.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// What is known about the file while it is read.
pub(crate) struct Reader<'t> {
    root: &'t DeTable<'t>,
    /// Where each line begins, to turn a byte offset into a line.
    line_starts: Vec<usize>,
    /// `WEIR_…` variables by name.
    variables: BTreeMap<String, String>,
    /// The folder that relative file names start from. `None`: files are not looked at.
    folder: Option<PathBuf>,
    contents: Modules<'t>,
    /// Digests of the modules' contents, by the name in the file.
    pub(crate) modules: BTreeMap<String, String>,
    pub(crate) problems: Vec<Problem>,
}

/// One table of the file, which may be absent, under its environment variables.
pub(crate) struct Section<'r, 't> {
    reader: &'r mut Reader<'t>,
    path: &'static str,
    table: Option<&'t DeTable<'t>>,
    line: usize,
}

/// A value as it was given.
#[derive(Clone, Copy)]
pub(crate) enum Raw<'a> {
    File(&'a DeValue<'a>),
    /// From the environment: text that is read as whatever the key wants.
    Variable(&'a str),
}

impl<'t> Reader<'t> {
    pub(crate) fn new(
        text: &str,
        root: &'t DeTable<'t>,
        variables: BTreeMap<String, String>,
        folder: Option<&Path>,
        contents: Modules<'t>,
    ) -> Self {
        let mut reader = Self {
            root,
            line_starts: line_starts(text),
            variables,
            folder: folder.map(Path::to_owned),
            contents,
            modules: BTreeMap::new(),
            problems: Vec::new(),
        };
        reader.refuse_unknown("", root);
        if let Some(store) = reader.table_at("", "store") {
            reader.refuse_unknown("store", store.0);
        }
        reader
    }

    /// The table `[path]`, also when the file does not have it.
    pub(crate) fn section(&mut self, path: &'static str) -> Section<'_, 't> {
        let found = match path.rsplit_once('.') {
            // The outer table's own mistakes were noted in `new`.
            Some((outer, key)) => match self.quiet_table(outer) {
                Some(outer_table) => self.table_in(outer_table, path, key),
                None => None,
            },
            None => self.table_at("", path),
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
        }
    }

    /// The tables `[[path]]` in their order.
    pub(crate) fn repeated(&mut self, path: &'static str) -> Vec<(&'t DeTable<'t>, usize)> {
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

    fn table_at(&mut self, outer: &str, key: &'static str) -> Option<(&'t DeTable<'t>, usize)> {
        let root = self.root;
        self.table_in(root, &keys::join(outer, key), key)
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
        let known = keys::keys_of(path);
        for name in table
            .keys()
            .filter(|name| !known.contains(&name.get_ref().as_ref()))
        {
            let key = shorten(name.get_ref());
            self.problems.push(Problem {
                line: self.line_of(name.span().start),
                key: keys::join(path, &key),
                reason: "unknown key".to_owned(),
                nearest: keys::nearest(path, name.get_ref()),
            });
        }
    }

    fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }
}

impl<'t> Section<'_, 't> {
    /// The file has the table, or the environment one of its keys.
    pub(crate) fn is_given(&self) -> bool {
        let variable = |key: &&str| keys::variable(self.path, key);
        let listed = || keys::keys_of(self.path).iter();
        self.table.is_some()
            || listed().any(|key| self.reader.variables.contains_key(&variable(key)))
    }

    /// The value of a key as `parse` reads it, `None` when it is absent or
    /// refused, which is noted then.
    pub(crate) fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(Raw<'_>) -> Result<T, String>,
    ) -> Option<T> {
        let variable = keys::variable(self.path, key);
        let result = match self.reader.variables.get(&variable) {
            Some(text) => parse(Raw::Variable(text)),
            None => parse(Raw::File(find(self.table?, key)?.1.get_ref())),
        };
        match result {
            Ok(value) => Some(value),
            Err(reason) => {
                self.note(key, reason);
                None
            }
        }
    }

    pub(crate) fn value<T>(
        &mut self,
        key: &'static str,
        default: T,
        parse: impl FnOnce(Raw<'_>) -> Result<T, String>,
    ) -> T {
        self.optional(key, parse).unwrap_or(default)
    }

    /// As [`Self::optional`], where absence is a problem too.
    pub(crate) fn required<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(Raw<'_>) -> Result<T, String>,
    ) -> Option<T> {
        if !self.has(key) {
            self.note(key, "is missing");
        }
        self.optional(key, parse)
    }

    /// The name of a file that can be read, resolved against the folder of the
    /// configuration.
    pub(crate) fn file(&mut self, key: &'static str) -> Option<PathBuf> {
        let folder = self.reader.folder.clone();
        self.optional(key, |raw| {
            let name = raw.text()?;
            if name.is_empty() || name.contains('\0') {
                return Err("must name a file".to_owned());
            }
            let Some(folder) = folder else {
                return Ok(PathBuf::from(name));
            };
            let path = folder.join(name);
            match path.metadata() {
                Ok(metadata) if metadata.is_dir() => Err(format!("{} is a folder", path.display())),
                Ok(_) => Ok(path),
                Err(error) => Err(format!("{}: {error}", path.display())),
            }
        })
    }

    /// A file of WebAssembly, with what is in it.
    pub(crate) fn module(&mut self, key: &'static str) -> Option<Module> {
        let line = match self.table.and_then(|table| find(table, key)) {
            Some((name, _)) => self.reader.line_of(name.span().start),
            None => self.line,
        };
        let folder = self.reader.folder.clone();
        let contents = self.reader.contents;
        let (name, module) = self.required(key, |raw| {
            let name = label(4_096)(raw)?;
            let path = folder.as_deref().unwrap_or(Path::new("")).join(&name);
            let content = match contents {
                Modules::Given(content) => {
                    content(&name).ok_or_else(|| format!("what is in {name} is not known"))?
                }
                Modules::Files if folder.is_none() => ModuleContent::new(Vec::new()).into(),
                Modules::Files => ModuleContent::read(&path)?.into(),
            };
            let module = Module {
                path,
                line,
                content,
            };
            Ok((name, module))
        })?;
        let digest = module.content.digest().to_owned();
        self.reader.modules.insert(name, digest);
        Some(module)
    }

    pub(crate) fn has(&self, key: &'static str) -> bool {
        self.reader
            .variables
            .contains_key(&keys::variable(self.path, key))
            || self.table.is_some_and(|table| find(table, key).is_some())
    }

    /// A problem with one key: at its line, or under its variable's name.
    pub(crate) fn note(&mut self, key: &'static str, reason: impl Into<String>) {
        let variable = keys::variable(self.path, key);
        if self.reader.variables.contains_key(&variable) {
            return self.reader.note(0, variable, reason);
        }
        let line = match self.table.and_then(|table| find(table, key)) {
            Some((name, _)) => self.reader.line_of(name.span().start),
            None => self.line,
        };
        self.reader.note(line, keys::join(self.path, key), reason);
    }

    /// A problem with the table as a whole.
    pub(crate) fn note_table(&mut self, reason: impl Into<String>) {
        self.reader.note(self.line, self.path, reason);
    }
}

impl<'a> Raw<'a> {
    pub(crate) fn text(self) -> Result<&'a str, String> {
        match self {
            Self::File(DeValue::String(text)) => Ok(text),
            Self::File(other) => Err(format!("must be a text in quotes, not {}", kind(other))),
            Self::Variable(text) => Ok(text),
        }
    }

    /// A list of texts; of a variable, separated by commas.
    pub(crate) fn texts(self) -> Result<Vec<String>, String> {
        match self {
            Self::File(DeValue::Array(list)) => {
                let text = |item: &Spanned<DeValue<'_>>| {
                    Raw::File(item.get_ref()).text().map(str::to_owned)
                };
                list.iter().map(text).collect()
            }
            Self::File(other) => Err(format!("must be a list of texts, not {}", kind(other))),
            Self::Variable("") => Ok(Vec::new()),
            Self::Variable(text) => {
                Ok(text.split(',').map(|part| part.trim().to_owned()).collect())
            }
        }
    }

    pub(crate) fn integer(self) -> Result<i64, String> {
        match self {
            Self::File(DeValue::Integer(n)) => i64::from_str_radix(n.as_str(), n.radix())
                .map_err(|_| format!("{} is beyond 64 bits", shorten(n.as_str()))),
            Self::File(other) => Err(format!("must be a whole number, not {}", kind(other))),
            Self::Variable(text) => text
                .parse()
                .map_err(|_| format!("must be a whole number, not {:?}", shorten(text))),
        }
    }

    /// A finite number, with or without a decimal point.
    pub(crate) fn number(self) -> Result<f64, String> {
        let text = match self {
            Self::File(DeValue::Float(x)) => x.as_str(),
            // Limits have no use for integers that a double cannot hold.
            Self::File(DeValue::Integer(_)) => return self.integer().map(|n| n as f64),
            Self::File(other) => return Err(format!("must be a number, not {}", kind(other))),
            Self::Variable(text) => text,
        };
        match text.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok(x),
            _ => Err(format!("must be a finite number, not {}", shorten(text))),
        }
    }

    /// The items of a list; a variable is one item.
    pub(crate) fn list(self) -> Result<Vec<Self>, String> {
        match self {
            Self::File(DeValue::Array(items)) => Ok(items
                .iter()
                .map(|item| Self::File(item.get_ref()))
                .collect()),
            Self::File(other) => Err(format!(
                "must be a list such as [\"a\", \"b\"], not {}",
                kind(other)
            )),
            Self::Variable(_) => Ok(vec![self]),
        }
    }

    pub(crate) fn boolean(self) -> Result<bool, String> {
        match self {
            Self::File(DeValue::Boolean(value)) => Ok(*value),
            Self::File(other) => Err(format!("must be true or false, not {}", kind(other))),
            Self::Variable("true") => Ok(true),
            Self::Variable("false") => Ok(false),
            Self::Variable(text) => Err(format!("must be true or false, not {:?}", shorten(text))),
        }
    }
}

/// What a value is, for a sentence that says what it should have been.
pub(crate) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A message shows the beginning of a text that nobody would want in full.
pub(crate) fn shorten(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
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
) -> Option<(
    &'t Spanned<toml::de::DeString<'t>>,
    &'t Spanned<DeValue<'t>>,
)> {
    table.iter().find(|(name, _)| *name.get_ref() == key)
}
