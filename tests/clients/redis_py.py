"""Publishes by redis-py through the port that is given, in every way that it has, and prints the answers as JSON."""

import json
import sys

import redis

client = redis.Redis(port=int(sys.argv[1]), protocol=int(sys.argv[2]), decode_responses=True)
add = lambda to, data: to.xadd("fanfare:@stream", {"channel": "a", "data": data}, maxlen=1000)
answers = [client.publish("fanfare:a", "0"), add(client, "1")]
for transaction in (False, True):
    pipeline = client.pipeline(transaction=transaction)
    pipeline.publish("fanfare:a", "4" if transaction else "2")
    add(pipeline, "5" if transaction else "3")
    answers.append(pipeline.execute())
try:
    answers.append(client.get("a"))
except redis.ResponseError as error:
    answers.append(str(error))
print(json.dumps(answers))
