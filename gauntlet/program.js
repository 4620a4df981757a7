// A process of the stage: it is started, is ready when it says so, and is ended or killed.

import { spawn } from "node:child_process";
import { once } from "node:events";

process.setMaxListeners(50);

/** How long one may take to be ready, or to end. */
const PATIENCE_MS = 30_000;

export class Program {
  #child = null;
  #said = "";

  /** `ready` is what it says when it is; where it says nothing, it is asked by `isReady`. */
  constructor({ name, command, args = [], env = {}, ready, isReady }) {
    Object.assign(this, { name, command, args, env, ready, isReady });
  }

  get isUp() {
    return this.#child !== null;
  }

  async start() {
    this.#said = "";
    const child = spawn(this.command, this.args, {
      env: { ...process.env, ...this.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    // Whatever this process ends of, nothing of it stays.
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    child.on("exit", () => process.off("exit", kill));
    child.on("exit", () => this.#child === child && (this.#child = null));
    child.on("error", (error) => {
      // It could not even be started.
      [this.#said, this.#child] = [`${error}`, null];
    });
    for (const output of [child.stdout, child.stderr])
      output.setEncoding("utf8").on("data", (text) => (this.#said = (this.#said + text).slice(-20_000)));
    await this.#until(async () => (this.ready ? this.#said.includes(this.ready) : await this.isReady()));
  }

  async #until(isSo) {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await isSo())) {
      if (!this.#child) throw new Error(`${this.name} ended: ${this.#said}`);
      if (Date.now() > deadline) throw new Error(`${this.name} does not become ready: ${this.#said}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends it, and waits until it has. */
  async stop(signal = "SIGTERM") {
    const child = this.#child;
    if (!child) return;
    const exit = once(child, "exit");
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    await exit;
    clearTimeout(late);
  }
}
