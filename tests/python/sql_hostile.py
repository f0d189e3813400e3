"""What the scripts for SQL have in common: the statements of tests/hostile.json."""

import json
import pathlib
from concurrent.futures import ThreadPoolExecutor

# What a client finds when it asks which tables there are.
TABLES = [
    "alarms",
    "alerts",
    "devices",
    "latest",
    "quarantine",
    "readings",
    "readings_1h",
    "readings_1m",
    "shadows",
]
HOSTILE = json.loads((pathlib.Path(__file__).parents[1] / "hostile.json").read_text())


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def fails(call, *exceptions):
    """The sentence of the exception that `call` ends with."""
    try:
        result = call()
    except exceptions as error:
        return str(error)
    raise AssertionError(f"it gave {str(result)[:200]}")


def try_hostile(run, *exceptions):
    """`run(sql)` reads a result to its end, each time on a connection of its own."""
    for sql in HOSTILE["refused"]:
        fails(lambda: run(sql), *exceptions)
    with ThreadPoolExecutor(16) as pool:
        calls = [pool.submit(run, sql) for sql in HOSTILE["stopped"]]
        for sql, call in zip(HOSTILE["stopped"], calls):
            message = fails(call.result, *exceptions)
            limits = ["longer than", "more than", "more memory", "no place"]
            assert any(limit in message for limit in limits), f"{sql}: {message}"
