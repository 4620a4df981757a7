// A connection without a network, for unit tests of what uses one.

import { reads } from "./channel.js";
import type { Connection, ConnectionError, ConnectionEvents, State } from "./connection.js";
import { Emitter } from "./emitter.js";
import type { PublishOptions, Transport } from "./options.js";
import type { Gap, Member, Presence, Publication, Published } from "./publication.js";

/** What was published by the application or the test. */
export interface FakePublication extends PublishOptions {
  channel: string;
  data: unknown;
}

/** Shows at once what is published on the channels that it reads; everything else happens when the test says so. */
export class FakeConnection<T = string> implements Connection<T> {
  state: State = "open";
  transport: Transport = "websocket";
  cursor: string | undefined;
  session: string | undefined = "fake";
  readonly channels: Set<string>;
  /** All of it, in order. */
  readonly published: FakePublication[] = [];
  /** Who is in which channel. */
  readonly members = new Map<string, Member[]>();
  readonly #emitter = new Emitter<ConnectionEvents<T>>();
  #count = 0;

  constructor(channels: readonly string[] = ["*"]) {
    this.channels = new Set(channels);
  }

  on<E extends keyof ConnectionEvents<T>>(event: E, listener: (detail: ConnectionEvents<T>[E]) => void): () => void {
    return this.#emitter.on(event, listener);
  }

  subscribe(channels: readonly string[]): void {
    for (const channel of channels) this.channels.add(channel);
  }

  unsubscribe(channels: readonly string[]): void {
    for (const channel of channels) this.channels.delete(channel);
  }

  async publish(channel: string, data: unknown, options: PublishOptions = {}): Promise<Published> {
    const id = `fake-${++this.#count}`;
    this.published.push({ channel, data, ...options });
    if (options.echo !== false)
      this.show({ id, channel, data: data as T, ...(options.event && { event: options.event }) });
    return { id };
  }

  async presence(channel: string): Promise<Presence> {
    const members = this.members.get(channel) ?? [];
    return { channel, count: members.length, members };
  }

  use(transport: Transport | "auto"): void {
    if (transport !== "auto") this.transport = transport;
    this.become("open");
  }

  close(): void {
    this.become("closed");
  }

  /** As if it came from the gateway. */
  show(publication: Publication<T>): void {
    if (this.state === "closed" || ![...this.channels].some((wanted) => reads(wanted, publication.channel))) return;
    this.cursor = publication.id ?? this.cursor;
    this.#emitter.emit("publication", publication);
  }

  gap(reason: Gap["reason"], after: string | null = null): void {
    this.#emitter.emit("gap", { reason, after });
  }

  become(state: State, error?: string): void {
    this.state = state;
    this.#emitter.emit("state", { state, transport: this.transport, error });
  }

  /** As if it could not be mended. */
  fail(error: ConnectionError): void {
    this.become("closed", error.message);
    this.#emitter.emit("error", error);
  }

  join(channel: string, session: string, member: unknown): void {
    this.members.set(channel, [...(this.members.get(channel) ?? []), { session, member }]);
    this.#emitter.emit("join", { channel, session, member });
  }

  leave(channel: string, session: string): void {
    const others = this.members.get(channel)?.filter((other) => other.session !== session);
    this.members.set(channel, others ?? []);
    this.#emitter.emit("leave", { channel, session });
  }
}

/** A connection that is open, and reads these channels, or all. */
export function fake<T = string>(channels?: readonly string[]): FakeConnection<T> {
  return new FakeConnection(channels);
}
