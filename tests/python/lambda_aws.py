"""AWS as a function on Lambda sees it, on moto's server at argv[1].

usage: lambda_aws.py URL make    makes table, topic with a queue, bucket, database
       lambda_aws.py URL read    prints what they hold, as one JSON object
"""

import json
import sys

import boto3

THING = "pump-1"


def client(service, url):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
    )


def make(url):
    client("dynamodb", url).create_table(
        TableName="devices",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "b", "AttributeType": "N"},
            {"AttributeName": "due", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "due",
                "KeySchema": [
                    {"AttributeName": "b", "KeyType": "HASH"},
                    {"AttributeName": "due", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    sns, sqs = client("sns", url), client("sqs", url)
    arn = sns.create_topic(Name="alarms")["TopicArn"]
    queue = sqs.create_queue(QueueName="alarms")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"])
    s3 = client("s3", url)
    for bucket in ("quarantine", "memory"):
        s3.create_bucket(
            Bucket=bucket,
            CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        )
    timestream = client("timestream-write", url)
    timestream.create_database(DatabaseName="telemetry")
    timestream.create_table(DatabaseName="telemetry", TableName="readings")
    client("iot", url).create_thing(thingName=THING)


def alerts(url):
    sqs = client("sqs", url)
    queue = sqs.get_queue_url(QueueName="alarms")["QueueUrl"]
    found = []
    while True:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        messages = answer.get("Messages", [])
        if not messages:
            return found
        for message in messages:
            envelope = json.loads(message["Body"])
            severity = envelope["MessageAttributes"]["severity"]["Value"]
            found.append({"severity": severity, "alert": json.loads(envelope["Message"])})
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


def objects(url, bucket):
    s3 = client("s3", url)
    found = {}
    for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        found[item["Key"]] = body.decode("latin-1")
    return found


def shadow(url):
    iot = client("iot-data", url)
    try:
        return json.loads(iot.get_thing_shadow(thingName=THING)["payload"].read())
    except iot.exceptions.ResourceNotFoundException:
        return None


def items(url):
    found = client("dynamodb", url).scan(TableName="devices")["Items"]
    return {
        item["pk"]["S"]: {"version": int(item["v"]["N"]), "outbox": "o" in item, "due": "due" in item}
        for item in found
    }


def main():
    url, command = sys.argv[1:3]
    if command == "make":
        make(url)
        return
    print(
        json.dumps(
            {
                "alerts": alerts(url),
                "quarantine": objects(url, "quarantine"),
                "memory": objects(url, "memory"),
                "shadow": shadow(url),
                "items": items(url),
            }
        )
    )


main()
