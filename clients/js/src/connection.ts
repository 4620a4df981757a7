// What an application sees: one API for all transports.

import type { ConnectOptions, PublishOptions, Transport } from "./options.js";
import type { Gap, Member, Presence, Publication, Published } from "./publication.js";

/** `waiting`: until it tries again. `closed`: by `close()`, or by an error that trying again would not mend. */
export type State = "connecting" | "open" | "waiting" | "closed";

export interface StateChange {
  state: State;
  transport: Transport;
  /** Why it is not open, in the gateway's words where it said some. */
  error?: string;
}

/** What trying again would not mend. */
export interface ConnectionError {
  /** Of HTTP; 0 where there is none. */
  status: number;
  /** For programs, such as `forbidden`. */
  code: string;
  /** For people. */
  message: string;
}

export interface ConnectionEvents<T = unknown> {
  publication: Publication<T>;
  gap: Gap;
  state: StateChange;
  error: ConnectionError;
  join: Member & { channel: string };
  leave: { channel: string; session: string };
  /** Who is in a channel: once at first, and instead of joins and leaves where there are too many. */
  presence: Presence;
}

export interface Connection<T = unknown> {
  readonly state: State;
  /** The one in use. */
  readonly transport: Transport;
  /** Up to where everything has been delivered. */
  readonly cursor: string | undefined;
  /** The name under which others see this connection, once a stream has told it. */
  readonly session: string | undefined;

  /** Calls `listener` for each; returns what ends that. */
  on<E extends keyof ConnectionEvents<T>>(event: E, listener: (detail: ConnectionEvents<T>[E]) => void): () => void;
  /** Adds channels, from the connection's cursor on. */
  subscribe(channels: readonly string[]): void;
  unsubscribe(channels: readonly string[]): void;
  /** Publishes text, or any other value as JSON. Rejects with a `ConnectionError`. */
  publish(channel: string, data: unknown, options?: PublishOptions): Promise<Published>;
  /** Who is in a channel. */
  presence(channel: string): Promise<Presence>;
  /** Goes on by another transport, from the cursor. */
  use(transport: NonNullable<ConnectOptions["transport"]>): void;
  close(): void;
}
