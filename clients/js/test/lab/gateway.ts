// A real gateway, alone or on a Redis with others.

import { fileURLToPath } from "node:url";

import { Process, freePort, listening } from "./process.js";
import { until } from "./until.js";

const BINARY =
  process.env.FANFARE_BIN ?? fileURLToPath(new URL("../../../../../target/debug/fanfare", import.meta.url));

const RULES = [
  { match: "secret/*", subscribe: "nobody", publish: "nobody" },
  { match: "json/*", subscribe: "anyone", publish: "anyone", data: "json" },
  // Also to what comes through a proxy.
  { match: "*", subscribe: "anyone", publish: "anyone", presence: "anyone" },
];

export class Gateway {
  private constructor(
    readonly process: Process,
    readonly port: number,
    readonly admin: string,
  ) {}

  /** Starts one, on the stream of a Redis or with a broker of its own. */
  static async start(redis?: Redis, settings: Record<string, string> = {}): Promise<Gateway> {
    const broker: Record<string, string> = redis
      ? { FANFARE__BROKER__KIND: "redis-stream", FANFARE__BROKER__REDIS__URL: `redis://127.0.0.1:${redis.port}` }
      : {};
    const process = new Process(BINARY, () => ["serve"], {
      FANFARE__LISTEN__PUBLIC: "127.0.0.1:0",
      FANFARE__LISTEN__ADMIN: "127.0.0.1:0",
      FANFARE__BROKER__EMBEDDED__RESP: "",
      FANFARE__DRAIN__DELAY: "0s",
      FANFARE__DRAIN__SPREAD: "0s",
      FANFARE__SESSIONS__HEARTBEAT: "1s",
      FANFARE__SESSIONS__RETRY: "200ms",
      FANFARE__CHANNELS: JSON.stringify(RULES),
      ...broker,
      ...settings,
    });
    const port = Number(await process.says(/browsers: http:\/\/127\.0\.0\.1:(\d+)/));
    const admin = await process.says(/health: (http:\/\/[^/]+)/);
    await until("the gateway to be ready", async () => (await fetch(`${admin}/readyz`)).ok);
    return new Gateway(process, port, admin);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/events`;
  }

  async publish(channel: string, data: string): Promise<void> {
    const answer = await fetch(`${this.url}?channel=${encodeURIComponent(channel)}`, { method: "POST", body: data });
    if (!answer.ok) throw new Error(await answer.text());
  }

  /** How many it holds, by all transports. */
  async sessions(): Promise<number> {
    const metrics = await (await fetch(`${this.admin}/metrics`)).text();
    return [...metrics.matchAll(/^fanfare_sessions\{.*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  end(): Promise<void> {
    return this.process.end();
  }
}

export class Redis {
  private constructor(
    readonly process: Process,
    readonly port: number,
  ) {}

  static async start(): Promise<Redis> {
    const port = await freePort();
    const process = new Process("redis-server", (folder) => ["--port", `${port}`, "--dir", folder, "--save", ""]);
    await listening(port);
    return new Redis(process, port);
  }

  end(): Promise<void> {
    return this.process.end();
  }
}
