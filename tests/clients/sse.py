"""The Python package sseclient-py on requests, used as its README shows: sse.py URL [LAST_EVENT_ID]"""

import json
import sys

import requests
import sseclient

url, *last_event_id = sys.argv[1:]
headers = {"Accept": "text/event-stream"}
if last_event_id:
    headers["Last-Event-ID"] = last_event_id[0]


def report(**what):
    """Tells the test one thing."""
    print(json.dumps(what), flush=True)


response = requests.get(url, stream=True, headers=headers)
response.raise_for_status()
report(state="open")
for event in sseclient.SSEClient(response).events():
    # What has no event type is a "message" here.
    name = "" if event.event == "message" else event.event
    report(name=name, id=event.id, data=event.data)
report(state="closed")
