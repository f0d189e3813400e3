//! The types of Postgres that columns have.

use super::columns::Row;
use super::objects::OWNER;

/// Object id, name, SQL name, size, category, object id of the array type.
pub(crate) const TYPES: [(i64, &str, &str, i64, &str, i64); 10] = [
    (16, "bool", "boolean", 1, "B", 1000),
    (20, "int8", "bigint", 8, "N", 1016),
    (21, "int2", "smallint", 2, "N", 1005),
    (23, "int4", "integer", 4, "N", 1007),
    (25, "text", "text", -1, "S", 1009),
    (26, "oid", "oid", 4, "N", 1028),
    (701, "float8", "double precision", 8, "N", 1022),
    (
        1114,
        "timestamp",
        "timestamp without time zone",
        8,
        "D",
        1115,
    ),
    (
        1184,
        "timestamptz",
        "timestamp with time zone",
        8,
        "D",
        1185,
    ),
    (1700, "numeric", "numeric", -1, "N", 1231),
];

pub(crate) fn type_oid(name: &str) -> Option<i64> {
    let known = TYPES.iter().find(|kind| kind.1 == name || kind.2 == name);
    known.map(|kind| kind.0)
}

pub(crate) fn type_name(oid: i64) -> Option<&'static str> {
    let known = TYPES.iter().find(|kind| kind.0 == oid);
    known.map(|kind| kind.2)
}

pub(crate) fn types() -> Vec<Row> {
    let row = |(oid, name, _, size, category, array): &(i64, &str, &str, i64, &str, i64)| -> Row {
        vec![
            ("oid", (*oid).into()),
            ("typname", (*name).into()),
            ("typnamespace", 11.into()),
            ("typowner", OWNER.into()),
            ("typlen", (*size).into()),
            ("typtype", "b".into()),
            ("typcategory", (*category).into()),
            ("typrelid", 0.into()),
            ("typelem", 0.into()),
            ("typarray", (*array).into()),
            ("typdelim", ",".into()),
            ("typbasetype", 0.into()),
            ("typtypmod", (-1).into()),
            ("typnotnull", false.into()),
            ("typcollation", 0.into()),
        ]
    };
    TYPES.iter().map(row).collect()
}
