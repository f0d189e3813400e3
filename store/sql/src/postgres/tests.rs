//! What clients of Postgres ask, word by word.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};
use futures::TryStreamExt;

use crate::tests::support::{Store, T0, block_on, n, open, row, show};
use crate::{Dialect, OID_ELEMENT, Parameters, QueryError, QueryLimits};

fn filled(dir: &std::path::Path) -> Store {
    let mut store = open(dir);
    store.append(&[row("a", T0, vec![("x", n(1.5))])]);
    store
}

fn ask(store: &Store, query: &str) -> Result<Vec<String>, QueryError> {
    let sql = store.sql.clone();
    block_on(async {
        let limits = QueryLimits::default();
        let prepared = sql.prepare(query, Dialect::Postgres, limits).await?;
        let rows = sql.run(&prepared, &Parameters::None, limits).await?;
        let batches: Vec<_> = rows.try_collect().await.map_err(QueryError::from)?;
        Ok(show(&batches))
    })
}

/// As Grafana's Postgres source asks whether a schema is in the search path.
const IN_SEARCH_PATH: &str = "quote_ident(table_schema) IN (
    SELECT CASE WHEN trim(s[i]) = '\"$user\"' THEN user ELSE trim(s[i]) END
    FROM generate_series(
        array_lower(string_to_array(current_setting('search_path'),','),1),
        array_upper(string_to_array(current_setting('search_path'),','),1)
      ) as i,
      string_to_array(current_setting('search_path'),',') s)";

#[test]
fn clients_find_out_where_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    for (query, expect) in [
        (
            "SELECT current_setting('server_version_num')::int/100 as version",
            "1600",
        ),
        (
            "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'",
            "",
        ),
        ("select current_schema()", "public"),
        (
            "SELECT current_database(), current_user, session_user",
            "weir|weir|weir",
        ),
        (
            "SELECT 'readings' = quote_ident('readings') AS same",
            "true",
        ),
        (
            "SELECT c.relname FROM pg_catalog.pg_class c \
             LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relname OPERATOR(pg_catalog.~) '^(readings)$' COLLATE pg_catalog.default \
             AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1",
            "readings",
        ),
        (
            "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON a.attrelid = c.oid \
             WHERE c.relname = 'readings' AND a.attnum > 0 AND NOT a.attisdropped",
            "9",
        ),
        (
            "SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a \
             WHERE a.attname = 'value'",
            "double precision",
        ),
        (
            "SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class \
             JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace \
             WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p', 'f', 'v', 'm']) \
             AND pg_catalog.pg_namespace.nspname != 'pg_catalog' ORDER BY 1",
            "readings readings_1h readings_1m",
        ),
        (
            "SELECT typname AS name, oid, typarray AS array_oid, oid::regtype::text AS regtype, \
             typdelim AS delimiter FROM pg_type t WHERE t.oid = to_regtype('hstore') ORDER BY t.oid",
            "",
        ),
        (
            "SELECT device FROM readings WHERE time BETWEEN '2026-11-20T00:00:00Z' AND '2026-11-22T00:00:00Z'",
            "a",
        ),
        (
            "SELECT floor(extract(epoch from time)/60)*60 AS \"time\", avg(value) AS \"value\" \
             FROM readings GROUP BY 1 ORDER BY 1",
            "1795219200.0|1.5",
        ),
    ] {
        assert_eq!(
            ask(&store, query)
                .unwrap_or_else(|error| panic!("{query}: {error}"))
                .join(" "),
            expect,
            "{query}"
        );
    }
}

#[test]
fn parameters_that_are_arrays_have_the_type_of_what_they_are_compared_with() {
    let list = |name: &str, element| DataType::List(Arc::new(Field::new(name, element, true)));
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    for (condition, expect) in [
        ("device = ANY($1)", list("item", DataType::Utf8)),
        ("device <> ALL(($1))", list("item", DataType::Utf8)),
        ("value > ANY($1)", list("item", DataType::Float64)),
        ("time = ANY($1)", list("item", time)),
        ("value = ANY($1::int[])", list("item", DataType::Int64)),
        ("1 = ANY($1::oid[])", list(OID_ELEMENT, DataType::Int64)),
        (
            "device IN (SELECT device FROM readings WHERE text = ANY($1))",
            list("item", DataType::Utf8),
        ),
    ] {
        let sql = format!("SELECT count(*) FROM readings WHERE {condition} LIMIT $2");
        let prepared = store
            .sql
            .prepare(&sql, Dialect::Postgres, QueryLimits::default());
        let prepared = block_on(prepared).unwrap();
        let expect = [
            ("1".to_owned(), Some(expect)),
            ("2".to_owned(), Some(DataType::Int64)),
        ];
        assert_eq!(prepared.parameters(), expect, "{condition}");
    }
    // Parameters of what is answered without a plan are counted too.
    let sql = "SELECT conname FROM pg_constraint WHERE conrelid = $1 AND contype = $2";
    let prepared = store
        .sql
        .prepare(sql, Dialect::Postgres, QueryLimits::default());
    assert_eq!(block_on(prepared).unwrap().parameters().len(), 2);
}

#[test]
fn grafana_builds_its_queries() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    let tables = format!(
        "SELECT CASE WHEN {IN_SEARCH_PATH} THEN quote_ident(table_name)
            ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS \"table\"
         FROM information_schema.tables
         WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog')
         ORDER BY CASE WHEN {IN_SEARCH_PATH} THEN 0 ELSE 1 END, 1"
    );
    let expect = ["readings", "readings_1h", "readings_1m"];
    assert_eq!(ask(&store, &tables).unwrap(), expect);
    let older = format!(
        "select quote_ident(table_name) as \"table\" from information_schema.tables \
         where quote_ident(table_schema) not in ('information_schema', 'pg_catalog') \
         and {IN_SEARCH_PATH}"
    );
    let mut found = ask(&store, &older).unwrap();
    found.sort();
    assert_eq!(found, expect);
    let columns = format!(
        "SELECT quote_ident(column_name) AS \"column\", data_type AS \"type\"
         FROM information_schema.columns
         WHERE CASE WHEN array_length(parse_ident('readings'),1) = 2
            THEN quote_ident(table_schema) = (parse_ident('readings'))[1]
                AND quote_ident(table_name) = (parse_ident('readings'))[2]
            ELSE quote_ident(table_name) = 'readings' AND {IN_SEARCH_PATH} END"
    );
    assert_eq!(ask(&store, &columns).unwrap().len(), 9);
}

#[test]
fn other_doors_see_none_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    assert!(
        store
            .try_sql("SELECT * FROM pg_catalog.pg_class", QueryLimits::default())
            .is_err()
    );
    assert!(ask(&store, "SELECT pg_sleep(1)").is_err());
}

/// As psql 15 asks for `\l`, `\l+`, `\dt+`, `\d+ readings`, `\dn+`, `\du`, `\dp` and `\df`,
/// and what the first line of the answer begins with.
#[test]
fn psql_lists() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    let table = "SELECT CAST(oid AS text) FROM pg_class WHERE relname = 'readings'";
    let oid = ask(&store, table).unwrap().remove(0);
    for (query, expect) in [
        (
            r#"SELECT d.datname as "Name",
       pg_catalog.pg_get_userbyid(d.datdba) as "Owner",
       pg_catalog.pg_encoding_to_char(d.encoding) as "Encoding",
       d.datcollate as "Collate",
       d.datctype as "Ctype",
       d.daticulocale as "ICU Locale",
       CASE d.datlocprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' END AS "Locale Provider",
       pg_catalog.array_to_string(d.datacl, E'\n') AS "Access privileges"
FROM pg_catalog.pg_database d
ORDER BY 1;"#,
            "weir|weir|UTF8|C|C|-|libc|-",
        ),
        (
            r#"SELECT d.datname as "Name",
       pg_catalog.pg_get_userbyid(d.datdba) as "Owner",
       CASE WHEN pg_catalog.has_database_privilege(d.datname, 'CONNECT')
            THEN pg_catalog.pg_size_pretty(pg_catalog.pg_database_size(d.datname))
            ELSE 'No Access'
       END as "Size",
       t.spcname as "Tablespace",
       pg_catalog.shobj_description(d.oid, 'pg_database') as "Description"
FROM pg_catalog.pg_database d
  JOIN pg_catalog.pg_tablespace t on d.dattablespace = t.oid
ORDER BY 1;"#,
            "weir|weir|",
        ),
        (
            r#"SELECT n.nspname as "Schema",
  c.relname as "Name",
  CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' END as "Type",
  pg_catalog.pg_get_userbyid(c.relowner) as "Owner",
  CASE c.relpersistence WHEN 'p' THEN 'permanent' WHEN 't' THEN 'temporary' WHEN 'u' THEN 'unlogged' END as "Persistence",
  am.amname as "Access method",
  pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(c.oid)) as "Size",
  pg_catalog.obj_description(c.oid, 'pg_class') as "Description"
FROM pg_catalog.pg_class c
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
WHERE c.relkind IN ('r','p','')
      AND n.nspname <> 'pg_catalog'
      AND n.nspname !~ '^pg_toast'
      AND n.nspname <> 'information_schema'
  AND pg_catalog.pg_table_is_visible(c.oid)
ORDER BY 1,2;"#,
            "public|readings|table|weir|permanent|-|-|-",
        ),
        (
            &format!(
                r"SELECT c.relchecks, c.relkind, c.relhasindex, c.relhasrules, c.relhastriggers, c.relrowsecurity, c.relforcerowsecurity, false AS relhasoids, c.relispartition, pg_catalog.array_to_string(c.reloptions || array(select 'toast.' || x from pg_catalog.unnest(tc.reloptions) x), ', ')
, c.reltablespace, CASE WHEN c.reloftype = 0 THEN '' ELSE c.reloftype::pg_catalog.regtype::pg_catalog.text END, c.relpersistence, c.relreplident, am.amname
FROM pg_catalog.pg_class c
 LEFT JOIN pg_catalog.pg_class tc ON (c.reltoastrelid = tc.oid)
LEFT JOIN pg_catalog.pg_am am ON (c.relam = am.oid)
WHERE c.oid = '{oid}';"
            ),
            "0|r|false|",
        ),
        (
            r#"SELECT n.nspname AS "Name",
  pg_catalog.pg_get_userbyid(n.nspowner) AS "Owner",
  pg_catalog.array_to_string(n.nspacl, E'\n') AS "Access privileges",
  pg_catalog.obj_description(n.oid, 'pg_namespace') AS "Description"
FROM pg_catalog.pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1;"#,
            "public|weir|-|-",
        ),
        (
            r"SELECT r.rolname, r.rolsuper, r.rolinherit,
  r.rolcreaterole, r.rolcreatedb, r.rolcanlogin,
  r.rolconnlimit, r.rolvaliduntil,
  ARRAY(SELECT b.rolname
        FROM pg_catalog.pg_auth_members m
        JOIN pg_catalog.pg_roles b ON (m.roleid = b.oid)
        WHERE m.member = r.oid) as memberof
, r.rolreplication
, r.rolbypassrls
FROM pg_catalog.pg_roles r
WHERE r.rolname !~ '^pg_'
ORDER BY 1;",
            "weir|false|true|false|false|true|-1|-|-|false|false",
        ),
        (
            r#"SELECT n.nspname as "Schema",
  c.relname as "Name",
  pg_catalog.array_to_string(c.relacl, E'\n') AS "Access privileges",
  pg_catalog.array_to_string(ARRAY(
    SELECT attname || E':\n  ' || pg_catalog.array_to_string(attacl, E'\n  ')
    FROM pg_catalog.pg_attribute a
    WHERE attrelid = c.oid AND NOT attisdropped AND attacl IS NOT NULL
  ), E'\n') AS "Column privileges"
FROM pg_catalog.pg_class c
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r','v','m','S','f','p')
  AND n.nspname !~ '^pg_' AND pg_catalog.pg_table_is_visible(c.oid)
ORDER BY 1, 2;"#,
            "public|readings|-|-",
        ),
        (
            r#"SELECT n.nspname as "Schema",
  p.proname as "Name",
  pg_catalog.pg_get_function_result(p.oid) as "Result data type",
  pg_catalog.pg_get_function_arguments(p.oid) as "Argument data types",
 CASE p.prokind
  WHEN 'a' THEN 'agg'
  WHEN 'w' THEN 'window'
  WHEN 'p' THEN 'proc'
  ELSE 'func'
 END as "Type"
FROM pg_catalog.pg_proc p
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE pg_catalog.pg_function_is_visible(p.oid)
      AND n.nspname <> 'pg_catalog'
      AND n.nspname <> 'information_schema'
ORDER BY 1, 2, 4;"#,
            "",
        ),
    ] {
        let lines = ask(&store, query).unwrap_or_else(|error| panic!("{query}: {error}"));
        let first = lines.first().map_or("", String::as_str);
        assert!(first.starts_with(expect), "{query}: {lines:?}");
        assert_eq!(first.is_empty(), expect.is_empty(), "{query}: {lines:?}");
    }
}
