// Publishes by ioredis through the port that is given, in every way that it has, and prints the answers as JSON.

import Redis from "ioredis";

const redis = new Redis(Number(process.argv[2]), { maxRetriesPerRequest: 0, retryStrategy: null });
const values = (results) => results.map(([error, value]) => error?.message ?? value);
const answers = [
  await redis.publish("fanfare:a", "0"),
  await redis.xadd("fanfare:@stream", "*", "channel", "a", "data", "1"),
  values(await redis.pipeline().publish("fanfare:a", "2").xadd("fanfare:@stream", "*", "channel", "a", "data", "3").exec()),
  values(await redis.multi().publish("fanfare:a", "4").xadd("fanfare:@stream", "*", "channel", "a", "data", "5").exec()),
  await redis.get("a").catch((error) => error.message),
];
console.log(JSON.stringify(answers));
redis.disconnect();
