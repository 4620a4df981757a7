// Socket.IO as its documents set it up: several servers behind HAProxy with a cookie, connection state recovery, and each
// server hears what is published, since that is by plain PUBLISH.

import { createServer } from "node:http";
import { Redis } from "ioredis";
import { Server } from "socket.io";

const { PORT, REDIS_PORT, CHANNEL, ORIGIN } = process.env;

const server = createServer((request, response) => {
  response.writeHead(request.url === "/health" ? 200 : 404).end();
});
const io = new Server(server, {
  connectionStateRecovery: {},
  cors: { origin: ORIGIN, credentials: true },
});

const redis = new Redis({ host: "127.0.0.1", port: Number(REDIS_PORT) });
redis.on("error", () => {});
redis.on("message", (_channel, data) => io.emit("number", data));
await redis.subscribe(CHANNEL);

server.listen(Number(PORT), "127.0.0.1", () => console.log("ready"));

process.on("SIGTERM", () => io.close(() => process.exit()));
