// What travels: the messages of a stream, the same on SSE and WebSocket, and the body of a poll.

import type { Gap, Presence, Publication } from "./publication.js";

/** A publication's envelope, or a control message: those have names that begin with `fanfare.`. */
export interface Message extends Partial<Publication<any>> {
  /** In milliseconds: when to come back after the end of this stream. */
  retry?: number;
}

/** A poll's body, and the part of an answer to `subscribe` that catches up. */
export interface Batch {
  cursor?: string | null;
  gap?: Gap | null;
  /** There is more after its cursor, to be asked for at once. */
  more?: boolean;
  publications?: Publication<any>[];
}

/** What is answered to a request over a WebSocket. */
export interface Answer extends Batch, Refusable {
  ref?: number;
  subscribers?: number;
  presence?: Presence;
}

export interface Refusable {
  error?: { code: string; message: string };
}

/** What `GET /advice` says, in seconds. */
export interface Advice {
  transport: "poll" | "sse" | "websocket";
  interval: number | null;
}
