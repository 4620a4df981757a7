// What the gauntlet is run on: Redis, a line to it, HAProxy, and two servers of each kind.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { Link } from "./link.js";
import { Program } from "./program.js";
import { Publisher } from "./publisher.js";

const here = (path) => join(import.meta.dirname, path);
const FANFARE = process.env.FANFARE_BIN ?? here("../target/release/fanfare");
/** Everybody hears the same channel of Redis; for Fanfare it is `numbers` behind its prefix. */
const CHANNEL = "fanfare:numbers";
const LOCAL = "127.0.0.1";
/** As HAProxy's files name them. */
const BACKENDS = ["streams", "requests", "node-sse-servers", "socket-io-servers"];

async function freePort() {
  const server = createServer().listen(0, LOCAL);
  await new Promise((resolve) => server.on("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const listens = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, LOCAL, () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });

const answers = (url) =>
  fetch(url).then(
    (answer) => answer.ok,
    () => false,
  );

export class Stage {
  /** Starts everything; pages come from this origin. */
  static async set(origin) {
    const stage = new Stage();
    const port = await freePort();
    stage.redis = new Program({
      name: "Redis",
      command: "redis-server",
      args: ["--port", String(port), "--bind", LOCAL, "--save", "", "--appendonly", "no"],
      ready: "Ready to accept connections",
    });
    await stage.redis.start();
    stage.link = await Link.to(port);
    stage.kinds = {
      fanfare: await Promise.all([1, 2].map(() => stage.#fanfare(origin))),
      "node-sse": await Promise.all([1, 2].map(() => stage.#node("node-sse", origin))),
      "socket-io": await Promise.all([1, 2].map(() => stage.#node("socket-io", origin))),
    };
    await Promise.all(stage.servers.map((server) => server.start()));
    await stage.#balance();
    stage.publisher = new Publisher(port, CHANNEL);
    return stage;
  }

  /** All servers, of all kinds. */
  get servers() {
    return Object.values(this.kinds).flat();
  }

  async #fanfare(origin) {
    const [port, admin] = [await freePort(), await freePort()];
    const env = {
      FANFARE__LISTEN__PUBLIC: `${LOCAL}:${port}`,
      FANFARE__LISTEN__ADMIN: `${LOCAL}:${admin}`,
      FANFARE__BROKER__REDIS__URL: `redis://${LOCAL}:${this.link.port}`,
      FANFARE__CORS__ORIGINS: JSON.stringify([origin]),
    };
    const isReady = () => answers(`http://${LOCAL}:${admin}/readyz`);
    const args = ["serve", "--config", here("servers/fanfare.toml")];
    return Object.assign(new Program({ name: "Fanfare", command: FANFARE, args, env, isReady }), { port, admin });
  }

  async #node(name, origin) {
    const port = await freePort();
    const env = {
      PORT: String(port),
      REDIS_PORT: String(this.link.port),
      CHANNEL,
      ORIGIN: origin,
    };
    const args = [here(`servers/${name}.js`)];
    return Object.assign(
      new Program({
        name,
        command: process.execPath,
        args,
        env,
        ready: "ready",
      }),
      { port },
    );
  }

  async #balance() {
    const [fanfare, nodeSse, socketIo] = await Promise.all([freePort(), freePort(), freePort()]);
    this.addresses = Object.fromEntries(
      Object.entries({
        fanfare,
        "node-sse": nodeSse,
        "socket-io": socketIo,
      }).map(([kind, port]) => [kind, `http://localhost:${port}`]),
    );
    this.control = join(tmpdir(), `gauntlet-${process.pid}.sock`);
    const env = {
      HAPROXY_SOCKET: this.control,
      FANFARE_LISTEN: `${LOCAL}:${fanfare}`,
      NODE_SSE_LISTEN: `${LOCAL}:${nodeSse}`,
      SOCKET_IO_LISTEN: `${LOCAL}:${socketIo}`,
    };
    const words = {
      fanfare: "FANFARE",
      "node-sse": "NODE_SSE",
      "socket-io": "SOCKET_IO",
    };
    for (const [kind, servers] of Object.entries(this.kinds))
      servers.forEach(({ port, admin }, index) => {
        env[`${words[kind]}_${index + 1}`] = `${LOCAL}:${port}`;
        if (admin) env[`${words[kind]}_${index + 1}_ADMIN`] = `${LOCAL}:${admin}`;
      });
    const args = ["-f", here("../deploy/haproxy.cfg"), "-f", here("haproxy.cfg")];
    const isReady = async () => (await Promise.all([fanfare, nodeSse, socketIo].map(listens))).every(Boolean);
    this.haproxy = new Program({
      name: "HAProxy",
      command: process.env.HAPROXY ?? "/usr/sbin/haproxy",
      args,
      env,
      isReady,
    });
    await this.haproxy.start();
  }

  /** Ends what browsers have open, on whatever server. */
  async cutBrowsers() {
    const commands = BACKENDS.flatMap((backend) =>
      ["one", "two"].map((server) => `shutdown sessions server ${backend}/${server}`),
    );
    const socket = connect(this.control, () => socket.end(`${commands.join(";")}\n`)).resume();
    await once(socket, "close");
  }

  /** What runs here, in which version. */
  async versions() {
    const run = promisify(execFile);
    const first = async (command, args) => (await run(command, args)).stdout.split("\n")[0].trim();
    const require = createRequire(import.meta.url);
    const of = (name) => require(`${name}/package.json`).version;
    const redis = /v=(\S+)/.exec(await first("redis-server", ["--version"]))[1];
    const haproxy = /version (\S+)/.exec(await first(this.haproxy.command, ["-v"]))[1];
    return {
      fanfare: `${(await first(FANFARE, ["--version"])).replace("fanfare", "Fanfare")}, the browser's own EventSource`,
      "node-sse": `Node ${process.version}, ioredis ${of("ioredis")}`,
      "socket-io": `Socket.IO ${of("socket.io")}, Node ${process.version}, ioredis ${of("ioredis")}`,
      beside: `HAProxy ${haproxy}, Redis ${redis}`,
    };
  }

  async strike() {
    this.publisher?.close();
    await Promise.all([this.haproxy, ...(this.servers ?? [])].map((program) => program?.stop("SIGKILL")));
    this.link?.close();
    await this.redis.stop("SIGKILL");
  }
}
