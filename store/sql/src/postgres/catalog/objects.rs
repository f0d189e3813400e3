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
