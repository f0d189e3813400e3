"""Gives PagerDuty's own client what Weir sent to PagerDuty, and prints what that
client puts on the wire: a line of JSON per request, {"path", "type", "body"}.

    pagerduty_events.py ROUTING_KEY FILE CA CERTIFICATE KEY

FILE has Weir's bodies, one a line. The client insists on https: the local endpoint
has this certificate, of this authority.
"""

import http.server
import json
import os
import ssl
import sys
import threading

# Read when the client is made.
os.environ["SSL_CERT_FILE"] = sys.argv[3]

import pagerduty  # noqa: E402


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Takes every event, as PagerDuty does."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        content_type = self.headers["content-type"]
        print(json.dumps({"path": self.path, "type": content_type, "body": body}))
        answer = {"status": "success", "message": "Event processed"}
        answer = json.dumps(answer | {"dedup_key": body["dedup_key"]}).encode()
        self.send_response(202)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def tell(client, event):
    if event["event_action"] == "acknowledge":
        client.acknowledge(event["dedup_key"])
    elif event["event_action"] == "resolve":
        client.resolve(event["dedup_key"])
    else:
        payload = dict(event["payload"])
        client.trigger(
            payload.pop("summary"),
            payload.pop("source"),
            dedup_key=event["dedup_key"],
            severity=payload.pop("severity"),
            custom_details=payload.pop("custom_details"),
            payload=payload,
            links=event["links"],
        )


def main(routing_key, file, _ca, certificate, key):
    server = http.server.HTTPServer(("127.0.0.1", 0), Endpoint)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://localhost:{server.server_port}"
    client = pagerduty.EventsApiV2Client(routing_key, base_url=url)
    with open(file) as lines:
        for line in lines:
            tell(client, json.loads(line))
    server.shutdown()


main(*sys.argv[1:])
