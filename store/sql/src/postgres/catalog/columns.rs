//! The columns of the tables of `pg_catalog` and `information_schema`, and the value of
//! a cell. Columns are listed by name: `#` marks a number, `?` a boolean; all others are
//! texts.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bool,
}

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

/// The values of a row that differ from the defaults, by column.
pub(crate) type Row = Vec<(&'static str, Cell)>;

/// The columns of a list.
pub(crate) fn columns(list: &'static str) -> Vec<(&'static str, Kind)> {
    let column = |name: &'static str| {
        if let Some(name) = name.strip_suffix('#') {
            (name, Kind::Int)
        } else if let Some(name) = name.strip_suffix('?') {
            (name, Kind::Bool)
        } else {
            (name, Kind::Text)
        }
    };
    list.split_ascii_whitespace().map(column).collect()
}

/// What the names of tables of `information_schema` begin with here: DataFusion's own
/// schema of that name cannot be replaced.
pub(crate) const INFORMATION: &str = "information_schema_";

/// Tables with rows.
pub(crate) const FILLED: [(&str, &str); 18] = [
    (
        "pg_class",
        "oid# relname relnamespace# reltype# reloftype# relowner# relam# relfilenode# \
         reltablespace# relpages# reltuples# relallvisible# reltoastrelid# relhasindex? \
         relisshared? relpersistence relkind relnatts# relchecks# relhasrules? relhastriggers? \
         relhassubclass? relrowsecurity? relforcerowsecurity? relispopulated? relreplident \
         relispartition? relrewrite# relacl reloptions relpartbound",
    ),
    (
        "pg_attribute",
        "attrelid# attname atttypid# attlen# attnum# attcacheoff# atttypmod# attndims# attbyval? \
         attalign attstorage attcompression attnotnull? atthasdef? atthasmissing? attidentity \
         attgenerated attisdropped? attislocal? attinhcount# attcollation# attstattarget# attacl \
         attoptions attfdwoptions",
    ),
    (
        "pg_type",
        "oid# typname typnamespace# typowner# typlen# typbyval? typtype typcategory \
         typispreferred? typisdefined? typdelim typrelid# typelem# typarray# typinput typoutput \
         typreceive typsend typalign typstorage typnotnull? typbasetype# typtypmod# typndims# \
         typcollation# typdefault typacl",
    ),
    ("pg_namespace", "oid# nspname nspowner# nspacl"),
    (
        "pg_database",
        "oid# datname datdba# encoding# datlocprovider datistemplate? datallowconn? \
         datconnlimit# dattablespace# datcollate datctype daticulocale daticurules datlocale \
         datcollversion datacl",
    ),
    ("pg_tablespace", "oid# spcname spcowner# spcacl spcoptions"),
    ("pg_roles", ROLES),
    ("pg_authid", ROLES),
    (
        "pg_user",
        "usename usesysid# usecreatedb? usesuper? userepl? usebypassrls?",
    ),
    (
        "pg_tables",
        "schemaname tablename tableowner tablespace hasindexes? hasrules? hastriggers? \
         rowsecurity?",
    ),
    (
        "pg_settings",
        "name setting unit category short_desc extra_desc context vartype source min_val \
         max_val enumvals boot_val reset_val sourcefile sourceline# pending_restart?",
    ),
    ("pg_keywords", "word catcode catdesc"),
    (
        "information_schema_schemata",
        "catalog_name schema_name schema_owner default_character_set_catalog \
         default_character_set_schema default_character_set_name sql_path",
    ),
    (
        "information_schema_tables",
        "table_catalog table_schema table_name table_type self_referencing_column_name \
         reference_generation user_defined_type_catalog user_defined_type_schema \
         user_defined_type_name is_insertable_into is_typed commit_action",
    ),
    (
        "information_schema_columns",
        "table_catalog table_schema table_name column_name ordinal_position# column_default \
         is_nullable data_type character_maximum_length# character_octet_length# \
         numeric_precision# numeric_precision_radix# numeric_scale# datetime_precision# \
         interval_type interval_precision# character_set_catalog character_set_schema \
         character_set_name collation_catalog collation_schema collation_name domain_catalog \
         domain_schema domain_name udt_catalog udt_schema udt_name dtd_identifier \
         is_self_referencing is_identity identity_generation identity_start identity_increment \
         identity_maximum identity_minimum identity_cycle is_generated generation_expression \
         is_updatable",
    ),
    ("information_schema_enabled_roles", "role_name"),
    (
        "information_schema_table_privileges",
        "grantor grantee table_catalog table_schema table_name privilege_type is_grantable \
         with_hierarchy",
    ),
    (
        "information_schema_role_table_grants",
        "grantor grantee table_catalog table_schema table_name privilege_type is_grantable \
         with_hierarchy",
    ),
];

const ROLES: &str = "oid# rolname rolsuper? rolinherit? rolcreaterole? rolcreatedb? rolcanlogin? \
     rolreplication? rolconnlimit# rolpassword rolvaliduntil rolbypassrls? rolconfig";
