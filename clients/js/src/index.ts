// The client of the Fanfare push gateway.

import type { Connection } from "./connection.js";
import { LiveConnection } from "./live.js";
import type { ConnectOptions } from "./options.js";

/** Connects to the gateway's `/events`. */
export function connect<T = string>(url: string | URL, options: ConnectOptions<T>): Connection<T> {
  return new LiveConnection(url, options);
}

export type { Connection, ConnectionError, ConnectionEvents, State, StateChange } from "./connection.js";
export type { ConnectOptions, PublishOptions, Transport } from "./options.js";
export type { Gap, Member, Presence, Publication, Published } from "./publication.js";
