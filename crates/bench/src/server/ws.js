// The usual WebSocket in Node: the library ws, one send of the same string to every session.
'use strict';
const http = require('http');
const Redis = require('ioredis');
const { WebSocketServer } = require('ws');

const [port, redisPort, prefix] = process.argv.slice(2);
const channels = new Map();
let count = 0;

const server = http.createServer();
const sockets = new WebSocketServer({ server, clientTracking: false });
sockets.on('connection', (socket, request) => {
  const names = new URL(request.url, 'http://localhost').searchParams.getAll('channel');
  for (const name of names) {
    if (!channels.has(name)) channels.set(name, new Set());
    channels.get(name).add(socket);
  }
  socket.on('close', () => {
    for (const name of names) channels.get(name).delete(socket);
  });
  socket.on('error', () => socket.terminate());
  socket.send('{"event":"fanfare.open","id":"0","data":{}}');
});

const redis = new Redis(Number(redisPort), '127.0.0.1');
redis.on('pmessage', (_pattern, name, data) => {
  const channel = name.slice(prefix.length);
  const sessions = channels.get(channel);
  if (!sessions) return;
  count += 1;
  const message = JSON.stringify({ id: String(count), channel, data });
  for (const session of sessions) session.send(message);
});
redis.psubscribe(`${prefix}*`).then(() => server.listen(Number(port), '127.0.0.1', 4096));
