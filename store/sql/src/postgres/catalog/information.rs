//! The rows of `information_schema` as Postgres has them: its names of types, positions
//! from 1, and YES and NO.

use arrow::datatypes::Schema;
use datafusion::catalog::SchemaProvider;
use datafusion::error::Result;

use super::columns::{Cell, Row};
use super::objects::{NAMESPACES, names};
use super::types;
use crate::functions::{CATALOG, SCHEMA};

pub(crate) fn schemata() -> Vec<Row> {
    let row = |(_, name): &(i64, &str)| -> Row {
        vec![
            ("catalog_name", CATALOG.into()),
            ("schema_name", (*name).into()),
            ("schema_owner", CATALOG.into()),
        ]
    };
    NAMESPACES.iter().map(row).collect()
}

pub(crate) fn tables(tables: &dyn SchemaProvider) -> Vec<Row> {
    let row = |name: &String| -> Row {
        vec![
            ("table_catalog", CATALOG.into()),
            ("table_schema", SCHEMA.into()),
            ("table_name", name.as_str().into()),
            ("table_type", "BASE TABLE".into()),
            ("is_insertable_into", "NO".into()),
            ("is_typed", "NO".into()),
        ]
    };
    names(tables).iter().map(row).collect()
}

/// Everyone may read every table, and nothing else.
pub(crate) fn privileges(tables: &dyn SchemaProvider) -> Vec<Row> {
    let row = |name: &String| -> Row {
        vec![
            ("grantor", CATALOG.into()),
            ("grantee", CATALOG.into()),
            ("table_catalog", CATALOG.into()),
            ("table_schema", SCHEMA.into()),
            ("table_name", name.as_str().into()),
            ("privilege_type", "SELECT".into()),
            ("is_grantable", "NO".into()),
            ("with_hierarchy", "YES".into()),
        ]
    };
    names(tables).iter().map(row).collect()
}

pub(crate) async fn columns(tables: &dyn SchemaProvider) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for name in names(tables) {
        if let Some(table) = tables.table(&name).await? {
            rows.extend(columns_of(&name, &table.schema()));
        }
    }
    Ok(rows)
}

fn columns_of(table: &str, schema: &Schema) -> Vec<Row> {
    let row = |(at, field): (usize, &arrow::datatypes::FieldRef)| -> Row {
        let oid = types::oid_of(field.data_type());
        let (udt, _) = types::name_and_size(oid);
        let name = types::type_name(oid).unwrap_or_else(|| udt.to_owned());
        let position = i64::try_from(at + 1).unwrap_or(0);
        let mut row: Row = vec![
            ("table_catalog", CATALOG.into()),
            ("table_schema", SCHEMA.into()),
            ("table_name", table.into()),
            ("column_name", field.name().as_str().into()),
            ("ordinal_position", position.into()),
            ("is_nullable", yes_or_no(field.is_nullable())),
            ("data_type", Cell::Text(name)),
            ("udt_catalog", CATALOG.into()),
            ("udt_schema", "pg_catalog".into()),
            ("udt_name", udt.into()),
            ("dtd_identifier", Cell::Text(position.to_string())),
            ("is_self_referencing", "NO".into()),
            ("is_identity", "NO".into()),
            ("is_generated", "NEVER".into()),
            ("is_updatable", "NO".into()),
        ];
        row.extend(precision(oid));
        row
    };
    schema.fields().iter().enumerate().map(row).collect()
}

fn precision(oid: i64) -> Row {
    let bits = |bits: i64| -> Row {
        vec![
            ("numeric_precision", bits.into()),
            ("numeric_precision_radix", 2.into()),
        ]
    };
    match oid {
        20 | 21 | 23 => {
            let (_, size) = types::name_and_size(oid);
            let mut row = bits(size * 8);
            row.push(("numeric_scale", 0.into()));
            row
        }
        700 => bits(24),
        701 => bits(53),
        1700 => vec![("numeric_precision_radix", 10.into())],
        1114 | 1184 => vec![("datetime_precision", 6.into())],
        1082 => vec![("datetime_precision", 0.into())],
        25 => vec![("character_octet_length", (1 << 30).into())],
        _ => Vec::new(),
    }
}

fn yes_or_no(yes: bool) -> Cell {
    if yes { "YES" } else { "NO" }.into()
}
