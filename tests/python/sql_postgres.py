"""The Postgres wire protocol by clients as they are: psycopg, asyncpg, SQLAlchemy, pandas;
and the statements of Grafana's Postgres source, Superset, Metabase, DBeaver and pgAdmin.

usage: sql_postgres.py HOST:PORT clients|hostile|endless|places

pump-1 and pump-2 have each sent x = 0.5, 1.5, 2.5 at 1790000000000 ms and one and
two minutes later; pump-1 also a text.
"""

import asyncio
import datetime
import sys
from concurrent.futures import ThreadPoolExecutor, wait

import asyncpg
import pandas
import psycopg
import sqlalchemy

from sql_hostile import TABLES, equal, fails, try_hostile

ADDRESS, MODE = sys.argv[1:]
HOST, PORT = ADDRESS.rsplit(":", 1)
DSN = f"host={HOST} port={PORT} user=weir dbname=weir"
UTC = datetime.timezone.utc
START = datetime.datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)


def run(sql, parameters=None, **options):
    with psycopg.connect(DSN, autocommit=True, **options) as connection:
        return connection.execute(sql, parameters).fetchall()


def values():
    with psycopg.connect(DSN) as connection:
        for binary in [False, True]:
            with connection.cursor(binary=binary) as cursor:
                cursor.execute(
                    "SELECT time, device, value, text, quality = 'good', count(*) OVER () "
                    "FROM readings ORDER BY time, device, sensor LIMIT 2"
                )
                equal([column.name for column in cursor.description][:3], ["time", "device", "value"])
                equal(cursor.fetchone(), (START, "pump-1", None, "on", True, 7))
                equal(cursor.fetchone(), (START, "pump-1", 0.5, None, True, 7))
                cursor.execute("SELECT raised_at, 1::int4, 2.5::numeric, ARRAY[1, 2], '2026-01-02'::date "
                               "FROM alarms RIGHT JOIN (SELECT 1) ON true")
                equal(
                    cursor.fetchone(),
                    (None, 1, 2.5, [1, 2], datetime.date(2026, 1, 2)),
                )
        connection.rollback()
        connection.execute("SELECT 1")
        connection.commit()


def parameters():
    count = "SELECT count(*) FROM readings WHERE "
    for condition, given, expected in [
        ("device = %s", ("pump-1",), 4),
        ("value > %s", (1,), 4),
        ("value > %s", (1.0,), 4),
        ("value > %s AND device = %s", (1.0, "pump-2"), 2),
        ("time >= %s", (START + datetime.timedelta(minutes=1),), 4),
        ("time BETWEEN %s AND %s", (START, START), 3),
        ("device = ANY(%s)", (["pump-1", "pump-9"],), 4),
        ("text = %(text)s OR value = %(value)s", {"text": "on", "value": 0.5}, 3),
        ("unit IS NULL AND location IS NOT DISTINCT FROM %s", (None,), 7),
    ]:
        for binary in [False, True]:
            with psycopg.connect(DSN) as connection, connection.cursor(binary=binary) as cursor:
                equal(cursor.execute(count + condition, given).fetchone(), (expected,))
    # Prepared by name, and run again.
    with psycopg.connect(DSN, prepare_threshold=1) as connection:
        for _ in range(5):
            equal(connection.execute(count + "device = %s", ("pump-1",)).fetchone(), (4,))
    message = fails(lambda: run("SELECT %s::nonsense", (1,)), psycopg.Error)
    assert "nonsense" in message, message


def long_results():
    sql = "SELECT value, value * 0.5 AS half FROM generate_series(1, 300000)"
    with psycopg.connect(DSN) as connection:
        with connection.cursor() as cursor:
            equal(sum(row[0] for row in cursor.execute(sql)), 300000 * 300001 // 2)
            limited = cursor.execute(sql + " WHERE value <= %s", (1000,)).fetchall()
            equal(len(limited), 1000)
        with connection.cursor() as cursor:
            equal(sum(1 for _ in cursor.stream(sql)), 300000)


def errors():
    for sql, state in [
        ("SELEC 1", "42000"),
        ("SELECT * FROM nowhere", "42000"),
        ("DROP TABLE readings", "25006"),
        ("SELECT 1 / 0", "22000"),
        ("COPY readings TO STDOUT", "42000"),
    ]:
        try:
            run(sql)
        except psycopg.Error as error:
            equal((sql, error.sqlstate), (sql, state))
        else:
            raise AssertionError(sql)
    # A connection goes on after an error.
    with psycopg.connect(DSN, autocommit=True) as connection:
        fails(lambda: connection.execute("SELECT nothing"), psycopg.Error)
        equal(connection.execute("SELECT 1").fetchone(), (1,))
    # A query is cancelled, and the connection goes on.
    with psycopg.connect(DSN, autocommit=True) as connection, ThreadPoolExecutor(1) as pool:
        endless = "SELECT sum(value) FROM generate_series(1, 1000000000000)"
        query = pool.submit(connection.execute, endless)
        # It may come before the query: then it stops nothing.
        while not wait([query], timeout=0.1).done:
            connection.cancel_safe()
        fails(query.result, psycopg.errors.QueryCanceled)
        equal(connection.execute("SELECT 1").fetchone(), (1,))


def sql_alchemy():
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://weir@{ADDRESS}/weir")
    with engine.connect() as connection:
        select = sqlalchemy.text("SELECT device, max(value) FROM readings WHERE device = :d GROUP BY 1")
        equal(connection.execute(select, {"d": "pump-2"}).all(), [("pump-2", 2.5)])
        readings = sqlalchemy.table(
            "readings", *(sqlalchemy.column(name) for name in ["device", "sensor", "value"])
        )
        chosen = sqlalchemy.select(readings.c.device, readings.c.value).where(
            readings.c.sensor == "x", readings.c.value.in_([0.5, 2.5])
        )
        equal(len(connection.execute(chosen).all()), 4)
        frame = pandas.read_sql("SELECT time, device, value FROM readings WHERE sensor = 'x'", connection)
        equal(frame.value.sum(), 9.0)
        equal(str(frame.time.min()), "2026-09-21 14:13:20+00:00")
    tables = sqlalchemy.inspect(engine).get_table_names()
    equal(sorted(tables), TABLES)


def grafana():
    """What it sends, macros expanded, for 14:13:20 to 14:16:00."""
    equal(run("SELECT 1"), [(1,)])
    equal(run("SELECT current_setting('server_version_num')::int/100 as version"), [(1600,)])
    equal(run("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"), [])
    search_path = """
          quote_ident(table_schema) IN (
          SELECT
            CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          )"""
    tables = run(f"""SELECT
    CASE WHEN {search_path}
      THEN quote_ident(table_name)
      ELSE quote_ident(table_schema) || '.' || quote_ident(table_name)
    END AS "table"
    FROM information_schema.tables
    WHERE quote_ident(table_schema) NOT IN ('information_schema',
                             'pg_catalog',
                             '_timescaledb_cache',
                             'timescaledb_experimental')
    ORDER BY CASE WHEN {search_path} THEN 0 ELSE 1 END, 1""")
    equal(
        [row[0] for row in tables],
        TABLES,
    )
    columns = run(f"""SELECT quote_ident(column_name) AS "column", data_type AS "type"
    FROM information_schema.columns
    WHERE
      CASE WHEN array_length(parse_ident('readings'),1) = 2
        THEN quote_ident(table_schema) = (parse_ident('readings'))[1]
          AND quote_ident(table_name) = (parse_ident('readings'))[2]
        ELSE quote_ident(table_name) = 'readings'
          AND {search_path}
      END""")
    equal(columns[1][0], "device")
    within = "time BETWEEN '2026-09-21T14:13:20Z' AND '2026-09-21T14:16:00.5Z'"
    for group in ["floor(extract(epoch from time)/60)*60", "floor(extract(epoch from time)/0.5)*0.5"]:
        rows = run(
            f"""SELECT {group} AS "time", device AS metric, avg(value) AS value FROM readings
            WHERE {within} AND sensor = 'x' GROUP BY 1, 2 ORDER BY 1"""
        )
        equal(len(rows), 6)
        equal(rows[0][0], 1789999980.0 if "/60" in group else 1790000000.0)
    epoch = run(f'SELECT extract(epoch from time) as "time", value FROM readings WHERE {within} LIMIT 1')
    equal(epoch[0][0], 1790000000.0)
    rows = run(
        f"""SELECT time AS "time", value FROM readings WHERE {within} AND device IN ('pump-1','pump-2')
        AND sensor = 'x' ORDER BY 1"""
    )
    equal(rows[0], (START, 0.5))
    equal(len(rows), 6)


def arrays():
    """`= ANY($1)`: the type of the elements is that of what they are compared with."""
    count = "SELECT count(*) FROM readings WHERE "
    cases = [
        ("device = ANY({})", ["pump-1", "pump-9"], 4),
        ("device = ANY({}::text[])", ["pump-1"], 4),
        ("device <> ALL({})", ["pump-1"], 3),
        ("NOT (device = ANY({}))", ["pump-1", "it's, \"quoted\""], 3),
        ("device = ANY({})", [], 0),
        ("value = ANY({})", [0.5, 2.5], 4),
        ("value = ANY({}::float8[])", [0.5], 2),
        ("value > ANY({})", [2.0, 1.0], 4),
        ("time = ANY({})", [START], 3),
        ("CAST(value + 0.5 AS bigint) = ANY({})", [1, 3], 4),
        ("CAST(value + 0.5 AS bigint) = ANY({}::int[])", [1, 3], 4),
        ("(value > 1) = ANY({})", [True], 4),
        ("device = ANY({}::text[])", None, 0),
    ]
    for condition, given, expected in cases:
        for binary in [False, True]:
            with psycopg.connect(DSN) as connection, connection.cursor(binary=binary) as cursor:
                found = cursor.execute(count + condition.format("%s"), (given,)).fetchone()
                equal((condition, binary, found), (condition, binary, (expected,)))
    equal(run(count + "device = ANY('{pump-1,\"x y\"}')"), [(4,)])
    equal(run(count + "device = ANY('{pump-1}'::text[]) AND value = ANY('{0.5,1}'::float8[])"), [(1,)])
    # Integers are taken for numbers with a point.
    equal(run(count + "value + 0.5 = ANY(%s)", ([1, 2],)), [(4,)])

    async def by_asyncpg():
        connection = await asyncpg.connect(host=HOST, port=int(PORT), user="weir", database="weir")
        for condition, given, expected in cases:
            found = await connection.fetchval(count + condition.format("$1"), given)
            equal((condition, found), (condition, expected))
        sql = "SELECT value FROM readings WHERE device = $1 AND time >= $2 AND value > $3 ORDER BY time LIMIT $4"
        rows = await connection.fetch(sql, "pump-1", START, 1.0, 1)
        equal([row["value"] for row in rows], [1.5])
        day = datetime.timedelta(days=1)
        equal(await connection.fetchval("SELECT date_bin($1, time) FROM readings LIMIT 1", day), START.replace(hour=0, minute=0, second=0))
        rows = await connection.fetch("SELECT * FROM unnest($1::text[]) AS d", ["a", "b"])
        equal([row[0] for row in rows], ["a", "b"])
        async with connection.transaction():
            found = [row[0] async for row in connection.cursor("SELECT 1 FROM readings", prefetch=2)]
        equal(len(found), 7)
        await connection.reset()
        await connection.close()

    asyncio.run(by_asyncpg())


def inspects():
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://weir@{ADDRESS}/weir")
    inspector = sqlalchemy.inspect(engine)
    equal(inspector.get_schema_names(), ["information_schema", "public"])
    equal(sorted(inspector.get_table_names(schema="public")), TABLES)
    equal(inspector.get_view_names(), [])
    columns = inspector.get_columns("readings")
    equal(
        [(column["name"], str(column["type"])) for column in columns][:4],
        [("time", "TIMESTAMP"), ("device", "TEXT"), ("sensor", "TEXT"), ("value", "DOUBLE PRECISION")],
    )
    equal(columns[0]["type"].timezone, True)
    equal({column["default"] for column in columns}, {None})
    equal(inspector.get_pk_constraint("readings")["constrained_columns"], [])
    for nothing in [
        inspector.get_indexes,
        inspector.get_foreign_keys,
        inspector.get_unique_constraints,
        inspector.get_check_constraints,
    ]:
        equal(nothing("readings"), [])
    equal(inspector.get_table_comment("readings"), {"text": None})
    equal(inspector.get_enums(), [])
    equal(inspector.get_domains(), [])
    equal((inspector.has_table("readings"), inspector.has_table("none")), (True, False))
    everything = sqlalchemy.MetaData()
    everything.reflect(engine)
    equal(sorted(everything.tables), TABLES)
    frame = pandas.read_sql_table("readings", engine)
    equal((len(frame), frame.value.sum()), (7, 9.0))
    with engine.connect() as connection:
        # By a cursor of the server.
        rows = connection.execution_options(stream_results=True, max_row_buffer=2)
        equal(len(rows.execute(sqlalchemy.text("SELECT * FROM readings")).all()), 7)


def cursors():
    sql = "SELECT device, value FROM readings WHERE sensor = %s ORDER BY time, device"
    for binary in [False, True]:
        with psycopg.connect(DSN) as connection:
            with connection.cursor("every \"name\"", binary=binary) as cursor:
                cursor.itersize = 4
                cursor.execute(sql, ("x",))
                equal([column.name for column in cursor.description], ["device", "value"])
                equal(cursor.fetchone(), ("pump-1", 0.5))
                equal(cursor.fetchmany(2), [("pump-2", 0.5), ("pump-1", 1.5)])
                cursor.scroll(1)
                equal(list(cursor), [("pump-1", 2.5), ("pump-2", 2.5)])
                equal(cursor.fetchone(), None)
            with connection.cursor("held", binary=binary, withhold=True, scrollable=False) as cursor:
                cursor.execute(sql, ("x",))
                connection.commit()
                equal(len(cursor.fetchall()), 6)
    with psycopg.connect(DSN, autocommit=True) as connection:
        def state(statement):
            try:
                connection.execute(statement)
            except psycopg.Error as error:
                return error.sqlstate
            return None

        equal(state("DECLARE c CURSOR FOR SELECT 1"), None)
        equal(state("DECLARE c CURSOR FOR SELECT 1"), "42P03")
        equal(state("FETCH PRIOR FROM c"), "55000")
        equal(connection.execute("FETCH ALL IN c").fetchall(), [(1,)])
        equal(connection.execute("FETCH ALL IN c").fetchall(), [])
        equal(state("COMMIT"), None)
        equal(state("FETCH c"), "34000")
        equal(state("DECLARE d CURSOR FOR DELETE FROM readings"), "25006")
        equal([state(f"DECLARE c{n} CURSOR FOR SELECT 1") for n in range(16)], [None] * 16)
        equal(state("DECLARE more CURSOR FOR SELECT 1"), "53400")
        equal(state("CLOSE ALL"), None)
        equal(state("DECLARE more CURSOR FOR SELECT 1"), None)


def bounds():
    with psycopg.connect(DSN, autocommit=True) as connection:
        # psycopg forgets the oldest statement when it has a hundred.
        for number in range(1_100):
            equal(connection.execute(f"SELECT {number}", prepare=True).fetchone(), (number,))
        connection.prepared_max = None
        try:
            for number in range(1_100):
                connection.execute(f"SELECT {number} AS n", prepare=True)
        except psycopg.Error as error:
            equal(error.sqlstate, "53400")
        else:
            raise AssertionError("a connection has prepared 1,100 statements")
        connection.execute("DISCARD ALL")
        equal(connection.execute("SELECT 'x'", prepare=True).fetchone(), ("x",))


def places():
    """One place for queries: an open cursor and an open portal give it back in time."""
    endless = "SELECT value FROM generate_series(1, 1000000000000)"

    def until_a_query_has_its_place():
        while True:
            try:
                return equal(run("SELECT 1 FROM readings LIMIT 1"), [(1,)])
            except (psycopg.errors.TooManyConnections, psycopg.errors.QueryCanceled):
                pass

    with psycopg.connect(DSN) as connection, connection.cursor("open") as cursor:
        cursor.execute(endless)
        equal(cursor.fetchone(), (1,))
        until_a_query_has_its_place()
        fails(cursor.fetchone, psycopg.errors.QueryCanceled)

    async def by_portal():
        connection = await asyncpg.connect(host=HOST, port=int(PORT), user="weir", database="weir")
        async with connection.transaction():
            cursor = await connection.cursor(endless)
            equal([row[0] for row in await cursor.fetch(2)], [1, 2])
            await asyncio.to_thread(until_a_query_has_its_place)
            try:
                await cursor.fetch(2)
            except asyncpg.QueryCanceledError:
                pass
            else:
                raise AssertionError("the query of the portal goes on")
        await connection.close()

    asyncio.run(by_portal())


def bi_tools():
    """What they send when they connect and read the schema."""
    readings = "SELECT 'readings'::regclass::oid"
    oid = run(readings)[0][0]
    # Superset, beside SQLAlchemy's inspector.
    equal(run("SELECT datname FROM pg_database WHERE datistemplate = false"), [("weir",)])
    equal(len(run("SELECT DATE_TRUNC('hour', time) AS t, avg(value) FROM readings GROUP BY 1")), 1)
    # Metabase.
    described = run(
        """SELECT "c"."column_name" AS "name",
          CASE WHEN "c"."udt_schema" IN ('public', 'pg_catalog') THEN FORMAT('%s', "c"."udt_name")
            ELSE FORMAT('"%s"."%s"', "c"."udt_schema", "c"."udt_name") END AS "database-type",
          "c"."ordinal_position" - 1 AS "database-position", "c"."table_schema" AS "table-schema",
          "c"."table_name" AS "table-name", "pk"."column_name" IS NOT NULL AS "pk?",
          COL_DESCRIPTION(CAST(CAST(FORMAT('%I.%I', CAST("c"."table_schema" AS TEXT),
            CAST("c"."table_name" AS TEXT)) AS REGCLASS) AS OID), "c"."ordinal_position") AS "field-comment",
          (("column_default" IS NULL) OR (LOWER("column_default") = 'null')) AND ("is_nullable" = 'NO')
            AND NOT ((("column_default" IS NOT NULL) AND ("column_default" LIKE '%nextval(%'))
              OR ("is_identity" <> 'NO')) AS "database-required"
        FROM "information_schema"."columns" AS "c"
        LEFT JOIN (SELECT "tc"."table_schema", "tc"."table_name", "kc"."column_name"
          FROM "information_schema"."table_constraints" AS "tc"
          INNER JOIN "information_schema"."key_column_usage" AS "kc"
            ON ("tc"."constraint_name" = "kc"."constraint_name") AND ("tc"."table_schema" = "kc"."table_schema")
          WHERE "tc"."constraint_type" = 'PRIMARY KEY') AS "pk"
        ON ("c"."table_schema" = "pk"."table_schema") AND ("c"."table_name" = "pk"."table_name")
          AND ("c"."column_name" = "pk"."column_name")
        WHERE c.table_schema !~ '^information_schema|catalog_history|pg_' AND ("c"."table_schema" IN ('public'))
        UNION ALL
        SELECT "pa"."attname", CASE WHEN "ptn"."nspname" IN ('public', 'pg_catalog') THEN FORMAT('%s', "pt"."typname")
            ELSE FORMAT('"%s"."%s"', "ptn"."nspname", "pt"."typname") END, "pa"."attnum" - 1, "pn"."nspname",
          "pc"."relname", FALSE, NULL, FALSE
        FROM "pg_catalog"."pg_class" AS "pc"
        INNER JOIN "pg_catalog"."pg_namespace" AS "pn" ON "pn"."oid" = "pc"."relnamespace"
        INNER JOIN "pg_catalog"."pg_attribute" AS "pa" ON "pa"."attrelid" = "pc"."oid"
        INNER JOIN "pg_catalog"."pg_type" AS "pt" ON "pt"."oid" = "pa"."atttypid"
        INNER JOIN "pg_catalog"."pg_namespace" AS "ptn" ON "ptn"."oid" = "pt"."typnamespace"
        WHERE ("pc"."relkind" = 'm') AND ("pa"."attnum" >= 1)
        ORDER BY "table-schema" ASC, "table-name" ASC, "database-position" ASC"""
    )
    found = [row for row in described if row[4] == "readings"]
    equal(found[0], ("time", "timestamptz", 0, "public", "readings", False, None, True))
    equal(found[3], ("value", "float8", 3, "public", "readings", False, None, False))
    tables = run(
        """SELECT "n"."nspname" AS "schema", "c"."relname" AS "name",
          CASE "c"."relkind" WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE NULL END AS "type",
          "d"."description" AS "description", "stat"."n_live_tup" AS "estimated_row_count"
        FROM "pg_catalog"."pg_class" AS "c"
        INNER JOIN "pg_catalog"."pg_namespace" AS "n" ON "c"."relnamespace" = "n"."oid"
        LEFT JOIN "pg_catalog"."pg_description" AS "d" ON ("c"."oid" = "d"."objoid") AND ("d"."objsubid" = 0)
          AND ("d"."classoid" = 'pg_class'::regclass)
        LEFT JOIN "pg_stat_user_tables" AS "stat" ON ("n"."nspname" = "stat"."schemaname")
          AND ("c"."relname" = "stat"."relname")
        WHERE ("c"."relnamespace" = "n"."oid") AND ("n"."nspname" !~ '^pg_') AND ("n"."nspname" <> 'information_schema')
          AND c.relkind in ('r', 'p', 'v', 'f', 'm') AND ("n"."nspname" IN ('public'))
        ORDER BY "type" ASC, "schema" ASC, "name" ASC"""
    )
    equal([row[1] for row in tables], TABLES)
    for nothing in [
        """SELECT "fk_ns"."nspname" AS "fk-table-schema", "fk_table"."relname" AS "fk-table-name"
        FROM "pg_constraint" AS "c" INNER JOIN "pg_class" AS "fk_table" ON "c"."conrelid" = "fk_table"."oid"
        INNER JOIN "pg_namespace" AS "fk_ns" ON "c"."connamespace" = "fk_ns"."oid"
        INNER JOIN "pg_attribute" AS "fk_column" ON "c"."conrelid" = "fk_column"."attrelid"
        WHERE ("c"."contype" = 'f'::char) AND ("fk_column"."attnum" = ANY(c.conkey))
        ORDER BY "fk-table-schema" ASC, "fk-table-name" ASC""",
        """SELECT "tmp"."table-name", TRIM(BOTH '"' FROM "pg_catalog"."pg_get_indexdef"("tmp"."ci_oid", "tmp"."pos", FALSE))
          AS "field-name"
        FROM (SELECT "ct"."relname" AS "table-name", "ci"."oid" AS "ci_oid",
            ("information_schema"."_pg_expandarray"("i"."indkey"))."n" AS "pos"
          FROM "pg_catalog"."pg_class" AS "ct"
          INNER JOIN "pg_catalog"."pg_index" AS "i" ON "ct"."oid" = "i"."indrelid"
          INNER JOIN "pg_catalog"."pg_class" AS "ci" ON "ci"."oid" = "i"."indexrelid") AS "tmp"
        WHERE "tmp"."pos" = 1""",
        """SELECT nspname, typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        WHERE t.oid IN (SELECT DISTINCT enumtypid FROM pg_enum e)""",
        # DBeaver.
        """SELECT c.oid,c.*,t.relname as tabrelname,rt.relnamespace as refnamespace,d.description,
          case when c.contype='c' then "substring"(pg_get_constraintdef(c.oid), 7) else null end consrc_copy
        FROM pg_catalog.pg_constraint c INNER JOIN pg_catalog.pg_class t ON t.oid=c.conrelid
        LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid=c.confrelid
        LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0
          AND d.classoid='pg_constraint'::regclass
        WHERE c.conrelid=16385 ORDER BY c.oid""",
        """SELECT i.*,i.indkey as keys,c.relname,tc.relname as tabrelname,
          pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr,
          pg_catalog.pg_stat_get_numscans(i.indexrelid) as index_num_scans
        FROM pg_catalog.pg_index i INNER JOIN pg_catalog.pg_class c ON c.oid=i.indexrelid
        INNER JOIN pg_catalog.pg_class tc ON tc.oid=i.indrelid WHERE i.indrelid=16385
        ORDER BY tabrelname, c.relname""",
        "SELECT c.oid,c.* FROM pg_catalog.pg_collation c ORDER BY c.oid",
    ]:
        equal((nothing, run(nothing)), (nothing, []))
    with psycopg.connect(DSN, autocommit=True) as connection:
        cursor = connection.execute("SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE datname=%s", ("weir",))
        names = [column.name for column in cursor.description]
        equal((names[:3], cursor.fetchone()[2]), (["oid", "oid", "datname"], "weir"))
    schemas = run(
        """SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n
        LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0
          AND d.classoid='pg_namespace'::regclass ORDER BY nspname"""
    )
    equal([row[2] for row in schemas], ["information_schema", "pg_catalog", "public"])
    types = run(
        """SELECT t.oid,t.*,c.relkind,format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description
        FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid=t.typelem
        LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid=t.typrelid
        LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid=d.objoid
        WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c')
          AND (et.typcategory IS NULL OR et.typcategory <> 'C')"""
    )
    equal({"float8", "timestamptz", "_text"} <= {row[2] for row in types}, True)
    classes = run(
        """SELECT c.oid,c.*,d.description,pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr,
          pg_catalog.pg_get_partkeydef(c.oid) as partition_key
        FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0
          AND d.classoid='pg_class'::regclass WHERE c.relnamespace=%s AND c.relkind not in ('i','I','c')""",
        (2200,),
    )
    equal(sorted(row[2] for row in classes), TABLES)
    columns = run(
        """SELECT c.relname,a.*,pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value,dsc.description,dep.objid
        FROM pg_catalog.pg_attribute a INNER JOIN pg_catalog.pg_class c ON (a.attrelid=c.oid)
        LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid=ad.adrelid AND a.attnum = ad.adnum)
        LEFT OUTER JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid)
        LEFT OUTER JOIN pg_depend dep on dep.refobjid = a.attrelid AND dep.deptype = 'i'
          and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid
        WHERE NOT a.attisdropped AND c.relkind not in ('i','I','c') AND c.oid=%s ORDER BY a.attnum""",
        (oid,),
    )
    equal([row[2] for row in columns][:4], ["time", "device", "sensor", "value"])
    equal(run("SELECT setting FROM pg_catalog.pg_settings WHERE name='standard_conforming_strings'"), [("on",)])
    words = run(
        "select string_agg(word, ',') from pg_catalog.pg_get_keywords() where word <> ALL ('{a,abs,limit}'::text[])"
    )
    equal("offset" in words[0][0] and "limit" not in words[0][0], True)
    equal(run("SELECT current_schema(),session_user"), [("public", "weir")])
    equal(run("SHOW search_path"), [("public",)])
    # pgAdmin and asyncpg.
    equal(
        run("SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'"),
        [("hex",)],
    )
    equal(run("SELECT current_schemas(true), (current_schemas(false))[1]"), [(["pg_catalog", "public"], "public")])
    equal(
        run("SELECT c.oid::regclass::text, a.atttypid::regtype::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE c.relname = 'readings' AND a.attname = 'value'"),
        [("readings", "double precision")],
    )
    equal(run("SELECT count(*) FROM readings WHERE sensor LIKE 'x!_%' ESCAPE '!'"), [(0,)])
    equal(run("SELECT 1 AS a, 2 AS a, count(*), count(*) FROM readings"), [(1, 2, 7, 7)])


if MODE == "clients":
    checks = [values, parameters, arrays, long_results, errors, sql_alchemy, inspects, cursors, bounds, grafana, bi_tools]
    for check in checks:
        check()
        print("ok", check.__name__, flush=True)
elif MODE == "places":
    places()
elif MODE == "hostile":
    try_hostile(run, psycopg.Error)
    # Once more by the extended protocol, which prepares.
    try_hostile(lambda sql: run(sql, (), prepare_threshold=0), psycopg.Error)
    equal(run("SELECT count(*) FROM readings"), [(7,)])
else:
    run("SELECT sum(value) FROM generate_series(1, 1000000000000)")
