"""Device shadows by AWS's own client for HTTP, boto3, unmodified.

usage: shadows_http.py ENDPOINT_URL

Each check raises an exception for what differs from AWS's service.
"""

import json
import sys

import boto3
from botocore.config import Config

client = boto3.client(
    "iot-data",
    endpoint_url=sys.argv[1],
    region_name="eu-central-1",
    # Signed as for AWS; Weir takes the headers and ignores them.
    aws_access_key_id="AKIDEXAMPLE",
    aws_secret_access_key="not-a-secret",
    config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
)


def update(thing, document, **name):
    payload = document if isinstance(document, (bytes, str)) else json.dumps(document)
    answer = client.update_thing_shadow(thingName=thing, payload=payload, **name)
    return json.loads(answer["payload"].read())


def get(thing, **name):
    return json.loads(client.get_thing_shadow(thingName=thing, **name)["payload"].read())


def delete(thing, **name):
    return json.loads(client.delete_thing_shadow(thingName=thing, **name)["payload"].read())


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def refused(exception, status, message, call):
    """`call` raises the modelled exception with this status and text."""
    try:
        call()
    except getattr(client.exceptions, exception) as error:
        equal(error.response["Error"]["Code"], exception)
        equal(error.response["Error"]["Message"], message)
        equal(error.response["ResponseMetadata"]["HTTPStatusCode"], status)
    else:
        raise AssertionError(f"{exception} was not raised")


def classic():
    refused(
        "ResourceNotFoundException",
        404,
        "No shadow exists with name: 'lamp'",
        lambda: get("lamp"),
    )
    accepted = update(
        "lamp",
        {
            "state": {"desired": {"power": "on", "rgb": [1, 2]}, "reported": {"power": "off"}},
            "clientToken": "t-1",
        },
    )
    equal(accepted["version"], 1)
    equal(accepted["clientToken"], "t-1")
    equal(accepted["state"]["desired"], {"power": "on", "rgb": [1, 2]})
    at = {"timestamp": accepted["timestamp"]}
    equal(accepted["metadata"]["desired"], {"power": at, "rgb": [at, at]})
    whole = get("lamp")
    equal(whole["state"]["delta"], {"power": "on", "rgb": [1, 2]})
    equal(whole["metadata"]["reported"], {"power": at})
    accepted = update("lamp", {"state": {"reported": {"power": "on", "rgb": [1, 2.0]}}, "version": 1})
    equal(accepted["version"], 2)
    equal("clientToken" in accepted, False)
    equal("delta" in get("lamp")["state"], False)
    refused(
        "ConflictException",
        409,
        "Version conflict",
        lambda: update("lamp", {"state": {"desired": {"power": "off"}}, "version": 1}),
    )
    gone = delete("lamp")
    equal(sorted(gone), ["timestamp", "version"])
    equal(gone["version"], 2)
    refused(
        "ResourceNotFoundException",
        404,
        "No shadow exists with name: 'lamp'",
        lambda: delete("lamp"),
    )
    equal(update("lamp", {"state": None})["version"], 3)


def named():
    names = [f"shadow-{n}" for n in range(5)]
    equal(client.list_named_shadows_for_thing(thingName="unknown")["results"], [])
    update("fan", {"state": {"desired": {"classic": True}}})
    for name in names:
        update("fan", {"state": {"desired": {"name": name}}}, shadowName=name)
    equal(get("fan", shadowName="shadow-3")["state"]["desired"], {"name": "shadow-3"})
    equal(get("fan")["state"]["desired"], {"classic": True})
    found, token = [], {}
    while True:
        page = client.list_named_shadows_for_thing(thingName="fan", pageSize=2, **token)
        assert page["timestamp"] > 0 and len(page["results"]) <= 2, page
        found += page["results"]
        if not page.get("nextToken"):
            break
        token = {"nextToken": page["nextToken"]}
    equal(found, names)
    delete("fan", shadowName="shadow-0")
    equal(client.list_named_shadows_for_thing(thingName="fan")["results"], names[1:])
    refused(
        "ResourceNotFoundException",
        404,
        "No shadow exists with name: 'fan~shadow-0'",
        lambda: get("fan", shadowName="shadow-0"),
    )


def refusals():
    invalid = lambda message, document: refused(
        "InvalidRequestException", 400, message, lambda: update("lamp", document)
    )
    invalid("Invalid JSON", "{")
    invalid("Missing required node: state", {})
    invalid("State node must be an object", {"state": 1})
    invalid("Desired node must be an object", {"state": {"desired": 1}})
    invalid("Reported node must be an object", {"state": {"reported": []}})
    invalid("Invalid version", {"state": {}, "version": "1"})
    invalid("Invalid clientToken", {"state": {}, "clientToken": "x" * 65})
    invalid("State contains an invalid node", {"state": {"other": {}}})
    invalid("State contains an invalid node", {"state": {"desired": {"a": [None]}}})
    deep = 1
    for _ in range(7):
        deep = {"a": deep}
    invalid(
        "JSON contains too many levels of nesting; maximum is 6", {"state": {"desired": deep}}
    )
    refused(
        "InvalidRequestException",
        400,
        "Invalid thing name",
        lambda: update("a b", {"state": {}}),
    )
    refused(
        "InvalidRequestException",
        400,
        "Invalid shadow name",
        lambda: update("lamp", {"state": {}}, shadowName="x" * 65),
    )
    for size in [8 * 1024 + 1, 2 * 1024 * 1024]:
        refused(
            "RequestEntityTooLargeException",
            413,
            "The payload exceeds the maximum size allowed",
            lambda: update("lamp", {"state": {"desired": {"text": "x" * size}}}),
        )
    refused(
        "UnsupportedDocumentEncodingException",
        415,
        "Unsupported documented encoding; supported encoding is UTF-8",
        lambda: update("lamp", b'{"state": {"desired": {"a": "\xff"}}}'),
    )
    for size in [0, 101, "many"]:
        refused(
            "InvalidRequestException",
            400,
            "Invalid pageSize: it is between 1 and 100",
            lambda: client.list_named_shadows_for_thing(thingName="fan", pageSize=size),
        )
    refused(
        "InvalidRequestException",
        400,
        "Invalid nextToken",
        lambda: client.list_named_shadows_for_thing(thingName="fan", nextToken="a/b"),
    )


for check in [classic, named, refusals]:
    check()
    print("ok", check.__name__)
