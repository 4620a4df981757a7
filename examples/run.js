// Runs one example until Ctrl-C: a gateway with the example's rules, its publisher if it has one, and a server for its pages.

import { fork, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer as createSocketServer } from "node:net";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";

import { servePages } from "./pages.js";

/** What comes after the address. */
const TO_TRY = {
  dashboard: "and switch the transport: bytes and latency of each are counted",
  annotate: "in two windows, move the pointer, write notes, cut one window's network for a while",
  chat: "in two windows, talk, change rooms, write while the network is away",
};
/** How long the gateway may take until it listens. */
const START_WITHIN_MS = 20_000;
/** How long whatever was started may take to end. */
const END_WITHIN_MS = 3_000;

const { name, port, gatewayPort } = readArguments();
const folder = join(import.meta.dirname, name);
const children = new Set();
let isEnding = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end(0));

const gateway = await startGateway();
startPublisher();
const page = await servePages({ example: folder, gateway, port });
console.log(`${name}: open ${page} ${TO_TRY[name]}; Ctrl-C ends it`);

function readArguments() {
  const port = (standard) => ({ type: "string", default: standard });
  const options = { port: port("8000"), "gateway-port": port("8080") };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [name] = positionals;
  if (positionals.length !== 1 || !Object.hasOwn(TO_TRY, name)) {
    console.error(`usage: node run.js ${Object.keys(TO_TRY).join("|")} [--port N] [--gateway-port N]`);
    process.exit(2);
  }
  return { name, port: Number(values.port), gatewayPort: Number(values["gateway-port"]) };
}

/** Starts it, on another port if the one wanted is taken, and returns its URL. */
async function startGateway() {
  const binary = process.env.FANFARE_BIN ?? join(import.meta.dirname, "../target/release/fanfare");
  const env = {
    ...process.env,
    FANFARE__LISTEN__PUBLIC: `127.0.0.1:${(await isFree(gatewayPort)) ? gatewayPort : 0}`,
    FANFARE__LISTEN__ADMIN: "127.0.0.1:0",
    FANFARE__BROKER__EMBEDDED__RESP: "",
    FANFARE__DRAIN__DELAY: "0s",
    FANFARE__DRAIN__SPREAD: "0s",
  };
  const child = spawn(binary, ["serve", "--config", join(folder, "fanfare.toml")], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = watch(child, basename(binary));
  return new Promise((resolve) => {
    const timer = setTimeout(() => fail("the gateway does not start", log()), START_WITHIN_MS);
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    function look() {
      const url = /browsers: (http:\S+)\/events/.exec(log())?.[1];
      if (!url || !/ ready$/m.test(log())) return;
      clearTimeout(timer);
      resolve(`${url}/`);
    }
  });
}

function startPublisher() {
  const script = join(folder, "publisher.js");
  if (existsSync(script)) watch(fork(script, [gateway], { stdio: ["ignore", "pipe", "pipe", "ipc"] }), "publisher");
}

/** What a child says is shown only if it ends before it should. Returns what it said. */
function watch(child, name) {
  let said = "";
  children.add(child);
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding("utf8").on("data", (text) => {
      said = (said + text).slice(-20_000);
    });
  }
  child.on("error", (error) => fail(`${name} cannot be started`, error.message));
  child.on("close", (code, signal) => {
    children.delete(child);
    if (!isEnding) fail(`${name} ended with ${code ?? signal}`, said);
  });
  return () => said;
}

function fail(reason, log) {
  if (isEnding) return;
  process.exitCode = 1;
  console.error(`${reason}\n${log}`);
  end(1);
}

async function end(code) {
  if (isEnding) return;
  isEnding = true;
  setTimeout(() => children.forEach((child) => child.kill("SIGKILL")), END_WITHIN_MS).unref();
  await Promise.all(
    [...children].map((child) => {
      const closed = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGTERM");
      return closed;
    }),
  );
  process.exit(code);
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createSocketServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
