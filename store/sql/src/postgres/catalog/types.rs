//! The types of Postgres that columns and parameters have.

use arrow::datatypes::DataType;

use super::columns::{Cell, Row};
use super::objects::OWNER;

/// Object id, name, SQL name, size, category, object id of the array type.
type Type = (i64, &'static str, &'static str, i64, &'static str, i64);

const TYPES: [Type; 22] = [
    (16, "bool", "boolean", 1, "B", 1000),
    (17, "bytea", "bytea", -1, "U", 1001),
    (18, "char", "\"char\"", 1, "Z", 1002),
    (19, "name", "name", 64, "S", 1003),
    (20, "int8", "bigint", 8, "N", 1016),
    (21, "int2", "smallint", 2, "N", 1005),
    (23, "int4", "integer", 4, "N", 1007),
    (25, "text", "text", -1, "S", 1009),
    (26, "oid", "oid", 4, "N", 1028),
    (114, "json", "json", -1, "U", 199),
    (700, "float4", "real", 4, "N", 1021),
    (701, "float8", "double precision", 8, "N", 1022),
    (1042, "bpchar", "character", -1, "S", 1014),
    (1043, "varchar", "character varying", -1, "S", 1015),
    (1082, "date", "date", 4, "D", 1182),
    (1083, "time", "time without time zone", 8, "D", 1183),
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
    (1186, "interval", "interval", 16, "T", 1187),
    (1700, "numeric", "numeric", -1, "N", 1231),
    (2950, "uuid", "uuid", 16, "U", 2951),
    (3802, "jsonb", "jsonb", -1, "U", 3807),
];

/// The object id of a type by its name.
pub(crate) fn type_oid(name: &str) -> Option<i64> {
    let known = |name: &str| TYPES.iter().find(|kind| kind.1 == name || kind.2 == name);
    if let Some(element) = name.strip_suffix("[]").or_else(|| name.strip_prefix('_')) {
        return known(element).map(|kind| kind.5);
    }
    known(name).map(|kind| kind.0)
}

/// The SQL name of a type by its object id.
pub(crate) fn type_name(oid: i64) -> Option<String> {
    TYPES.iter().find_map(|kind| match oid {
        _ if kind.0 == oid => Some(kind.2.to_owned()),
        _ if kind.5 == oid => Some(format!("{}[]", kind.2)),
        _ => None,
    })
}

/// The type that clients receive for a column, as `arrow-pg` converts it.
pub(crate) fn oid_of(column: &DataType) -> i64 {
    match column {
        DataType::Boolean => 16,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => 17,
        DataType::Int64 | DataType::UInt32 => 20,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => 21,
        DataType::Int32 | DataType::UInt16 => 23,
        DataType::Float16 | DataType::Float32 => 700,
        DataType::Float64 => 701,
        DataType::Date32 | DataType::Date64 => 1082,
        DataType::Timestamp(_, None) => 1114,
        DataType::Timestamp(_, Some(_)) => 1184,
        DataType::UInt64 | DataType::Decimal128(..) => 1700,
        _ => 25,
    }
}

/// Name and size of a type by its object id.
pub(crate) fn name_and_size(oid: i64) -> (&'static str, i64) {
    let known = TYPES.iter().find(|kind| kind.0 == oid);
    known.map_or(("text", -1), |kind| (kind.1, kind.3))
}

pub(crate) fn types() -> Vec<Row> {
    let row = |oid: i64, name: Cell, size: i64, category: &str, element: i64, array: i64| -> Row {
        vec![
            ("oid", oid.into()),
            ("typname", name),
            ("typnamespace", 11.into()),
            ("typowner", OWNER.into()),
            ("typlen", size.into()),
            ("typbyval", (size > 0 && size <= 8).into()),
            ("typtype", "b".into()),
            ("typcategory", category.into()),
            ("typispreferred", false.into()),
            ("typisdefined", true.into()),
            ("typrelid", 0.into()),
            ("typelem", element.into()),
            ("typarray", array.into()),
            (
                "typinput",
                if element == 0 { "in" } else { "array_in" }.into(),
            ),
            ("typdelim", ",".into()),
            ("typbasetype", 0.into()),
            ("typtypmod", (-1).into()),
            ("typnotnull", false.into()),
            ("typndims", 0.into()),
            ("typcollation", 0.into()),
        ]
    };
    let of = |kind: &Type| {
        let (oid, name, _, size, category, array) = *kind;
        let list = Cell::Text(format!("_{name}"));
        [
            row(oid, name.into(), size, category, 0, array),
            row(array, list, -1, "A", oid, 0),
        ]
    };
    TYPES.iter().flat_map(of).collect()
}
