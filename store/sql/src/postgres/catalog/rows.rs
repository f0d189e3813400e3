//! The rows of `pg_catalog`: one database, one role, the registered tables.

use arrow::datatypes::DataType;
use datafusion::catalog::SchemaProvider;
use datafusion::error::Result;

use super::columns::{Cell, Row};
use super::objects::{FIRST_TABLE, NAMESPACES, OWNER, TABLESPACE, names, oid};
use super::types;
use crate::functions::{CATALOG, SCHEMA};

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
        "pg_roles" | "pg_user" => vec![role()],
        "pg_tables" => names(tables).iter().map(|name| table_row(name)).collect(),
        _ => Vec::new(),
    })
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
        ];
        let zero = [
            "reltype",
            "reloftype",
            "relam",
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
            let kind = match field.data_type() {
                DataType::Boolean => 16,
                DataType::Float64 | DataType::Float32 => 701,
                DataType::UInt64 => 1700,
                DataType::Timestamp(_, Some(_)) => 1184,
                DataType::Timestamp(_, None) => 1114,
                data_type if data_type.is_integer() => 20,
                _ => 25,
            };
            rows.push(vec![
                ("attrelid", oid(place).into()),
                ("attname", field.name().as_str().into()),
                ("atttypid", kind.into()),
                ("attlen", (-1).into()),
                ("attnum", i64::try_from(at + 1).unwrap_or(0).into()),
                ("atttypmod", (-1).into()),
                ("attndims", 0.into()),
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
