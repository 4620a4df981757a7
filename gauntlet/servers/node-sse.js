// Event streams by Node and ioredis, as they are usually written: subscribe once, write what comes to every response.

import { createServer } from "node:http";
import { Redis } from "ioredis";

const { PORT, REDIS_PORT, CHANNEL } = process.env;
const HEADERS = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-cache",
  "X-Accel-Buffering": "no",
  "Access-Control-Allow-Origin": "*",
};
const HEARTBEAT_MS = 15_000;
const responses = new Set();

const redis = new Redis({ host: "127.0.0.1", port: Number(REDIS_PORT) });
redis.on("error", () => {});
redis.on("message", (_channel, data) => responses.forEach((response) => response.write(`data: ${data}\n\n`)));
await redis.subscribe(CHANNEL);

const server = createServer((request, response) => {
  if (request.url === "/health") return response.end("ok");
  response.writeHead(200, HEADERS).flushHeaders();
  responses.add(response);
  request.on("close", () => responses.delete(response));
});
server.listen(Number(PORT), "127.0.0.1", () => console.log("ready"));

setInterval(() => responses.forEach((response) => response.write(": still here\n\n")), HEARTBEAT_MS);

process.on("SIGTERM", () => {
  server.close(() => process.exit());
  responses.forEach((response) => response.end());
});
