// The usual way to do it: one Node process, a response for each session, a write for each delivery.
'use strict';
const http = require('http');
const Redis = require('ioredis');

const [port, redisPort, prefix] = process.argv.slice(2);
const channels = new Map();
let count = 0;

const server = http.createServer((request, response) => {
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store, no-transform',
    'X-Accel-Buffering': 'no',
  });
  response.write('retry: 3000\nevent: fanfare.open\nid: 0\ndata: {}\n\n');
  const names = new URL(request.url, 'http://localhost').searchParams.getAll('channel');
  for (const name of names) {
    if (!channels.has(name)) channels.set(name, new Set());
    channels.get(name).add(response);
  }
  request.on('close', () => {
    for (const name of names) channels.get(name).delete(response);
  });
});

const redis = new Redis(Number(redisPort), '127.0.0.1');
redis.on('pmessage', (_pattern, name, data) => {
  const sessions = channels.get(name.slice(prefix.length));
  if (!sessions) return;
  count += 1;
  const frame = `id: ${count}\ndata: ${data}\n\n`;
  for (const session of sessions) session.write(frame);
});
redis.psubscribe(`${prefix}*`).then(() => server.listen(Number(port), '127.0.0.1', 4096));
