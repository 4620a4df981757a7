// Publishes numbers in a row, as long as the test runs.

import type { Gateway } from "./gateway.js";

export class Publisher {
  /** How many are published. */
  count = 0;
  #isRunning = true;
  readonly #running: Promise<void>;

  constructor(
    readonly gateway: Gateway,
    readonly channel: string,
    readonly everyMs = 3,
  ) {
    this.#running = this.#run();
  }

  /** Publishes no more; returns all that was published. */
  async end(): Promise<string[]> {
    this.#isRunning = false;
    await this.#running;
    return Array.from({ length: this.count }, (_, number) => `${number}`);
  }

  async #run(): Promise<void> {
    while (this.#isRunning) {
      await this.gateway.publish(this.channel, `${this.count}`);
      this.count++;
      await new Promise((resolve) => setTimeout(resolve, this.everyMs));
    }
  }
}
