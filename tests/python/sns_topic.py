"""Makes a topic with a queue behind it, on the server at argv[1], or reads from
the queue until argv[3] messages have come and prints `severity deviceId state`
of each.

usage: sns_topic.py URL make | sns_topic.py URL read COUNT
"""

import json
import sys
import time

import boto3

ARN = "arn:aws:sns:eu-central-1:123456789012:alarms"


def client(service, url):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
    )


def main():
    url, command = sys.argv[1:3]
    sns, sqs = client("sns", url), client("sqs", url)
    if command == "make":
        arn = sns.create_topic(Name="alarms")["TopicArn"]
        assert arn == ARN, arn
        queue = sqs.create_queue(QueueName="alarms")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        queue_arn = attributes["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=ARN, Protocol="sqs", Endpoint=queue_arn)
        return
    queue = sqs.get_queue_url(QueueName="alarms")["QueueUrl"]
    deadline = time.monotonic() + 60
    seen = []
    while len(seen) < int(sys.argv[3]) and time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            envelope = json.loads(message["Body"])
            alert = json.loads(envelope["Message"])
            severity = envelope["MessageAttributes"]["severity"]
            assert severity["Type"] == "String", severity
            seen.append(f"{severity['Value']} {alert['deviceId']} {alert['state']}")
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    print("\n".join(seen))


main()
