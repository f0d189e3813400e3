"""The store's files, read by DuckDB and pyarrow as they lie.

store_files.py EXPECTED.json

EXPECTED.json names the files, as `weir store stats --json` does, and what Weir
itself answers: {"kinds": [{"paths": […], "sensors": […]}], "rare": […],
"rollups": […], "readings": {"sensor": [count, sum]}, "hours": {"sensor": [parts, sum]}}.
"""

import json
import math
import sys

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def add(totals, name, count, total):
    before = totals.get(name, (0, 0.0))
    totals[name] = (before[0] + count, before[1] + total)


def check_table(table, path):
    """What every file promises, whichever kind it is."""
    schema = table.schema
    assert schema.names[:4] == ["device", "time", "location", "flags"], (path, schema)
    assert pa.types.is_timestamp(schema.field("time").type), (path, schema)
    assert schema.field("time").type.tz == "UTC", (path, schema)
    devices = table.column("device").to_pylist()
    assert devices == sorted(devices), path
    statistics = pq.ParquetFile(path).metadata.row_group(0).column(0).statistics
    assert statistics is not None and statistics.has_min_max, path


def by_pyarrow(files, rare):
    totals = {}
    for path, sensors in files:
        table = pq.read_table(path)
        check_table(table, path)
        # In this order; a sensor called `time` has a column of another name.
        for at, sensor in enumerate(sensors):
            column = table.column(4 + at)
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                add(totals, sensor, column.length() - column.null_count, 0.0)
            else:
                numbers = column.cast(pa.float64())
                add(totals, sensor, pc.count(numbers).as_py(), pc.sum(numbers).as_py() or 0.0)
    for path in rare:
        table = pq.read_table(path)
        check_table(table, path)
        for row in table.to_pylist():
            add(totals, row["sensor"], 1, float(row["value"] or 0.0))
    return totals


def by_duckdb(files, rare):
    totals = {}
    for path, sensors in files:
        columns = pq.read_schema(path).names[4:]
        for column, sensor in zip(columns, sensors, strict=True):
            name = '"' + column.replace('"', '""') + '"'
            kind = duckdb.execute(f"SELECT typeof({name}) FROM read_parquet(?) LIMIT 1", [path])
            text = kind.fetchone()[0] == "VARCHAR"
            value = "0" if text else f"CAST({name} AS double)"
            query = f"SELECT count({name}), coalesce(sum({value}), 0) FROM read_parquet(?)"
            add(totals, sensor, *duckdb.execute(query, [path]).fetchone())
    for path in rare:
        query = (
            "SELECT sensor, count(*), coalesce(sum(CAST(value AS double)), 0) "
            "FROM read_parquet(?) GROUP BY sensor"
        )
        for row in duckdb.execute(query, [path]).fetchall():
            add(totals, *row)
    return totals


def rollups_by_pyarrow(paths):
    totals = {}
    for path in paths:
        table = pq.read_table(path)
        check_table(table, path)
        for row in table.to_pylist():
            add(totals, row["sensor"], int(row["count"]), float(row["sum"]))
    return totals


def rollups_by_duckdb(paths):
    totals = {}
    query = (
        "SELECT sensor, CAST(sum(count) AS bigint), CAST(sum(CAST(sum AS double)) AS double) "
        "FROM read_parquet(?) GROUP BY sensor"
    )
    for path in paths:
        for row in duckdb.execute(query, [path]).fetchall():
            add(totals, *row)
    return totals


def same(found, expected, what):
    assert found.keys() == expected.keys(), (what, found, expected)
    for name, (count, total) in expected.items():
        assert found[name][0] == count, (what, name, found[name], count)
        assert math.isclose(found[name][1], total, rel_tol=1e-9, abs_tol=1e-6), (what, name)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        expected = json.load(file)
    files = [(path, kind["sensors"]) for kind in expected["kinds"] for path in kind["paths"]]
    assert files, expected
    readings = {name: tuple(pair) for name, pair in expected["readings"].items()}
    same(by_pyarrow(files, expected["rare"]), readings, "pyarrow")
    same(by_duckdb(files, expected["rare"]), readings, "DuckDB")
    hours = {name: tuple(pair) for name, pair in expected["hours"].items()}
    if expected["rollups"]:
        same(rollups_by_pyarrow(expected["rollups"]), hours, "roll-ups by pyarrow")
        same(rollups_by_duckdb(expected["rollups"]), hours, "roll-ups by DuckDB")


main()
