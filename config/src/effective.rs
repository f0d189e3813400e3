//! The configuration key by key: the value in force and where it comes from, for people
//! who ask what a running Weir is set to. Secrets are masked.
//!
//! Keys without a value are left out. So are the defaults of tables that are off.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use crate::Config;
use crate::assemble::schema;
use crate::file::reader::line_starts;
use crate::file::schema::{join, variable};

const DEFAULTS: &str = include_str!("../default.toml");
/// Instead of what is secret.
const MASK: &str = "…";
/// Parts of the names of keys that hold secrets. Names of files are no secrets.
const SECRET: [&str; 4] = ["password", "secret", "token", "routing_key"];

/// One key and its value in force.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectiveKey {
    /// `http`, `store.embedded`, `function`.
    pub table: &'static str,
    /// Of a repeated table: its name, or its number from 1.
    pub item: Option<String>,
    pub name: String,
    /// Holds no secret.
    pub value: Value,
    pub origin: KeyOrigin,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    Default,
    /// Counted from 1.
    Line(usize),
    Environment,
}

impl EffectiveKey {
    /// `http.listen`, `function.overheat.warning_high`, `route.1.topic`.
    pub fn path(&self) -> String {
        match &self.item {
            None => join(self.table, &self.name),
            Some(item) => format!("{}.{item}.{}", self.table, self.name),
        }
    }
}

/// All keys in the order of the tables. `text` has been read without a problem.
pub(crate) fn effective(
    text: &str,
    root: &DeTable<'_>,
    variables: &BTreeMap<String, String>,
    config: &Config,
) -> Vec<EffectiveKey> {
    let defaults: Table = DEFAULTS.parse().unwrap_or_default();
    let source = Source {
        root,
        starts: line_starts(text),
        variables,
        defaults: &defaults,
    };
    let mut keys = Vec::new();
    for table in schema().tables() {
        if table.repeated {
            source.repeated(table.path, &mut keys);
        } else {
            let is_off = table.path == "broker" && config.broker.is_none();
            source.single(table.path, &table.keys, is_off, &mut keys);
        }
    }
    for key in &mut keys {
        mask(key);
    }
    keys
}

struct Source<'a> {
    root: &'a DeTable<'a>,
    starts: Vec<usize>,
    variables: &'a BTreeMap<String, String>,
    defaults: &'a Table,
}

impl Source<'_> {
    fn single(
        &self,
        path: &'static str,
        names: &[&'static str],
        is_off: bool,
        keys: &mut Vec<EffectiveKey>,
    ) {
        let given = table_at(self.root, path);
        let default = path
            .split('.')
            .try_fold(self.defaults, |table, name| table.get(name)?.as_table());
        for name in names.iter().filter(|name| !schema().is_table(path, name)) {
            let in_file = given.and_then(|table| self.in_file(table, name));
            let found = match (self.variables.get(&variable(path, name)), in_file) {
                (Some(text), _) => Some((typed(text), KeyOrigin::Environment)),
                (None, Some(found)) => Some(found),
                (None, None) if is_off => None,
                (None, None) => default
                    .and_then(|table| table.get(*name))
                    .map(|value| (value.clone(), KeyOrigin::Default)),
            };
            keys.extend(found.map(|(value, origin)| EffectiveKey {
                table: path,
                item: None,
                name: (*name).to_owned(),
                value,
                origin,
            }));
        }
    }

    fn repeated(&self, path: &'static str, keys: &mut Vec<EffectiveKey>) {
        let in_file = find(self.root, path).and_then(|(_, value)| value.get_ref().as_array());
        let Some(in_file) = in_file else {
            let items = self.defaults.get(path).and_then(Value::as_array);
            let tables = items.into_iter().flatten().filter_map(Value::as_table);
            for (at, table) in tables.enumerate() {
                keys.extend(table.iter().map(|(name, value)| EffectiveKey {
                    table: path,
                    item: Some((at + 1).to_string()),
                    name: name.clone(),
                    value: value.clone(),
                    origin: KeyOrigin::Default,
                }));
            }
            return;
        };
        let tables = in_file.iter().filter_map(|item| item.get_ref().as_table());
        for (at, table) in tables.enumerate() {
            let mut named: Vec<_> = table.iter().collect();
            named.sort_by_key(|(name, _)| name.span().start);
            let label = ["name", "client_id"]
                .iter()
                .find_map(|key| find(table, key)?.1.get_ref().as_str().map(str::to_owned));
            let item = label.unwrap_or_else(|| (at + 1).to_string());
            keys.extend(named.into_iter().map(|(name, value)| EffectiveKey {
                table: path,
                item: Some(item.clone()),
                name: name.get_ref().to_string(),
                value: plain(value.get_ref()),
                origin: self.line(name.span().start),
            }));
        }
    }

    fn in_file(&self, table: &DeTable<'_>, name: &str) -> Option<(Value, KeyOrigin)> {
        let (key, value) = find(table, name)?;
        Some((plain(value.get_ref()), self.line(key.span().start)))
    }

    fn line(&self, offset: usize) -> KeyOrigin {
        KeyOrigin::Line(self.starts.partition_point(|start| *start <= offset))
    }
}

fn table_at<'t>(root: &'t DeTable<'t>, path: &str) -> Option<&'t DeTable<'t>> {
    path.split('.').try_fold(root, |table, name| {
        find(table, name)?.1.get_ref().as_table()
    })
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

/// Without positions; times as text.
fn plain(value: &DeValue<'_>) -> Value {
    let text = |text: &str| Value::String(text.to_owned());
    match value {
        DeValue::String(string) => text(string),
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix())
            .map_or_else(|_| text(n.as_str()), Value::Integer),
        DeValue::Float(x) => x
            .as_str()
            .parse()
            .map_or_else(|_| text(x.as_str()), Value::Float),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| plain(item.get_ref())).collect())
        }
        DeValue::Table(table) => {
            let members = table.iter();
            Value::Table(
                members
                    .map(|(name, value)| (name.get_ref().to_string(), plain(value.get_ref())))
                    .collect(),
            )
        }
    }
}

/// What a variable stands for, as a file would have it.
fn typed(text: &str) -> Value {
    if let Ok(value) = text.parse() {
        return Value::Boolean(value);
    }
    text.parse()
        .map_or_else(|_| Value::String(text.to_owned()), Value::Integer)
}

fn mask(key: &mut EffectiveKey) {
    let is_secret = !key.name.ends_with("_file") && SECRET.iter().any(|s| key.name.contains(s));
    if is_secret {
        key.value = Value::String(MASK.to_owned());
    } else if let Value::String(text) = &mut key.value
        && let Some((scheme, rest)) = text.split_once("://")
    {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        let has_user = host.len() < authority.len();
        // The path of a webhook is its password.
        let path = if key.table == "channel" && path.len() > 1 {
            "/…"
        } else if let Some((path, _)) = path.split_once('?') {
            &format!("{path}?{MASK}")
        } else {
            path
        };
        let user = if has_user { "…@" } else { "" };
        *text = format!("{scheme}://{user}{host}{path}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str, variables: &[(&str, &str)]) -> Vec<(String, String, KeyOrigin)> {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let loaded = Config::from_toml_with_env(text, variables).unwrap();
        let keys = loaded.keys.iter();
        keys.map(|key| (key.path(), key.value.to_string(), key.origin))
            .collect()
    }

    #[track_caller]
    fn check(
        text: &str,
        variables: &[(&str, &str)],
        path: &str,
        expect: Option<(&str, KeyOrigin)>,
    ) {
        let keys = keys(text, variables);
        let found = keys.iter().find(|(key, ..)| key == path);
        let found = found.map(|(_, value, origin)| (value.as_str(), *origin));
        assert_eq!(found, expect, "{path} in {keys:#?}");
    }

    #[test]
    fn a_key_has_its_value_in_force_and_the_origin() {
        let text = "\n[http]\nlisten = \"127.0.0.1:1\"\n[journal]\nmax_size = \"9GiB\"\n";
        let listen = Some(("\"127.0.0.1:1\"", KeyOrigin::Line(3)));
        check(text, &[], "http.listen", listen);
        check(text, &[], "http.page", Some(("true", KeyOrigin::Default)));
        check(
            text,
            &[
                ("WEIR_JOURNAL_MAX_SIZE", "7GiB"),
                ("WEIR_HTTP_PAGE", "false"),
            ],
            "journal.max_size",
            Some(("\"7GiB\"", KeyOrigin::Environment)),
        );
        check(
            text,
            &[("WEIR_HTTP_PAGE", "false")],
            "http.page",
            Some(("false", KeyOrigin::Environment)),
        );
        check(
            "",
            &[],
            "route.1.topic",
            Some(("\"devices/{device}/telemetry\"", KeyOrigin::Default)),
        );
    }

    #[test]
    fn repeated_tables_go_by_their_name_and_what_is_off_is_left_out() {
        let text = "[[source]]\nurl = \"mqtt://127.0.0.1:1\"\nclient_id = \"hall\"\n\
            [[function]]\nname = \"hot\"\nkind = \"threshold\"\nwarning_high = 0x10\n\
            [[maintenance]]\nfrom = 2026-12-24T18:00:00Z\nto = 2026-12-25T06:00:00Z\n";
        let high = Some(("16", KeyOrigin::Line(7)));
        check(text, &[], "function.hot.warning_high", high);
        let url = Some(("\"mqtt://127.0.0.1:1\"", KeyOrigin::Line(2)));
        check(text, &[], "source.hall.url", url);
        let from = Some(("\"2026-12-24T18:00:00Z\"", KeyOrigin::Line(9)));
        check(text, &[], "maintenance.1.from", from);
        check(text, &[], "broker.listen", None);
        check(text, &[], "auth.file", None);
    }

    #[test]
    fn secrets_are_masked() {
        let text = "[[channel]]\nname = \"chat\"\nkind = \"slack\"\n\
            url = \"https://hooks.example/services/T0/B0/xyz?k=1\"\n\
            [[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"https://ops.example\"\n";
        let masked = Some(("\"https://hooks.example/…\"", KeyOrigin::Line(4)));
        check(text, &[], "channel.chat.url", masked);
        let plain = Some(("\"https://ops.example\"", KeyOrigin::Line(8)));
        check(text, &[], "channel.hook.url", plain);
        for (name, value, expect) in [
            ("url", "https://a:b@c/d?e=f", "https://…@c/d?…"),
            ("password", "x", "…"),
            ("password_file", "x", "x"),
            ("token", "x", "…"),
            ("topic", "a/b", "a/b"),
        ] {
            let mut key = EffectiveKey {
                table: "http",
                item: None,
                name: name.to_owned(),
                value: Value::String(value.to_owned()),
                origin: KeyOrigin::Default,
            };
            mask(&mut key);
            assert_eq!(key.value.as_str(), Some(expect), "{name}");
        }
    }
}
