//! The rows of `pg_catalog`: one database, one role, the registered tables, the settings.

use datafusion::catalog::SchemaProvider;
use datafusion::error::Result;

use super::columns::{Cell, Row};
use super::objects::{FIRST_TABLE, NAMESPACES, OWNER, TABLESPACE, names, oid};
use super::{information, types};
use crate::functions::{CATALOG, SCHEMA};
use crate::postgres::settings::SETTINGS;

/// The rows of a table, without columns that are null in all of them.
pub(crate) async fn rows(table: &str, tables: &dyn SchemaProvider) -> Result<Vec<Row>> {
    Ok(match table {
        "pg_class" => classes(tables).await?,
        "pg_attribute" => attributes(tables).await?,
        "pg_type" => types::types(),
        "pg_namespace" => namespaces(),
        "pg_database" => vec![database()],
        "pg_tablespace" => vec![vec![
            ("oid", TABLESPACE.into()),
            ("spcname", "pg_default".into()),
            ("spcowner", OWNER.into()),
        ]],
        "pg_roles" | "pg_authid" => vec![role()],
        "pg_user" => vec![vec![
            ("usename", CATALOG.into()),
            ("usesysid", OWNER.into()),
            ("usecreatedb", false.into()),
            ("usesuper", false.into()),
            ("userepl", false.into()),
            ("usebypassrls", false.into()),
        ]],
        "pg_settings" => settings(),
        "pg_keywords" => KEYWORDS.into_iter().map(keyword).collect(),
        "information_schema_schemata" => information::schemata(),
        "information_schema_tables" => information::tables(tables),
        "information_schema_columns" => information::columns(tables).await?,
        "information_schema_enabled_roles" => vec![vec![("role_name", CATALOG.into())]],
        "information_schema_table_privileges" | "information_schema_role_table_grants" => {
            information::privileges(tables)
        }
        "pg_tables" => names(tables).iter().map(|name| table_row(name)).collect(),
        _ => Vec::new(),
    })
}

/// Words beyond SQL:2003 that must be quoted as names.
const KEYWORDS: [&str; 6] = [
    "exclude",
    "ilike",
    "limit",
    "offset",
    "qualify",
    "returning",
];

fn keyword(word: &str) -> Row {
    vec![
        ("word", word.into()),
        ("catcode", "R".into()),
        ("catdesc", "reserved".into()),
    ]
}

fn settings() -> Vec<Row> {
    let row = |(name, value): &(&str, &str)| -> Row {
        let fixed = match *value {
            "on" | "off" => "bool",
            number if number.parse::<i64>().is_ok() => "integer",
            _ => "string",
        };
        vec![
            ("name", (*name).into()),
            ("setting", (*value).into()),
            ("category", "Preset Options".into()),
            ("short_desc", "".into()),
            ("context", "internal".into()),
            ("vartype", fixed.into()),
            ("source", "default".into()),
            ("boot_val", (*value).into()),
            ("reset_val", (*value).into()),
            ("pending_restart", false.into()),
        ]
    };
    SETTINGS.iter().map(row).collect()
}

fn namespaces() -> Vec<Row> {
    let row = |(oid, name): &(i64, &str)| {
        vec![
            ("oid", (*oid).into()),
            ("nspname", (*name).into()),
            ("nspowner", OWNER.into()),
        ]
    };
    NAMESPACES.iter().map(row).collect()
}

fn database() -> Row {
    vec![
        ("oid", FIRST_TABLE.into()),
        ("datname", CATALOG.into()),
        ("datdba", OWNER.into()),
        ("encoding", 6.into()),
        ("datcollate", "C".into()),
        ("datctype", "C".into()),
        ("datistemplate", false.into()),
        ("datallowconn", true.into()),
        ("datconnlimit", (-1).into()),
        ("dattablespace", TABLESPACE.into()),
        ("datlocprovider", "c".into()),
    ]
}

fn role() -> Row {
    vec![
        ("oid", OWNER.into()),
        ("rolname", CATALOG.into()),
        ("rolsuper", false.into()),
        ("rolcanlogin", true.into()),
        ("rolinherit", true.into()),
        ("rolcreaterole", false.into()),
        ("rolcreatedb", false.into()),
        ("rolreplication", false.into()),
        ("rolbypassrls", false.into()),
        ("rolconnlimit", (-1).into()),
    ]
}

fn table_row(name: &str) -> Row {
    vec![
        ("schemaname", SCHEMA.into()),
        ("tablename", name.into()),
        ("tableowner", CATALOG.into()),
        ("hasindexes", false.into()),
        ("hasrules", false.into()),
        ("hastriggers", false.into()),
        ("rowsecurity", false.into()),
    ]
}

async fn classes(tables: &dyn SchemaProvider) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (place, name) in names(tables).into_iter().enumerate() {
        let columns = match tables.table(&name).await? {
            Some(table) => table.schema().fields().len(),
            None => continue,
        };
        let mut row: Row = vec![
            ("oid", oid(place).into()),
            ("relname", name.as_str().into()),
            ("relnamespace", 2200.into()),
            ("relowner", OWNER.into()),
            ("relpersistence", "p".into()),
            ("relkind", "r".into()),
            ("relnatts", i64::try_from(columns).unwrap_or(0).into()),
            ("relreplident", "d".into()),
            ("relispopulated", true.into()),
        ];
        let zero = [
            "reltype",
            "reloftype",
            "relam",
            "relfilenode",
            "relallvisible",
            "relrewrite",
            "reltablespace",
            "relpages",
            "reltuples",
            "reltoastrelid",
            "relchecks",
        ];
        row.extend(zero.map(|name| (name, Cell::Int(0))));
        let no = [
            "relhasindex",
            "relisshared",
            "relhasrules",
            "relhastriggers",
            "relhassubclass",
            "relrowsecurity",
            "relforcerowsecurity",
            "relispartition",
        ];
        row.extend(no.map(|name| (name, Cell::Bool(false))));
        rows.push(row);
    }
    Ok(rows)
}

async fn attributes(tables: &dyn SchemaProvider) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (place, name) in names(tables).into_iter().enumerate() {
        let Some(table) = tables.table(&name).await? else {
            continue;
        };
        for (at, field) in table.schema().fields().iter().enumerate() {
            let kind = types::oid_of(field.data_type());
            let (_, size) = types::name_and_size(kind);
            rows.push(vec![
                ("attrelid", oid(place).into()),
                ("attname", field.name().as_str().into()),
                ("atttypid", kind.into()),
                ("attlen", size.into()),
                ("attnum", i64::try_from(at + 1).unwrap_or(0).into()),
                ("atttypmod", (-1).into()),
                ("attndims", 0.into()),
                ("attinhcount", 0.into()),
                ("atthasmissing", false.into()),
                ("attnotnull", (!field.is_nullable()).into()),
                ("atthasdef", false.into()),
                ("attidentity", "".into()),
                ("attgenerated", "".into()),
                ("attisdropped", false.into()),
                ("attislocal", true.into()),
                ("attcollation", 0.into()),
                ("attstorage", "p".into()),
                ("attcompression", "".into()),
                ("attstattarget", (-1).into()),
            ]);
        }
    }
    Ok(rows)
}
