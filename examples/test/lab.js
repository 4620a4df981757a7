// What the tests need: an example as its command runs it, a Chromium, pages in it, and a way to the gateway that can be cut.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { join } from "node:path";

// The client's tests bring it along.
const { chromium } = createRequire(join(import.meta.dirname, "../../clients/js/package.json"))("playwright-core");

export const GATEWAY = process.env.FANFARE_BIN ?? join(import.meta.dirname, "../../target/debug/fanfare");
/** How long anything may take, on a machine that is busy. */
const PATIENCE_MS = 60_000;

export class Example {
  #said = "";

  constructor(name) {
    const args = [join(import.meta.dirname, "../run.js"), name, "--port", "0", "--gateway-port", "0"];
    const env = { ...process.env, FANFARE_BIN: GATEWAY };
    this.process = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const output of [this.process.stdout, this.process.stderr])
      output.setEncoding("utf8").on("data", (text) => (this.#said += text));
  }

  /** Starts one, and a browser. */
  static async start(name) {
    const example = new Example(name);
    const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
    example.browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
    example.url = await example.#says(/ open (\S+)/);
    example.gateway = new URL(/"(.*)"/.exec(await (await fetch(new URL("gateway.js", example.url))).text())[1]);
    return example;
  }

  /** A page of somebody's own, which reaches the gateway by this way. */
  async open({ name, way } = {}) {
    const context = await this.browser.newContext();
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    page.on("pageerror", (error) => (this.#said += `${name ?? "a page"}: ${error.stack}\n`));
    if (way) {
      const body = `export const gateway = "http://127.0.0.1:${way.port}/";`;
      await page.route(new URL("gateway.js", this.url).href, (route) =>
        route.fulfill({ contentType: "text/javascript", body }),
      );
    }
    await page.goto(this.url);
    if (name) {
      await page.fill("dialog [name=name]", name);
      await page.click("dialog button");
    }
    await isLive(page);
    return page;
  }

  /** Ends it as Ctrl-C does; returns its exit code. */
  async end() {
    await this.browser?.close();
    this.process.kill("SIGINT");
    const [code] = this.process.exitCode === null ? await once(this.process, "exit") : [this.process.exitCode];
    if (this.#said.split("\n").length > 2) console.error(this.#said);
    return code;
  }

  async #says(pattern) {
    const gone = once(this.process, "exit").then(() => Promise.reject(new Error(`it has ended:\n${this.#said}`)));
    gone.catch(() => {});
    while (!pattern.test(this.#said)) await Promise.race([once(this.process.stdout, "data"), gone]);
    return pattern.exec(this.#said)[1];
  }
}

export const isLive = (page) => page.waitForSelector("#state[data-state=open]");
export const isAway = (page) => page.waitForSelector("#state[data-state=waiting], #state[data-state=connecting]");

/** Waits until these are the texts of all that the selector finds. */
export async function reads(page, selector, texts) {
  const read = ([selector]) => [...document.querySelectorAll(selector)].map(({ textContent }) => textContent);
  const matches = ([selector, texts]) =>
    JSON.stringify([...document.querySelectorAll(selector)].map(({ textContent }) => textContent)) ===
    JSON.stringify(texts);
  await page.waitForFunction(matches, [selector, texts]).catch(async (error) => {
    throw new Error(
      `${selector} should read ${JSON.stringify(texts)}, but reads ${JSON.stringify(await page.evaluate(read, [selector]))}`,
      { cause: error },
    );
  });
}

/** The way from a page to the gateway. */
export class Way {
  #pairs = new Set();
  #isCut = false;
  #server = createServer((browser) => this.#accept(browser));

  static async to(gateway) {
    const way = new Way();
    way.target = Number(gateway.port);
    way.#server.listen(0, "127.0.0.1");
    await once(way.#server, "listening");
    way.port = way.#server.address().port;
    return way;
  }

  /** Breaks all connections; new ones break too, until it is mended. */
  cut() {
    this.#isCut = true;
    for (const socket of this.#pairs) socket.destroy();
  }

  mend() {
    this.#isCut = false;
  }

  end() {
    this.cut();
    this.#server.close();
  }

  #accept(browser) {
    if (this.#isCut) {
      browser.destroy();
      return;
    }
    const gateway = connect(this.target, "127.0.0.1");
    for (const [one, other] of [
      [browser, gateway],
      [gateway, browser],
    ]) {
      this.#pairs.add(one);
      one.pipe(other);
      one.on("error", () => {});
      one.on("close", () => {
        this.#pairs.delete(one);
        other.destroy();
      });
    }
  }
}
