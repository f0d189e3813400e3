//! The tables of `pg_catalog` that clients look at, made from the tables that there
//! are. Most are empty: there are no indexes, constraints, defaults or comments.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, Session, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::functions::{CATALOG, SCHEMA};

/// Numbers of namespaces, as Postgres has them.
const NAMESPACES: [(i64, &str); 3] = [
    (11, "pg_catalog"),
    (2200, SCHEMA),
    (13_000, "information_schema"),
];
/// The owner of everything.
const OWNER: i64 = 10;
/// The first number that Postgres gives to what users make.
const FIRST_TABLE: i64 = 16_384;
/// Postgres' `pg_default`.
const TABLESPACE: i64 = 1_663;
/// Number, name, name in SQL, size, category, array's number.
const TYPES: [(i64, &str, &str, i64, &str, i64); 10] = [
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

pub(super) fn type_oid(name: &str) -> Option<i64> {
    let known = TYPES.iter().find(|kind| kind.1 == name || kind.2 == name);
    known.map(|kind| kind.0)
}

pub(super) fn type_name(oid: i64) -> Option<&'static str> {
    let known = TYPES.iter().find(|kind| kind.0 == oid);
    known.map(|kind| kind.2)
}

pub(super) fn namespace_oid(name: &str) -> Option<i64> {
    let known = NAMESPACES.iter().find(|namespace| namespace.1 == name);
    known.map(|namespace| namespace.0)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    Text,
    Bool,
}
use Kind::{Bool, Int, Text};

/// A value; those that a column has no use for are null.
#[derive(Clone, Debug)]
enum Cell {
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

type Columns = &'static [(&'static str, Kind)];
/// The values of a row that are not the same in all, by column.
type Row = Vec<(&'static str, Cell)>;

const CLASS: Columns = &[
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
const ATTRIBUTE: Columns = &[
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
const TYPE: Columns = &[
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
const NAMESPACE: Columns = &[
    ("oid", Int),
    ("nspname", Text),
    ("nspowner", Int),
    ("nspacl", Text),
];
const DATABASE: Columns = &[
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
const ROLES: Columns = &[
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
const TABLESPACES: Columns = &[("oid", Int), ("spcname", Text), ("spcowner", Int)];
const TABLES: Columns = &[
    ("schemaname", Text),
    ("tablename", Text),
    ("tableowner", Text),
];
/// Tables that have no rows.
const EMPTY: [(&str, Columns); 16] = [
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

/// The schema `pg_catalog`, which tells of these tables.
pub(super) fn schema(tables: Arc<dyn SchemaProvider>) -> Arc<dyn SchemaProvider> {
    let schema = MemorySchemaProvider::new();
    let filled = [
        ("pg_class", CLASS),
        ("pg_attribute", ATTRIBUTE),
        ("pg_type", TYPE),
        ("pg_namespace", NAMESPACE),
        ("pg_database", DATABASE),
        ("pg_tablespace", TABLESPACES),
        ("pg_roles", ROLES),
        ("pg_user", ROLES),
        ("pg_tables", TABLES),
    ];
    for (name, columns) in filled.into_iter().chain(EMPTY) {
        let table = CatalogTable::new(name, columns, tables.clone());
        let registered = schema.register_table(name.to_owned(), Arc::new(table));
        registered.expect("each has a name of its own");
    }
    Arc::new(schema)
}

#[derive(Debug)]
struct CatalogTable {
    name: &'static str,
    columns: Columns,
    schema: SchemaRef,
    tables: Arc<dyn SchemaProvider>,
}

impl CatalogTable {
    fn new(name: &'static str, columns: Columns, tables: Arc<dyn SchemaProvider>) -> Self {
        let field = |(name, kind): &(&str, Kind)| {
            let data_type = match kind {
                Int => DataType::Int64,
                Text => DataType::Utf8,
                Bool => DataType::Boolean,
            };
            Field::new(*name, data_type, true)
        };
        Self {
            name,
            columns,
            schema: Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>())),
            tables,
        }
    }

    async fn rows(&self) -> Result<Vec<Row>> {
        Ok(match self.name {
            "pg_class" => classes(&*self.tables).await?,
            "pg_attribute" => attributes(&*self.tables).await?,
            "pg_type" => types(),
            "pg_namespace" => NAMESPACES
                .iter()
                .map(|(oid, name)| {
                    vec![
                        ("oid", (*oid).into()),
                        ("nspname", (*name).into()),
                        ("nspowner", OWNER.into()),
                    ]
                })
                .collect(),
            "pg_database" => vec![vec![
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
            ]],
            "pg_tablespace" => vec![vec![
                ("oid", TABLESPACE.into()),
                ("spcname", "pg_default".into()),
                ("spcowner", OWNER.into()),
            ]],
            "pg_roles" | "pg_user" => vec![vec![
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
            ]],
            "pg_tables" => names(&*self.tables)
                .iter()
                .map(|name| {
                    vec![
                        ("schemaname", SCHEMA.into()),
                        ("tablename", name.as_str().into()),
                        ("tableowner", CATALOG.into()),
                    ]
                })
                .collect(),
            _ => Vec::new(),
        })
    }

    fn batch(&self, rows: &[Row]) -> Result<RecordBatch> {
        let cell = |row: &Row, name: &str| {
            let mut named = row.iter().filter(|(column, _)| *column == name);
            named.next().map_or(Cell::Null, |(_, cell)| cell.clone())
        };
        let columns = self.columns.iter().map(|(name, kind)| -> ArrayRef {
            let cells = rows.iter().map(|row| cell(row, name));
            match kind {
                Int => Arc::new(
                    cells
                        .map(|cell| match cell {
                            Cell::Int(value) => Some(value),
                            _ => None,
                        })
                        .collect::<Int64Array>(),
                ),
                Text => Arc::new(
                    cells
                        .map(|cell| match cell {
                            Cell::Text(value) => Some(value),
                            _ => None,
                        })
                        .collect::<StringArray>(),
                ),
                Bool => Arc::new(
                    cells
                        .map(|cell| match cell {
                            Cell::Bool(value) => Some(value),
                            _ => None,
                        })
                        .collect::<BooleanArray>(),
                ),
            }
        });
        Ok(RecordBatch::try_new(
            self.schema.clone(),
            columns.collect(),
        )?)
    }
}

#[async_trait]
impl TableProvider for CatalogTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let batch = self.batch(&self.rows().await?)?;
        let schema = self.schema.clone();
        Ok(MemorySourceConfig::try_new_exec(
            &[vec![batch]],
            schema,
            projection.cloned(),
        )?)
    }
}

/// In an order that stays: a table's number is its place.
fn names(tables: &dyn SchemaProvider) -> Vec<String> {
    let mut names = tables.table_names();
    names.sort_unstable();
    names
}

fn oid(place: usize) -> i64 {
    FIRST_TABLE + 1 + i64::try_from(place).unwrap_or(0)
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

fn types() -> Vec<Row> {
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
