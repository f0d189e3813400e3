//! Which tables and keys a configuration file can have, and the nearest one to a
//! key that it cannot have.
//!
//! No list repeats the keys. The schema is recorded once per process
//! ([`crate::assemble::schema`]): every section reads an empty file, and the
//! [`Recorder`] notes the keys that it asks for. So a key exists exactly when a
//! section reads it. For this a section must read all of its keys, whatever the
//! file holds; a debug assertion in the reader fails for a key that is read under
//! a condition only.

use strsim::damerau_levenshtein;

/// A table of the file and the keys in it.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// `store.embedded`; empty for the top of the file.
    pub(crate) path: &'static str,
    /// In the order in which they are read.
    pub(crate) keys: Vec<&'static str>,
    /// `[[source]]` rather than `[http]`: its keys have no environment variable.
    pub(crate) repeated: bool,
    /// For a table with kinds: the keys of each that are not common to all.
    kinds: Vec<(&'static str, Vec<&'static str>)>,
}

/// All tables.
#[derive(Debug)]
pub(crate) struct Schema {
    tables: Vec<Table>,
}

/// What the sections ask for.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    tables: Vec<Table>,
}

impl Recorder {
    pub(crate) fn table(&mut self, path: &'static str, repeated: bool) {
        self.table_mut(path).repeated |= repeated;
    }

    /// `kind`: the key belongs to this kind of the table only.
    pub(crate) fn key(
        &mut self,
        path: &'static str,
        kind: Option<&'static str>,
        key: &'static str,
    ) {
        let table = self.table_mut(path);
        push_new(&mut table.keys, key);
        let Some(kind) = kind else { return };
        match table.kinds.iter_mut().find(|(name, _)| *name == kind) {
            Some((_, keys)) => push_new(keys, key),
            None => table.kinds.push((kind, vec![key])),
        }
    }

    fn table_mut(&mut self, path: &'static str) -> &mut Table {
        let known = self.tables.iter().position(|table| table.path == path);
        let at = known.unwrap_or_else(|| {
            self.tables.push(Table {
                path,
                ..Table::default()
            });
            self.tables.len() - 1
        });
        &mut self.tables[at]
    }
}

fn push_new(keys: &mut Vec<&'static str>, key: &'static str) {
    if !keys.contains(&key) {
        keys.push(key);
    }
}

impl Schema {
    /// What was recorded, and the tables that only hold other tables.
    pub(crate) fn new(mut recorder: Recorder) -> Self {
        let paths: Vec<&'static str> = recorder.tables.iter().map(|table| table.path).collect();
        for path in paths {
            match path.split_once('.') {
                Some((outer, inner)) => {
                    recorder.key("", None, outer);
                    recorder.key(outer, None, inner);
                }
                None => recorder.key("", None, path),
            }
        }
        Self {
            tables: recorder.tables,
        }
    }

    pub(crate) fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The tables whose keys have an environment variable.
    pub(crate) fn scalar_tables(&self) -> impl Iterator<Item = &Table> {
        let holds_values = |table: &&Table| !matches!(table.path, "" | "store");
        let tables = self.tables.iter().filter(|table| !table.repeated);
        tables.filter(holds_values)
    }

    /// Whether the key is a table of its own: `oidc` of `auth`.
    pub(crate) fn is_table(&self, path: &str, key: &str) -> bool {
        let inner = join(path, key);
        self.tables.iter().any(|table| table.path == inner)
    }

    pub(crate) fn keys_of(&self, path: &str) -> &[&'static str] {
        self.table(path).map_or(&[], |table| &table.keys)
    }

    /// The keys that a kind has besides the common ones.
    pub(crate) fn keys_of_kind(&self, path: &str, kind: &str) -> &[&'static str] {
        let kinds = self.table(path).map_or(&[][..], |table| &table.kinds);
        let found = kinds.iter().find(|(name, _)| *name == kind);
        found.map_or(&[], |(_, keys)| keys)
    }

    /// The keys that any kind has besides the common ones; some repeat.
    pub(crate) fn kind_keys_of(&self, path: &str) -> impl Iterator<Item = &'static str> {
        let kinds = self.table(path).map_or(&[][..], |table| &table.kinds);
        kinds.iter().flat_map(|(_, keys)| keys).copied()
    }

    fn table(&self, path: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.path == path)
    }

    /// The key that was probably meant by `key` in the table `path`: a close one of
    /// the same table, else the same one of another table.
    pub(crate) fn nearest(&self, path: &str, key: &str) -> Option<String> {
        // The distance is quadratic, so a long key has no nearest one.
        if key.len() > 64 {
            return None;
        }
        let key = key.to_ascii_lowercase().replace('-', "_");
        let here = self.keys_of(path).iter();
        let close = here
            .map(|known| (damerau_levenshtein(&key, known), *known))
            .min_by_key(|(distance, _)| *distance);
        if let Some((distance, known)) = close
            && distance <= (key.chars().count().max(known.len()) / 3).max(1)
        {
            return Some(join(path, known));
        }
        let mut tables = self.tables.iter();
        let holder = tables.find(|table| table.keys.contains(&key.as_str()))?;
        Some(join(holder.path, &key))
    }
}

/// `http` and `listen` to `http.listen`.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// The environment variable of a scalar key: `WEIR_HTTP_LISTEN`.
pub(crate) fn variable(path: &str, key: &str) -> String {
    let name = join(path, key).replace('.', "_").to_ascii_uppercase();
    format!("WEIR_{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assemble::schema;

    #[test]
    fn the_nearest_key_is_one_that_may_have_been_meant() {
        #[track_caller]
        fn check(path: &str, key: &str, expect: Option<&str>) {
            let nearest = schema().nearest(path, key);
            assert_eq!(nearest.as_deref(), expect, "{path} {key}");
        }
        check("http", "lisen", Some("http.listen"));
        check("", "sources", Some("source"));
        check("", "functions", Some("function"));
        check("", "jurnal", Some("journal"));
        check("function", "critical-high", Some("function.critical_high"));
        check("journal", "retention", Some("store.embedded.retention"));
        check("store.influxdb", "URL", Some("store.influxdb.url"));
        check("http", "colour", None);
        check("http", &"x".repeat(1_000_000), None);
    }

    #[test]
    fn every_variable_stands_for_one_key() {
        let mut names: Vec<String> = schema()
            .scalar_tables()
            .flat_map(|t| t.keys.iter().map(|key| variable(t.path, key)))
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn the_schema_holds_the_keys_of_every_kind() {
        let keys = schema().keys_of("function");
        for key in ["name", "warning_high", "half_life", "module", "off_delay"] {
            assert!(keys.contains(&key), "{key}");
        }
        let threshold = schema().keys_of_kind("function", "threshold");
        assert_eq!(
            threshold,
            [
                "warning_high",
                "critical_high",
                "warning_low",
                "critical_low",
                "deadband"
            ]
        );
        let webhook = schema().keys_of_kind("channel", "webhook");
        assert_eq!(webhook, ["url", "url_file", "secret_file"]);
        assert!(schema().keys_of("").contains(&"store"));
        assert_eq!(schema().keys_of("store"), ["embedded", "influxdb"]);
    }
}
