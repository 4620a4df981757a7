// Serves the pages of an example: its own folder, what the examples share, the built client, the colours of the gateway's page, and where the gateway is.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".map": "application/json" };

/** Listens, on another port if the one wanted is taken, and returns the page's URL. */
export async function servePages({ example, gateway, port }) {
  const folders = {
    "/client/": join(import.meta.dirname, "../clients/js/dist"),
    "/shared/": join(import.meta.dirname, "shared"),
    "/gateway/": join(import.meta.dirname, "../crates/edge/src/page"),
    "/": example,
  };
  const server = createServer(async ({ url }, response) => {
    response.setHeader("cache-control", "no-store");
    const [pathname] = url.split("?");
    if (pathname === "/gateway.js") {
      response.setHeader("content-type", TYPES[".js"]);
      response.end(`export const gateway = ${JSON.stringify(gateway)};\n`);
      return;
    }
    const file = locate(pathname, folders);
    const content = file && (await readFile(file).catch(() => null));
    if (!content) {
      response.writeHead(404).end("not found\n");
      return;
    }
    response.setHeader("content-type", `${TYPES[extname(file)] ?? "text/plain"}; charset=utf-8`);
    response.end(content);
  });
  await listen(server, port);
  return `http://localhost:${server.address().port}/`;
}

/** The file that a path means, if it lies where it must. */
function locate(pathname, folders) {
  const [prefix, folder] = Object.entries(folders).find(([prefix]) => pathname.startsWith(prefix));
  const rest = pathname.slice(prefix.length) || "index.html";
  if (rest.includes("%") || rest.includes("\0")) return null;
  const file = normalize(join(folder, rest));
  return file.startsWith(folder + sep) ? file : null;
}

async function listen(server, port) {
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  } catch (error) {
    if (error.code !== "EADDRINUSE") throw error;
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
}
