// Child processes that end with the test, and what they say.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { until } from "./until.js";

export class Process {
  /** All lines. */
  said = "";
  /** Its own, and gone with it. */
  readonly folder = mkdtempSync(join(tmpdir(), "fanfare-js-"));
  readonly #child: ChildProcess;

  constructor(command: string, args: (folder: string) => string[], environment: Record<string, string> = {}) {
    const env = { ...process.env, ...environment };
    this.#child = spawn(command, args(this.folder), { env, cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    for (const output of [this.#child.stdout!, this.#child.stderr!]) {
      output.setEncoding("utf8").on("data", (text: string) => {
        this.said += text;
      });
    }
    this.#child.on("error", (error) => {
      this.said += `${command}: ${error.message}\n`;
    });
    process.on("exit", this.#kill);
  }

  /** Waits until it has said this, and returns the first group. */
  async says(pattern: RegExp): Promise<string> {
    try {
      return await until(`${pattern}`, () => pattern.exec(this.said)?.[1]);
    } catch (error) {
      throw new Error(`${error}; it said:\n${this.said}`);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(): Promise<void> {
    process.off("exit", this.#kill);
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null && this.#child.pid) {
      this.#child.kill("SIGKILL");
      await once(this.#child, "exit");
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  readonly #kill = () => {
    this.#child.kill("SIGKILL");
  };
}

/** A port at which nobody listens, below those that the kernel gives to whoever asks for any. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
      server.close();
      await once(server, "close");
      return port;
    } catch {
      // Somebody does.
    }
  }
}

/** Waits until somebody listens there. */
export async function listening(port: number): Promise<void> {
  await until(`a listener on port ${port}`, async () => {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return true;
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  });
}
