"""Flight SQL by clients as they are: ADBC, InfluxDB 3's for Python, pyarrow; and the
statements of Grafana's InfluxDB source.

usage: sql_flight.py HOST:PORT clients|hostile|endless|auth

pump-1 and pump-2 have each sent x = 0.5, 1.5, 2.5 at 1790000000000 ms and one and
two minutes later; pump-1 also a text.
"""

import sys

import adbc_driver_flightsql.dbapi as flightsql
import adbc_driver_manager
import pyarrow as pa
from influxdb_client_3 import InfluxDBClient3, InfluxDBError
from pyarrow import flight

from sql_hostile import TABLES, equal, fails, try_hostile

ADDRESS, MODE = sys.argv[1:]
URI = f"grpc://{ADDRESS}"


def run(sql, parameters=None):
    with flightsql.connect(URI, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetch_arrow_table()


def adbc():
    with flightsql.connect(URI, autocommit=True) as connection:
        info = connection.adbc_get_info()
        equal(info["vendor_name"], "Weir")
        objects = connection.adbc_get_objects(depth="columns").read_all().to_pylist()
        equal([catalog["catalog_name"] for catalog in objects], ["weir"])
        schemas = {s["db_schema_name"]: s for s in objects[0]["catalog_db_schemas"]}
        equal(sorted(schemas), ["information_schema", "public"])
        tables = {t["table_name"]: t for t in schemas["public"]["db_schema_tables"]}
        equal(
            sorted(tables), TABLES
        )
        columns = [c["column_name"] for c in tables["readings"]["table_columns"]]
        equal(columns[:4], ["time", "device", "sensor", "value"])
        equal(connection.adbc_get_table_types(), ["BASE TABLE", "VIEW"])
        schema = connection.adbc_get_table_schema("readings")
        equal(schema.field("time").type, pa.timestamp("ns"))
        equal({str(schema.field(name).type) for name in ["device", "text", "flags"]}, {"string"})
        with connection.cursor() as cursor:
            cursor.execute("SELECT device, value FROM readings WHERE sensor = 'x' ORDER BY 1, 2")
            equal(cursor.fetchone(), ("pump-1", 0.5))
            equal(len(cursor.fetchall()), 5)
            cursor.execute(
                "SELECT count(*) FROM readings WHERE device = $1 AND value > $2", ("pump-1", 1.0)
            )
            equal(cursor.fetchone(), (2,))
            schema = cursor.adbc_execute_schema("SELECT time, value FROM readings")
            equal(schema, pa.schema([("time", pa.timestamp("ns")), ("value", pa.float64())]))
            # Exactly one endpoint: Grafana reads the first and no other.
            partitions, _ = cursor.adbc_execute_partitions("SELECT * FROM readings")
            equal(len(partitions), 1)
        # A long result, in pieces.
        with connection.cursor() as cursor:
            cursor.execute("SELECT value FROM generate_series(1, 300000)")
            total = sum(sum(batch.column(0).to_pylist()) for batch in cursor.fetch_record_batch())
            equal(total, 300000 * 300001 // 2)
            frame = run("SELECT time, device, value FROM readings WHERE sensor = 'x'").to_pandas()
            equal(str(frame.time.min()), "2026-09-21 14:13:20")
    errors = adbc_driver_manager.Error
    assert "nowhere" in fails(lambda: run("SELECT * FROM nowhere"), errors)
    assert "only queries" in fails(lambda: run("DROP TABLE readings"), errors)
    assert "$1" in fails(lambda: run("SELECT * FROM readings WHERE value > $1"), errors)


def influxdb3():
    with InfluxDBClient3(host=f"http://{ADDRESS}", database="any", token="none") as client:
        select = "SELECT time, device, value FROM readings WHERE sensor = 'x' ORDER BY time, device"
        table = client.query(select)
        equal(table.num_rows, 6)
        equal(table.schema.field("time").type, pa.timestamp("ns"))
        equal(table.column("value").to_pylist(), [0.5, 0.5, 1.5, 1.5, 2.5, 2.5])
        frame = client.query(select, mode="pandas")
        equal(list(frame.columns), ["time", "device", "value"])
        table = client.query(
            "SELECT count(*) AS n FROM readings WHERE device = $device AND value > $limit",
            query_parameters={"device": "pump-2", "limit": 1},
        )
        equal(table.to_pylist(), [{"n": 2}])
        message = fails(lambda: client.query("SELECT 1", language="influxql"), Exception)
        assert "SQL" in message, message
        message = fails(lambda: client.query("DROP TABLE readings"), Exception)
        assert "only queries" in message, message


def grafana():
    """What its SQL mode sends, macros expanded, for 14:13:20 to 14:16:00."""
    equal(run("select 1").num_rows, 1)
    tables = run(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = database() "
        "ORDER BY table_name"
    )
    equal(
        tables.column(0).to_pylist(),
        TABLES,
    )
    datasets = run(
        "SELECT DISTINCT TABLE_SCHEMA from information_schema.TABLES "
        "where TABLE_TYPE != 'SYSTEM VIEW' ORDER BY TABLE_SCHEMA"
    )
    assert "public" in datasets.column(0).to_pylist(), datasets
    columns = run(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name = 'readings' ORDER BY column_name"
    )
    equal(columns.column(0).to_pylist()[0], "device")
    equal({str(field.type) for field in columns.schema}, {"string"})
    within = (
        "time >= cast('2026-09-21T14:13:20Z' as timestamp) "
        "AND time <= cast('2026-09-21T14:16:00Z' as timestamp)"
    )

    def binned(interval):
        return run(
            f"SELECT date_bin(interval '{interval}', time, timestamp '1970-01-01T00:00:00Z') as time, "
            f"avg(value) AS value FROM public.readings WHERE sensor = 'x' AND {within} "
            "GROUP BY 1 ORDER BY 1"
        )

    table = binned("60 second")
    equal(table.schema.field("time").type, pa.timestamp("ns"))
    equal(table.column("value").to_pylist(), [0.5, 1.5, 2.5])
    equal(str(table.column("time")[0]), "2026-09-21 14:13:00")
    # A panel of less than a second per point: each instant is its own.
    table = binned("0 second")
    equal(table.column("value").to_pylist(), [0.5, 1.5, 2.5])
    equal(str(table.column("time")[0]), "2026-09-21 14:13:20")
    table = run(f"SELECT * FROM readings WHERE {within} ORDER BY time LIMIT 1000")
    equal({str(f.type) for f in table.schema}, {"timestamp[ns]", "string", "double"})
    equal(table.num_rows, 7)
    # Times are nanoseconds in every table, for it takes them for that.
    equal(run("SELECT raised_at FROM alarms").schema.field(0).type, pa.timestamp("ns"))
    parts = "datepart('minute', time),datepart('hour', time)"
    equal(run(f"SELECT {parts}, count(*) FROM readings WHERE {within} GROUP BY {parts}").num_rows, 3)


def pyarrow_flight():
    """A ticket as InfluxDB 3's clients in other languages make it."""
    client = flight.FlightClient(f"grpc+tcp://{ADDRESS}")
    ticket = flight.Ticket(b'{"database":"any","sql_query":"SELECT 1 AS one","query_type":"sql"}')
    equal(client.do_get(ticket).read_all().to_pylist(), [{"one": 1}])
    for wrong in [b"{", b"", b"nonsense", b'{"database":"any"}']:
        fails(lambda: client.do_get(flight.Ticket(wrong)).read_all(), pa.ArrowException)


def auth():
    def adbc(token):
        options = {"adbc.flight.sql.authorization_header": f"Bearer {token}"} if token else {}
        with flightsql.connect(URI, db_kwargs=options, autocommit=True) as connection:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 AS one")
                return cursor.fetchone()

    def influx(token):
        with InfluxDBClient3(host=f"http://{ADDRESS}", database="any", token=token) as client:
            return client.query("SELECT 1 AS one").to_pylist()

    token = "reader-token-0123456789"
    equal(adbc(token), (1,))
    equal(influx(token), [{"one": 1}])
    for wrong in ["", "wrong"]:
        assert "token" in fails(lambda: adbc(wrong), adbc_driver_manager.Error)
    assert "token" in fails(lambda: influx("wrong"), Exception)


if MODE == "auth":
    auth()
elif MODE == "clients":
    for check in [adbc, influxdb3, grafana, pyarrow_flight]:
        check()
        print("ok", check.__name__)
elif MODE == "hostile":
    try_hostile(run, adbc_driver_manager.Error)
    with InfluxDBClient3(host=f"http://{ADDRESS}", database="any", token="none") as client:
        try_hostile(client.query, Exception)
    equal(run("SELECT count(*) AS n FROM readings").to_pylist(), [{"n": 7}])
else:
    run("SELECT sum(value) FROM generate_series(1, 1000000000000)")
