"""Requests that schemathesis makes from the OpenAPI document of a running Weir, wrong
ones among them: no 5xx, and no answer of a kind that the document does not name."""

import sys

from schemathesis.cli import schemathesis

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
]


def main(url):
    schemathesis(
        [
            "run",
            url,
            # Besides those at the limits of each parameter.
            "--max-examples=3",
            "--phases=examples,coverage,fuzzing",
            "--generation-deterministic",
            "--no-shrink",
            "--max-time=40",
            "--request-timeout=20",
            "--checks=" + ",".join(CHECKS),
            "--continue-on-failure",
            # It never ends.
            "--exclude-path=/api/v1/stream",
            "--no-color",
        ]
    )


main(*sys.argv[1:])
