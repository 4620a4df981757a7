// Polls, and remembers by which tag the gateway knows what it has told.

import type { Gateway } from "./gateway.js";
import type { Batch } from "./wire.js";

export class Poller {
  #tag: string | null = null;

  constructor(readonly gateway: Gateway) {}

  /** What is new there. */
  async poll(url: URL, signal: AbortSignal): Promise<Batch> {
    // Elsewhere the header would cost a preflight for each poll, and save less than that.
    const isNear = !globalThis.location || url.origin === globalThis.location.origin;
    const headers = this.#tag && isNear ? { "if-none-match": this.#tag } : undefined;
    const response = await this.gateway.ask(url, { signal }, headers);
    this.#tag = response.headers.get("etag");
    if (response.status !== 304) return response.json();
    return { cursor: response.headers.get("fanfare-cursor") };
  }

  /** It is asked for something else from now on. */
  forget(): void {
    this.#tag = null;
  }
}
