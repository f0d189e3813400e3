"""Every format of SQL by HTTP, read by pyarrow.

usage: sql_http.py URL
"""

import io
import json
import sys
import urllib.request

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

URL = sys.argv[1]
ROWS = 300_000


def post(sql, accept):
    request = urllib.request.Request(
        URL + "/api/v1/query",
        data=json.dumps({"sql": sql}).encode(),
        headers={"Content-Type": "application/json", "Accept": accept},
    )
    with urllib.request.urlopen(request) as response:
        assert response.headers["Content-Type"].split(";")[0] == accept, response.headers
        return response.read()


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


READERS = {
    "application/vnd.apache.parquet": lambda body: pq.read_table(io.BytesIO(body)),
    "application/vnd.apache.arrow.stream": lambda body: pa.ipc.open_stream(body).read_all(),
    "application/jsonl": lambda body: pyarrow.json.read_json(io.BytesIO(body)),
    "text/csv": lambda body: pyarrow.csv.read_csv(io.BytesIO(body)),
    "application/json": lambda body: pa.Table.from_pylist(json.loads(body)),
}

for accept, read in READERS.items():
    table = read(post("SELECT time, device, sensor, value, unit FROM readings", accept))
    equal(table.num_rows, 1)
    equal(table.column("device").to_pylist(), ["pump-1"])
    equal(table.column("value").to_pylist(), [1.5])
    table = read(post(f"SELECT value, value * 0.5 AS half FROM generate_series(1, {ROWS})", accept))
    equal(table.num_rows, ROWS)
    equal(sum(table.column("value").to_pylist()), ROWS * (ROWS + 1) // 2)
    table = read(post("SELECT device, value FROM readings WHERE false", "application/vnd.apache.arrow.stream")
                 ) if accept == "application/vnd.apache.arrow.stream" else None
    if table is not None:
        equal(table.schema, pa.schema([("device", pa.string()), ("value", pa.float64())]))
    print("ok", accept)
