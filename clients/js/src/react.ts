// For React: what was published last in a channel.

import { createContext, useCallback, useContext, useState, useSyncExternalStore } from "react";

import { BEFORE, type ChannelState, type Source, areAlike, keyOf, stateOf, watch } from "./watched.js";

export type { ChannelState, Source } from "./watched.js";

/** The source of all components below that name none of their own. */
export const FanfareContext = createContext<Source | undefined>(undefined);

/** What was published last in a channel. Components that ask for the same share a connection. */
export function useChannel<T = string>(channel: string, options: Partial<Source<T>> = {}): ChannelState<T> {
  const context = useContext(FanfareContext);
  const hasOwn = "connection" in options || "url" in options;
  const source = (hasOwn ? options : { ...context, ...options }) as Source<T>;
  const [kept, keep] = useState(source);
  const stable = areAlike(kept, source) ? kept : source;
  if (stable !== kept) keep(stable);
  const key = keyOf(channel, stable);
  // A connection of one's own may not be there yet.
  const isThere = !("connection" in source) || !!source.connection;
  // Sources with the same key are alike.
  const subscribe = useCallback(
    (changed: () => void) => (isThere ? watch(key, channel, stable, changed) : () => {}),
    [key],
  );
  return useSyncExternalStore(
    subscribe,
    () => stateOf(key),
    () => BEFORE,
  );
}
