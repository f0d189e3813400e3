//! Object ids: namespaces, the owner, tables.

use datafusion::catalog::SchemaProvider;

use crate::functions::SCHEMA;

/// Object ids of namespaces, as in Postgres.
pub(crate) const NAMESPACES: [(i64, &str); 3] = [
    (11, "pg_catalog"),
    (2200, SCHEMA),
    (13_000, "information_schema"),
];
/// The owner of everything.
pub(crate) const OWNER: i64 = 10;
/// The first object id that Postgres gives to user objects.
pub(crate) const FIRST_TABLE: i64 = 16_384;
/// Postgres' `pg_default`.
pub(crate) const TABLESPACE: i64 = 1_663;
pub(crate) fn namespace_oid(name: &str) -> Option<i64> {
    let known = NAMESPACES.iter().find(|namespace| namespace.1 == name);
    known.map(|namespace| namespace.0)
}

/// In a fixed order: a table's object id depends on its position.
pub(crate) fn names(tables: &dyn SchemaProvider) -> Vec<String> {
    let mut names = tables.table_names();
    names.sort_unstable();
    names
}

pub(crate) fn oid(place: usize) -> i64 {
    FIRST_TABLE + 1 + i64::try_from(place).unwrap_or(0)
}

/// Catalog tables that clients name by `'pg_class'::regclass`, with their object ids in
/// Postgres.
const CATALOG_TABLES: [(i64, &str); 8] = [
    (1247, "pg_type"),
    (1249, "pg_attribute"),
    (1255, "pg_proc"),
    (1259, "pg_class"),
    (1262, "pg_database"),
    (2604, "pg_attrdef"),
    (2606, "pg_constraint"),
    (2615, "pg_namespace"),
];

/// The object id of a table by its name as SQL writes it: `readings`,
/// `public."readings"`.
pub(crate) fn table_oid(name: &str, tables: &dyn SchemaProvider) -> Option<i64> {
    let name = name.replace('"', "");
    let name = match name.split_once('.') {
        Some((SCHEMA | "pg_catalog", table)) => table,
        Some(_) => return None,
        None => name.as_str(),
    };
    let known = CATALOG_TABLES.iter().find(|table| table.1 == name);
    known.map(|table| table.0).or_else(|| {
        let place = names(tables).iter().position(|table| table == name)?;
        Some(oid(place))
    })
}

/// The name of a table by its object id.
pub(crate) fn table_name(wanted: i64, tables: &dyn SchemaProvider) -> Option<String> {
    let known = CATALOG_TABLES.iter().find(|table| table.0 == wanted);
    known.map(|table| table.1.to_owned()).or_else(|| {
        let place = usize::try_from(wanted - oid(0)).ok()?;
        names(tables).into_iter().nth(place)
    })
}
