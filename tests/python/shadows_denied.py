"""boto3 where credentials are asked for.

usage: shadows_denied.py ENDPOINT_URL TOKEN

A signature of AWS is none of Weir's; the token of a device opens its own
shadow and no other. The errors are the ones that boto3 has classes for.
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

client = boto3.client(
    "iot-data",
    endpoint_url=sys.argv[1],
    region_name="eu-central-1",
    aws_access_key_id="AKIDEXAMPLE",
    aws_secret_access_key="not-a-secret",
    config=Config(retries={"total_max_attempts": 1}),
)


def refused(status, code, thing):
    try:
        client.get_thing_shadow(thingName=thing)
    except ClientError as error:
        found = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        assert found == (status, code), found
        return error
    raise AssertionError(f"{status} was expected")


error = refused(401, "UnauthorizedException", "pump-1")
assert isinstance(error, client.exceptions.UnauthorizedException)


def bearer(request, **_):
    request.headers["Authorization"] = f"Bearer {sys.argv[2]}"


client.meta.events.register("before-send.iot-data-plane", bearer)
refused(403, "ForbiddenException", "pump-2")
wish = json.dumps({"state": {"reported": {"power": "on"}}})
client.update_thing_shadow(thingName="pump-1", payload=wish)
whole = json.loads(client.get_thing_shadow(thingName="pump-1")["payload"].read())
assert whole["state"]["reported"] == {"power": "on"}, whole
