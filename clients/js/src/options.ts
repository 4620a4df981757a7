// How a connection is wanted.

export type Transport = "poll" | "sse" | "websocket";

export interface ConnectOptions<T = unknown> {
  /** Names, or prefixes that end in `*`. */
  channels: readonly string[];
  /** `auto`, the default, begins with a poll and moves to what the gateway advises and the way there allows. */
  transport?: Transport | "auto";
  /** Milliseconds between polls. 0: each waits at the gateway until there is something new. */
  interval?: number;
  /** How old, in milliseconds, what the page shows may be: what `auto` aims for. */
  freshness?: number;
  /** Where to begin: the latest of each channel, all there is, a cursor; else polls begin with the latest, streams with what comes. */
  since?: "last" | "earliest" | (string & {});
  /** Sent as a bearer token; a function is asked anew for each request. */
  token?: string | (() => string | Promise<string>);
  /** A small JSON object about oneself. With it one is present in the channels, as long as a stream is open. */
  member?: object;
  /** Be told who joins and leaves. */
  presence?: boolean;
  /** What becomes of data that arrives as text, such as `JSON.parse`; so that `T` is true. */
  parse?: (text: string) => T;
  /** Instead of the global one. */
  fetch?: typeof fetch;
  /** Instead of the global one. */
  WebSocket?: typeof WebSocket;
}

export interface PublishOptions {
  event?: string;
  /** The channel's latest value is no longer true. */
  retract?: boolean;
  /** Seconds after which newcomers are no longer shown it. */
  ttl?: number;
  /** `false`: do not show it to this connection. Over a WebSocket only; what is posted has no session. */
  echo?: boolean;
}
