// A real Chromium, and pages in it that use the client as it is shipped.

import { type Server, createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { type Browser, type BrowserServer, type Page, chromium } from "playwright-core";

import type { Connection, ConnectOptions, Publication, StateChange } from "@fanfare/client";

import { until } from "./until.js";

/** What a page of the lab holds. */
interface LabWindow {
  connect(url: string, options: ConnectOptions<any>): Connection<any>;
  connection: Connection<any>;
  /** The data of all publications that came, in order. */
  got: unknown[];
  gaps: string[];
  states: StateChange[];
}

/** Puts together for browsers what a file of the package's folder imports. */
export async function bundle(file: string): Promise<string> {
  const entry = fileURLToPath(new URL(`../../../${file}`, import.meta.url));
  const options = { bundle: true, format: "iife", globalName: "bundled", write: false } as const;
  const define = { "process.env.NODE_ENV": '"development"' };
  const { outputFiles } = await build({ entryPoints: [entry], define, jsx: "automatic", ...options });
  return outputFiles[0]!.text;
}

export class Chromium {
  private constructor(
    readonly browser: Browser,
    readonly processes: BrowserServer,
    readonly server: Server,
  ) {}

  /** Starts one whose pages have run this script. */
  static async start(script?: string): Promise<Chromium> {
    const code = script ?? (await bundle("dist/index.js"));
    const html = `<!doctype html><meta charset="utf-8"><body><script>${code.replaceAll("</script", "<\\/script")}</script>`;
    const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(html));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const path = process.env.CHROMIUM ?? "/usr/bin/chromium";
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    const processes = await chromium.launchServer({ executablePath: path, args });
    return new Chromium(await chromium.connect(processes.wsEndpoint()), processes, server);
  }

  /** An empty page. */
  async open(): Promise<Page> {
    const page = await this.browser.newPage();
    await page.goto(`http://localhost:${(this.server.address() as AddressInfo).port}/`);
    return page;
  }

  /** Stops all of it where it is, as a laptop does that is closed. */
  freeze(): void {
    this.#signal("SIGSTOP");
  }

  thaw(): void {
    this.#signal("SIGCONT");
  }

  async end(): Promise<void> {
    this.thaw();
    await this.processes.close();
    this.server.closeAllConnections();
    this.server.close();
  }

  /** Its processes are a group of their own. */
  #signal(signal: NodeJS.Signals): void {
    process.kill(-this.processes.process().pid!, signal);
  }
}

/** A page with a connection. */
export class Reader {
  private constructor(readonly page: Page) {}

  static async open(chromium: Chromium, url: string, options: Partial<ConnectOptions<any>>): Promise<Reader> {
    const page = await chromium.open();
    await page.evaluate(
      ([url, options]) => {
        const lab = window as unknown as LabWindow & { bundled: { connect: LabWindow["connect"] } };
        Object.assign(lab, { got: [], gaps: [], states: [] });
        lab.connection = lab.bundled.connect(url, options);
        lab.connection.on("publication", ({ data }: Publication<any>) => lab.got.push(data));
        lab.connection.on("gap", ({ reason }) => lab.gaps.push(reason));
        lab.connection.on("state", (change) => lab.states.push(change));
      },
      [url, { channels: ["a"], ...options }] as const,
    );
    return new Reader(page);
  }

  /** What `look` sees in the page. */
  see<R>(look: (lab: LabWindow) => R): Promise<R> {
    return this.page.evaluate(`(${look})(window)`);
  }

  /** Waits until it is so in the page. */
  async until(look: (lab: LabWindow) => unknown): Promise<void> {
    try {
      await until(`${look}`, () => this.see(look));
    } catch (error) {
      throw new Error(
        `${error}; the page saw ${JSON.stringify(await this.see(({ states, gaps, got }) => ({ states, gaps, count: got.length })))}`,
      );
    }
  }

  /** Waits until all of these came, and returns what came. */
  async got(expected: readonly string[]): Promise<unknown[]> {
    await until("all that was published", async () => (await this.see(({ got }) => got.length)) >= expected.length);
    return this.see(({ got }) => got);
  }

  use(transport: string): Promise<void> {
    return this.page.evaluate(`connection.use("${transport}")`);
  }
}
