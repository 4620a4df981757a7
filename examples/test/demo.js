// A demo as `fanfare demo` runs it, a Chromium, and what is asked of every page: that nobody is kept out.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";

import { GATEWAY } from "./lab.js";

const require = createRequire(join(import.meta.dirname, "../../clients/js/package.json"));
const { chromium } = require("playwright-core");
const AXE = require.resolve("axe-core/axe.min.js");
/** Where pictures are put, if anywhere. */
const PICTURES = process.env.PICTURES;

/** How long anything may take, on a machine that is busy. */
export const PATIENCE_MS = 60_000;
export const VIEWPORTS = [
  ["desktop", { width: 1280, height: 900 }],
  ["phone", { width: 390, height: 844 }],
];

/** A demo on these ports. */
export async function start(port = 0, adminPort = 0, variables = {}) {
  const env = {
    ...process.env,
    ...variables,
    FANFARE__LISTEN__PUBLIC: `127.0.0.1:${port}`,
    FANFARE__LISTEN__ADMIN: `127.0.0.1:${adminPort}`,
    FANFARE__BROKER__EMBEDDED__RESP: "",
  };
  const child = spawn(GATEWAY, ["demo"], { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  const ports = /browsers: http:\/\/127\.0\.0\.1:(\d+)[^]*console: http:\/\/127\.0\.0\.1:(\d+)/;
  while (!ports.test(said)) {
    assert.equal(child.exitCode, null, said);
    await once(child.stderr, "data");
  }
  const [, listens, admin] = ports.exec(said);
  return { child, port: Number(listens), adminPort: Number(admin) };
}

/** What the binary prints, such as a token. */
export const print = async (words, variables) =>
  (await promisify(execFile)(GATEWAY, words, { env: { ...process.env, ...variables } })).stdout.trim();

export async function stop({ child }) {
  child.kill("SIGTERM");
  if (child.exitCode === null) await once(child, "exit");
}

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: process.getuid() === 0 ? ["--no-sandbox"] : [],
  });

/** A page of somebody's own. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  page.on("pageerror", (error) => assert.fail(error));
  await page.goto(url);
  return page;
}

/** Sees to it that axe-core finds nothing that keeps somebody out, and that nothing is cut off. */
export async function checkThatNobodyIsKeptOut(page) {
  // Put in by the browser's own door: the page's policy allows no scripts but its own.
  await page.evaluate(await readFile(AXE, "utf8"));
  const { violations } = await page.evaluate(() => window.axe.run());
  const found = violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  assert.deepEqual(found, []);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${overflow} pixels too wide`);
}

export async function picture(page, name) {
  if (!PICTURES) return;
  await mkdir(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}
