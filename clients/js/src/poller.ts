// Polls, and remembers by which tag the gateway knows what it has told up to which cursor.

import type { Attempt } from "./attempt.js";
import type { Gateway } from "./gateway.js";
import type { Batch } from "./wire.js";

/** How soon an answer that has begun must be there: a long one takes its time on a slow way. */
const END_WITHIN_MS = 60_000;

/** Returns what asks for what is new. */
export function poller(gateway: Gateway) {
  let tag: string | null = null;
  let cursor: string | null | undefined;
  return async (url: URL, { since, signal, watchdog }: Attempt): Promise<Batch> => {
    // Elsewhere the header would cost a preflight for each poll, and save less than that.
    const isNear = (globalThis.location ?? url).origin === url.origin;
    const known: Record<string, string> = tag && cursor === since && isNear ? { "if-none-match": tag } : {};
    const response = await gateway.ask(url, { signal }, known);
    watchdog.heard(END_WITHIN_MS);
    const { status, headers } = response;
    const batch: Batch = status === 304 ? { cursor: headers.get("fanfare-cursor") } : await response.json();
    tag = headers.get("etag");
    cursor = batch.cursor;
    return batch;
  };
}
