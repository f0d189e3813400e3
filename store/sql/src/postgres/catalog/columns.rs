//! The columns of the tables of `pg_catalog`, and the value of a cell.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bool,
}
pub(crate) use Kind::{Bool, Int, Text};

/// The value of a cell.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Int(i64),
    Text(String),
    Bool(bool),
    Null,
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

pub(crate) type Columns = &'static [(&'static str, Kind)];
/// The values of a row that differ from the defaults, by column.
pub(crate) type Row = Vec<(&'static str, Cell)>;

pub(crate) const CLASS: Columns = &[
    ("oid", Int),
    ("relname", Text),
    ("relnamespace", Int),
    ("reltype", Int),
    ("reloftype", Int),
    ("relowner", Int),
    ("relam", Int),
    ("reltablespace", Int),
    ("relpages", Int),
    ("reltuples", Int),
    ("reltoastrelid", Int),
    ("relhasindex", Bool),
    ("relisshared", Bool),
    ("relpersistence", Text),
    ("relkind", Text),
    ("relnatts", Int),
    ("relchecks", Int),
    ("relhasrules", Bool),
    ("relhastriggers", Bool),
    ("relhassubclass", Bool),
    ("relrowsecurity", Bool),
    ("relforcerowsecurity", Bool),
    ("relreplident", Text),
    ("relispartition", Bool),
    ("relacl", Text),
    ("reloptions", Text),
];
pub(crate) const ATTRIBUTE: Columns = &[
    ("attrelid", Int),
    ("attname", Text),
    ("atttypid", Int),
    ("attlen", Int),
    ("attnum", Int),
    ("atttypmod", Int),
    ("attndims", Int),
    ("attnotnull", Bool),
    ("atthasdef", Bool),
    ("attidentity", Text),
    ("attgenerated", Text),
    ("attisdropped", Bool),
    ("attislocal", Bool),
    ("attcollation", Int),
    ("attstorage", Text),
    ("attcompression", Text),
    ("attstattarget", Int),
    ("attacl", Text),
];
pub(crate) const TYPE: Columns = &[
    ("oid", Int),
    ("typname", Text),
    ("typnamespace", Int),
    ("typowner", Int),
    ("typlen", Int),
    ("typtype", Text),
    ("typcategory", Text),
    ("typrelid", Int),
    ("typelem", Int),
    ("typarray", Int),
    ("typdelim", Text),
    ("typbasetype", Int),
    ("typtypmod", Int),
    ("typnotnull", Bool),
    ("typcollation", Int),
    ("typdefault", Text),
];
pub(crate) const NAMESPACE: Columns = &[
    ("oid", Int),
    ("nspname", Text),
    ("nspowner", Int),
    ("nspacl", Text),
];
pub(crate) const DATABASE: Columns = &[
    ("oid", Int),
    ("datname", Text),
    ("datdba", Int),
    ("encoding", Int),
    ("datcollate", Text),
    ("datctype", Text),
    ("datistemplate", Bool),
    ("datallowconn", Bool),
    ("datconnlimit", Int),
    ("dattablespace", Int),
    ("datlocprovider", Text),
    ("daticulocale", Text),
    ("daticurules", Text),
    ("datlocale", Text),
    ("datcollversion", Text),
    ("datacl", Text),
];
pub(crate) const ROLES: Columns = &[
    ("oid", Int),
    ("rolname", Text),
    ("rolsuper", Bool),
    ("rolcanlogin", Bool),
    ("rolinherit", Bool),
    ("rolcreaterole", Bool),
    ("rolcreatedb", Bool),
    ("rolreplication", Bool),
    ("rolbypassrls", Bool),
    ("rolconnlimit", Int),
    ("rolvaliduntil", Text),
];
pub(crate) const TABLESPACES: Columns = &[("oid", Int), ("spcname", Text), ("spcowner", Int)];
pub(crate) const TABLES: Columns = &[
    ("schemaname", Text),
    ("tablename", Text),
    ("tableowner", Text),
];
/// Tables without rows.
pub(crate) const EMPTY: [(&str, Columns); 16] = [
    ("pg_am", &[("oid", Int), ("amname", Text), ("amtype", Text)]),
    (
        "pg_attrdef",
        &[
            ("oid", Int),
            ("adrelid", Int),
            ("adnum", Int),
            ("adbin", Text),
        ],
    ),
    (
        "pg_collation",
        &[("oid", Int), ("collname", Text), ("collnamespace", Int)],
    ),
    (
        "pg_constraint",
        &[
            ("oid", Int),
            ("conname", Text),
            ("connamespace", Int),
            ("contype", Text),
            ("conrelid", Int),
            ("confrelid", Int),
            ("conindid", Int),
            ("contypid", Int),
        ],
    ),
    (
        "pg_description",
        &[
            ("objoid", Int),
            ("classoid", Int),
            ("objsubid", Int),
            ("description", Text),
        ],
    ),
    (
        "pg_enum",
        &[
            ("oid", Int),
            ("enumtypid", Int),
            ("enumlabel", Text),
            ("enumsortorder", Int),
        ],
    ),
    (
        "pg_extension",
        &[
            ("oid", Int),
            ("extname", Text),
            ("extnamespace", Int),
            ("extversion", Text),
        ],
    ),
    (
        "pg_index",
        &[
            ("indexrelid", Int),
            ("indrelid", Int),
            ("indnatts", Int),
            ("indisunique", Bool),
            ("indisprimary", Bool),
            ("indisvalid", Bool),
        ],
    ),
    (
        "pg_inherits",
        &[("inhrelid", Int), ("inhparent", Int), ("inhseqno", Int)],
    ),
    (
        "pg_matviews",
        &[("schemaname", Text), ("matviewname", Text)],
    ),
    (
        "pg_proc",
        &[
            ("oid", Int),
            ("proname", Text),
            ("pronamespace", Int),
            ("prokind", Text),
        ],
    ),
    (
        "pg_policy",
        &[("oid", Int), ("polname", Text), ("polrelid", Int)],
    ),
    (
        "pg_publication",
        &[("oid", Int), ("pubname", Text), ("puballtables", Bool)],
    ),
    (
        "pg_auth_members",
        &[("roleid", Int), ("member", Int), ("grantor", Int)],
    ),
    ("pg_range", &[("rngtypid", Int), ("rngsubtype", Int)]),
    (
        "pg_views",
        &[
            ("schemaname", Text),
            ("viewname", Text),
            ("definition", Text),
        ],
    ),
];
