// Publishes numbers in a row, as long as the test runs.

import type { Gateway } from "./gateway.js";
import { until } from "./until.js";

export class Publisher {
  /** How many are published. */
  count = 0;
  #isRunning = true;
  readonly #running: Promise<void>;

  private constructor(
    readonly gateway: Gateway,
    readonly channel: string,
    readonly everyMs: number,
  ) {
    this.#running = this.#run();
  }

  /** Starts one, and waits until the gateway can judge how often it publishes. */
  static async start(gateway: Gateway, channel: string, everyMs = 3): Promise<Publisher> {
    const publisher = new Publisher(gateway, channel, everyMs);
    await until("something to be judged", () => publisher.count > 1);
    return publisher;
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
