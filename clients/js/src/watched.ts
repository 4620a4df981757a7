// Channels that components watch, each by one connection for all that ask for the same.

import { reads } from "./channel.js";
import type { Connection, State } from "./connection.js";
import { connect } from "./index.js";
import type { ConnectOptions } from "./options.js";
import type { Gap } from "./publication.js";

/** A connection that reads the channel already, or where and how to connect. */
export type Source<T = any> =
  { connection: Connection<T> } | ({ url: string } & Partial<Omit<ConnectOptions<T>, "channels">>);

export interface ChannelState<T = any> {
  /** What was published last; `undefined` before anything was, and after it was taken back. */
  data: T | undefined;
  status: State;
  /** Why it is not open. */
  error: string | undefined;
  /** The last place at which publications may have been missed. */
  gap: Gap | null;
  /** To publish by. There is none before the component is there. */
  connection: Connection<T> | undefined;
}

/** Before there is a connection, and on a server. */
export const BEFORE: ChannelState = {
  data: undefined,
  status: "connecting",
  error: undefined,
  gap: null,
  connection: undefined,
};

/** How long a connection outlives its last component: React takes components away and puts them back. */
const OUTLIVES_MS = 1_000;

const watched = new Map<string, Watched>();
const names = new WeakMap<object, number>();
let named = 0;

class Watched {
  state: ChannelState;
  readonly #watchers = new Set<() => void>();
  readonly #end: () => void;
  #ending?: ReturnType<typeof setTimeout>;

  constructor(channel: string, source: Source, ended: () => void) {
    const isTheirs = "connection" in source;
    const connection = isTheirs ? source.connection : connect<any>(source.url, { ...source, channels: [channel] });
    this.state = { ...BEFORE, connection, status: connection.state };
    const offs = [
      connection.on("publication", (publication) => {
        if (!reads(channel, publication.channel)) return;
        this.#change({ data: publication.retract ? undefined : publication.data });
      }),
      connection.on("gap", (gap) => this.#change({ gap })),
      connection.on("state", ({ state, error }) => this.#change({ status: state, error })),
    ];
    this.#end = () => {
      for (const off of offs) off();
      if (!isTheirs) connection.close();
      ended();
    };
  }

  /** Returns what ends it. */
  watch(changed: () => void): () => void {
    clearTimeout(this.#ending);
    this.#watchers.add(changed);
    return () => {
      this.#watchers.delete(changed);
      if (!this.#watchers.size) this.#ending = setTimeout(this.#end, OUTLIVES_MS);
    };
  }

  #change(change: Partial<ChannelState>): void {
    this.state = { ...this.state, ...change };
    for (const changed of [...this.#watchers]) changed();
  }
}

/** Calls `changed` with every change, until what it returns is called. */
export function watch(key: string, channel: string, source: Source, changed: () => void): () => void {
  let entry = watched.get(key);
  if (!entry) {
    entry = new Watched(channel, source, () => watched.delete(key));
    watched.set(key, entry);
  }
  return entry.watch(changed);
}

export function stateOf(key: string): ChannelState {
  return watched.get(key)?.state ?? BEFORE;
}

/** The same for the same channel and source. Functions are told apart by what they are, since two users' tokens may read alike; only what parses is what it reads. */
export function keyOf(channel: string, source: Source): string {
  return write([channel, source], (key) => key === "parse");
}

/** Whether one component may have written both: functions are written anew each time. */
export function areAlike(one: Source, other: Source): boolean {
  return write(one, () => true) === write(other, () => true);
}

/** The same text for what is the same, functions being what they read where `byText` says so. */
function write(source: object, byText: (key: string) => boolean): string {
  return JSON.stringify(source, (key, value) => {
    if (typeof value === "function") return byText(key) ? `${value}` : nameOf(value);
    return key === "connection" && value instanceof Object ? nameOf(value) : value;
  });
}

function nameOf(thing: object): number {
  const name = names.get(thing) ?? ++named;
  names.set(thing, name);
  return name;
}
