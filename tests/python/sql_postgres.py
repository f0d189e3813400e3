"""The Postgres wire protocol by clients as they are: psycopg, SQLAlchemy, pandas; and
the statements of Grafana's Postgres source.

usage: sql_postgres.py HOST:PORT clients|hostile|endless

pump-1 and pump-2 have each sent x = 0.5, 1.5, 2.5 at 1790000000000 ms and one and
two minutes later; pump-1 also a text.
"""

import datetime
import sys
from concurrent.futures import ThreadPoolExecutor, wait

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


if MODE == "clients":
    for check in [values, parameters, long_results, errors, sql_alchemy, grafana]:
        check()
        print("ok", check.__name__, flush=True)
elif MODE == "hostile":
    try_hostile(run, psycopg.Error)
    # Once more by the extended protocol, which prepares.
    try_hostile(lambda sql: run(sql, (), prepare_threshold=0), psycopg.Error)
    equal(run("SELECT count(*) FROM readings"), [(7,)])
else:
    run("SELECT sum(value) FROM generate_series(1, 1000000000000)")
