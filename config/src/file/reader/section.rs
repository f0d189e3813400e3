//! One table of the file: the values of its keys, and the problems with them.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::{Mode, Reader, find};
use crate::file::raw::{Raw, Refused};
use crate::file::schema;
use crate::file::values::label;
use crate::module::Modules;
use crate::{Module, ModuleContent};

/// One table of the file, which may be absent, under its environment variables.
pub(crate) struct Section<'r, 't> {
    pub(super) reader: &'r mut Reader<'t>,
    pub(super) path: &'static str,
    pub(super) table: Option<&'t DeTable<'t>>,
    pub(super) line: usize,
    /// The kind whose keys are recorded now.
    pub(super) kind: Option<&'static str>,
}

/// One of the kinds that a table can have, such as `kind = "webhook"`.
pub(crate) struct Kind<T> {
    pub(crate) name: &'static str,
    /// Reads the keys that this kind has besides the common ones.
    pub(crate) read: fn(&mut Section<'_, '_>) -> T,
}

impl<'t> Section<'_, 't> {
    /// The file has the table, or the environment one of its keys.
    pub(crate) fn is_given(&self) -> bool {
        let Mode::Reading(schema) = self.reader.mode else {
            return false;
        };
        let is_set = |key: &&str| {
            let variable = schema::variable(self.path, key);
            self.reader.variables.contains_key(&variable)
        };
        let keys = schema.keys_of(self.path).iter();
        self.table.is_some()
            || keys
                .filter(|key| !schema.is_table(self.path, key))
                .any(is_set)
    }

    /// The value of a key as `parse` reads it, `None` when it is absent or
    /// refused, which is noted then.
    pub(crate) fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(Raw<'_>) -> Result<T, Refused>,
    ) -> Option<T> {
        if let Mode::Recording(recorder) = &mut self.reader.mode {
            recorder.key(self.path, self.kind, key);
            return None;
        }
        debug_assert!(
            self.reader.knows(self.path, key),
            "{}.{key} is read under a condition, so the schema lacks it",
            self.path
        );
        let variable = schema::variable(self.path, key);
        let result = match self.reader.variables.get(&variable) {
            Some(text) => parse(Raw::Variable(text)),
            None => parse(Raw::File(find(self.table?, key)?.1.get_ref())),
        };
        match result {
            Ok(value) => Some(value),
            Err(refused) => {
                self.note(key, refused.to_string());
                None
            }
        }
    }

    pub(crate) fn value<T>(
        &mut self,
        key: &'static str,
        default: T,
        parse: impl FnOnce(Raw<'_>) -> Result<T, Refused>,
    ) -> T {
        self.optional(key, parse).unwrap_or(default)
    }

    /// As [`Self::optional`]; absence is a problem too.
    pub(crate) fn required<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(Raw<'_>) -> Result<T, Refused>,
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
                return Err("must name a file".into());
            }
            let Some(folder) = folder else {
                return Ok(PathBuf::from(name));
            };
            let path = folder.join(name);
            match path.metadata() {
                Ok(metadata) if metadata.is_dir() => {
                    Err(format!("{} is a folder", path.display()).into())
                }
                Ok(_) => Ok(path),
                Err(error) => Err(format!("{}: {error}", path.display()).into()),
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
                    content(&name).ok_or_else(|| format!("the content of {name} is not known"))?
                }
                Modules::Files if folder.is_none() => ModuleContent::new(Vec::new()).into(),
                Modules::Files => ModuleContent::load(&path)
                    .map_err(|error| error.to_string())?
                    .into(),
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

    /// Records the keys of every kind; does nothing in a reader of a file.
    pub(crate) fn record_kinds<T>(&mut self, kinds: &[Kind<T>]) {
        if let Mode::Reading(_) = self.reader.mode {
            return;
        }
        for kind in kinds {
            self.kind = Some(kind.name);
            (kind.read)(self);
        }
        self.kind = None;
    }

    /// The keys of other kinds that the table has, and the keys that `kind` has
    /// besides the common ones.
    pub(crate) fn keys_of_other_kinds(
        &self,
        kind: &str,
    ) -> (Vec<&'static str>, &'static [&'static str]) {
        let Mode::Reading(schema) = self.reader.mode else {
            return (Vec::new(), &[]);
        };
        let own = schema.keys_of_kind(self.path, kind);
        let foreign = schema.kind_keys_of(self.path);
        let is_foreign = |key: &&'static str| self.has(key) && !own.contains(key);
        (foreign.filter(is_foreign).collect(), own)
    }

    pub(crate) fn has(&self, key: &'static str) -> bool {
        self.reader
            .variables
            .contains_key(&schema::variable(self.path, key))
            || self.table.is_some_and(|table| find(table, key).is_some())
    }

    /// A problem with one key: at its line, or under its variable's name.
    pub(crate) fn note(&mut self, key: &'static str, reason: impl Into<String>) {
        let variable = schema::variable(self.path, key);
        if self.reader.variables.contains_key(&variable) {
            return self.reader.note(0, variable, reason);
        }
        let line = match self.table.and_then(|table| find(table, key)) {
            Some((name, _)) => self.reader.line_of(name.span().start),
            None => self.line,
        };
        self.reader.note(line, schema::join(self.path, key), reason);
    }

    /// A problem with the table as a whole.
    pub(crate) fn note_table(&mut self, reason: impl Into<String>) {
        self.reader.note(self.line, self.path, reason);
    }
}
