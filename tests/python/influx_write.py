"""InfluxDB's own clients, unmodified, writing to Weir.

Arguments: the URL of Weir. Each part writes and says what it expects to find;
the scenario that runs this looks for it by SQL.
"""

import sys
from datetime import datetime, timezone

from influxdb import InfluxDBClient as InfluxDB1
from influxdb_client import InfluxDBClient, Point, WriteOptions, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

URL = sys.argv[1]
START = datetime(2026, 11, 1, tzinfo=timezone.utc)
START_S = int(START.timestamp())


def check_version_2(gzip):
    device = "v2-gzip" if gzip else "v2"
    with InfluxDBClient(url=URL, token="any", org="any", enable_gzip=gzip) as client:
        assert client.ping()
        health = client.health()
        assert health.status == "pass", health
        api = client.write_api(write_options=SYNCHRONOUS)
        for precision, factor in [
            (WritePrecision.S, 1),
            (WritePrecision.MS, 10**3),
            (WritePrecision.US, 10**6),
            (WritePrecision.NS, 10**9),
        ]:
            point = (
                Point("air")
                .tag("device", device)
                .tag("location", "hall 2, left")
                .field(f"temperature_{precision}", 21.5)
                .field("door open", True)
                .field("count", 3)
                .field("state", 'said "on"')
                .time(START_S * factor, precision)
            )
            api.write(bucket="any", record=point, write_precision=precision)
        # A datetime, a dictionary and a line.
        api.write("any", record=Point("at").tag("device", device).field("value", 1.0).time(START))
        fields = {"humidity": 40.25}
        record = {"measurement": "dict", "tags": {"device": device}, "fields": fields, "time": START}
        api.write("any", record=record)
        api.write("any", record=f"line,device={device} value=-1i {START_S}", write_precision="s")


def check_batching():
    options = WriteOptions(batch_size=500, flush_interval=1_000)
    with InfluxDBClient(url=URL, token="any", org="any", enable_gzip=True) as client:
        with client.write_api(write_options=options) as api:
            for n in range(5_000):
                line = f"load,host=batch-{n % 10} value={n} {START_S + n}"
                api.write("any", record=line, write_precision="s")


def check_errors():
    with InfluxDBClient(url=URL, token="any", org="any") as client:
        api = client.write_api(write_options=SYNCHRONOUS)
        # Good lines are taken, bad ones are quarantined: no error.
        api.write("any", record=f"ok,device=mixed value=1 {START_S}\nthis is no line\n", write_precision="s")
        try:
            api.write("any", record="m,device=d value=1", write_precision="fortnight")
        except ApiException as error:
            assert error.status == 400 and "fortnight" in error.message, error
        else:
            raise AssertionError("a precision that is none was taken")


def check_version_1():
    host, port = URL.removeprefix("http://").split(":")
    client = InfluxDB1(host=host, port=int(port), database="telegraf", gzip=True)
    assert client.ping().startswith("weir-")
    client.create_database("telegraf")
    point = {"measurement": "cpu", "tags": {"host": "v1", "cpu": "cpu0"}, "time": START_S, "fields": {"idle": 90.5, "user": 3}}
    assert client.write_points([point], time_precision="s")
    assert client.write_points([f"mem,host=v1 used=1i {START_S}000000"], time_precision="u", protocol="line")


check_version_2(gzip=False)
check_version_2(gzip=True)
check_batching()
check_errors()
check_version_1()
