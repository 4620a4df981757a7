// The gauntlet: the same numbers by three ways, side by side, while things break. `make gauntlet` opens it on port 8070.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import { extname, join, normalize } from "node:path";

import { FAULTS } from "./faults.js";
import { RATE } from "./publisher.js";
import { Stage } from "./stage.js";

const PORT = Number(process.env.PORT ?? 8070);
const PAGE = join(import.meta.dirname, "page");
const PALETTE = join(import.meta.dirname, "../crates/edge/src/page/palette.css");
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css",
  ".js": "text/javascript",
};
const SOCKET_IO = join(import.meta.dirname, "node_modules/socket.io-client/dist/socket.io.esm.min.js");

let stage = null;
let running = null;
let setting = null;

const routes = {
  "/socket.io.js": () => readFile(SOCKET_IO),
  // As on the gateway's own pages.
  "/palette.css": () => readFile(PALETTE),
  // What is the same for as long as all runs.
  "/setting.json": () => JSON.stringify(setting),
  "/state.json": () => JSON.stringify({ published: stage.publisher.published, running }),
};

/** Breaks something, unless something is broken already. */
function strike(name) {
  const fault = Object.hasOwn(FAULTS, name) ? FAULTS[name] : null;
  if (!fault || running) return false;
  running = name;
  fault
    .run(stage)
    .catch((error) => console.error(`${fault.title}: ${error.message}`))
    .finally(() => (running = null));
  return true;
}

const find = async (path) => (Object.hasOwn(routes, path) ? routes[path]() : readFile(join(PAGE, path)));

async function answer(request, response) {
  if (!setting) return response.writeHead(503, { "Retry-After": "1" }).end("it is being set up\n");
  const { pathname } = new URL(request.url, "http://localhost");
  if (request.method === "POST" && request.headers.origin && request.headers.origin !== setting.origin)
    return response.writeHead(403).end();
  if (request.method === "POST") return response.writeHead(strike(pathname.slice("/strike/".length)) ? 202 : 409).end();
  // Pages of another origin are refused by Socket.IO's server, and the buttons by this one.
  if (pathname === "/" && `http://${request.headers.host}` !== setting.origin)
    return response.writeHead(302, { Location: setting.origin }).end();
  const path = normalize(pathname === "/" ? "/index.html" : pathname);
  const body = await find(path).catch(() => null);
  if (body === null) return response.writeHead(404).end();
  response.writeHead(200, {
    "Content-Type": TYPES[extname(path)] ?? "application/json",
    "Cache-Control": "no-store",
  });
  response.end(body);
}

const server = createServer((request, response) =>
  answer(request, response).catch((error) => response.writeHead(400).end(`${error.message}\n`)),
).listen(PORT, "127.0.0.1");
server.on("error", (error) => {
  console.error(`port ${PORT} cannot be had (${error.code}); PORT=... takes another one`);
  process.exit(1);
});
await once(server, "listening");
const origin = `http://localhost:${server.address().port}`;

async function end(code) {
  server.close();
  await stage?.strike();
  process.exit(code);
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => void end(0));

try {
  stage = await Stage.set(origin);
} catch (error) {
  console.error(error.message);
  await end(1);
}
const faults = Object.entries(FAULTS).map(([name, { title, words }]) => ({
  name,
  title,
  words,
}));
setting = {
  origin,
  rate: RATE,
  addresses: stage.addresses,
  versions: await stage.versions(),
  faults,
};
console.log(`open ${origin}`);
