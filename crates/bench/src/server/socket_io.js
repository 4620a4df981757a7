// Socket.IO as its manual has it: a room for each channel, the Redis adapter between processes,
// and no request kept once it has been read.
'use strict';
const http = require('http');
const Redis = require('ioredis');
const { Server } = require('socket.io');
const { createAdapter } = require('@socket.io/redis-adapter');

const [port, redisPort, prefix] = process.argv.slice(2);
const connect = () => new Redis(Number(redisPort), '127.0.0.1');

const server = http.createServer();
const io = new Server(server, { transports: ['websocket'], adapter: createAdapter(connect(), connect()) });
io.on('connection', (socket) => {
  socket.join(socket.handshake.query.channel);
  socket.conn.request = null;
  // From client to client: to all others in the room, on every process.
  socket.on('publish', (channel, data, done) => {
    socket.to(channel).emit('p', data);
    done();
  });
});

// From the backend every process gets each publication itself.
const redis = connect();
redis.on('pmessage', (_pattern, name, data) => io.local.to(name.slice(prefix.length)).emit('p', data));
redis.psubscribe(`${prefix}*`).then(() => server.listen(Number(port), '127.0.0.1', 4096));
