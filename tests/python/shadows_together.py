"""A device by AWS's device SDK at a broker, and its fleet by boto3 at Weir.

usage: shadows_together.py HOST PORT ENDPOINT_URL

The fleet wishes by HTTP, the device hears it by MQTT and reports, and the
fleet sees that nothing is left to do.
"""

import json
import os
import sys

import boto3
from awsiot import iotshadow
from botocore.config import Config

from shadows_mqtt import Shadow, equal, mqtt3_connection, mqtt5_client


def fleet(url):
    return boto3.client(
        "iot-data",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="not-a-secret",
        config=Config(retries={"total_max_attempts": 1}),
    )


def main():
    host, port, url = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    client = fleet(url)
    for connect, thing in [(mqtt3_connection, "together-3"), (mqtt5_client, "together-5")]:
        connection, stop = connect(host, port)
        device = Shadow(iotshadow.IotShadowClient(connection), thing, None)
        wish = {"state": {"desired": {"power": "on"}}}
        client.update_thing_shadow(thingName=thing, payload=json.dumps(wish))
        delta = device.next("delta")
        equal((delta.state, delta.version), ({"power": "on"}, 1))
        device.next("documents")
        device.next("update/accepted")
        device.send("update", state=iotshadow.ShadowState(reported=delta.state), client_token="t")
        device.next("documents")
        equal(device.next("update/accepted").client_token, "t")
        whole = json.loads(client.get_thing_shadow(thingName=thing)["payload"].read())
        equal(whole["state"], {"desired": {"power": "on"}, "reported": {"power": "on"}})
        equal(whole["version"], 2)
        client.delete_thing_shadow(thingName=thing)
        equal(device.next("delete/accepted").version, 2)
        stop()
        print("ok", thing)
    sys.stdout.flush()
    os._exit(0)


main()
