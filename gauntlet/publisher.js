// Publishes numbers, one after the other, by plain PUBLISH. A number counts as published when Redis has said so.

import { Redis } from "ioredis";

/** Numbers a second, and how often some are due. */
export const RATE = 200;
const TICK_MS = 10;

export class Publisher {
  /** The newest number that Redis has taken. */
  published = 0;
  #began = Date.now();
  #due = 0;

  constructor(port, channel) {
    this.channel = channel;
    this.redis = new Redis({
      host: "127.0.0.1",
      port,
      maxRetriesPerRequest: null,
      retryStrategy: () => 200,
    });
    this.redis.on("error", () => {});
    this.timer = setInterval(() => void this.#publish(), TICK_MS);
  }

  async #publish() {
    if (this.isBusy) return;
    this.isBusy = true;
    const until = Math.floor(((Date.now() - this.#began) / 1000) * RATE);
    // What could not be published for a while is not made up for: the rate stays what it is.
    this.#due = Math.max(this.#due, until - RATE / 10);
    for (; this.#due < until; this.#due += 1) {
      await this.redis.publish(this.channel, String(this.published + 1)).catch(() => {});
      this.published += 1;
    }
    this.isBusy = false;
  }

  close() {
    clearInterval(this.timer);
    this.redis.disconnect();
  }
}
