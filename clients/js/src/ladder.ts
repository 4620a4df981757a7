// Which transport is taken: the one wanted, or where `auto` decides, the best that works on the way to the gateway.

import type { Transport } from "./options.js";

/** Polls that wait at the gateway stand in for a stream. */
export type Rung = Transport | "long-poll";

const RUNGS: readonly Rung[] = ["websocket", "sse", "long-poll", "poll"];
/** How long a transport that did not work is left alone. */
const LEAVE_ALONE_MS = 300_000;

export interface Ladder {
  wanted: Transport | "auto";
  choose(): Rung;
  /** Lets `auto` come that far up. */
  raise(transport: Transport): void;
  /** It did not work although the gateway can be reached. */
  leave(rung: Rung): void;
}

/** One on which `auto` begins with `first`, and on which polls are of this kind. */
export function ladder(wanted: Transport | "auto", first: Rung, poll: Rung): Ladder {
  const leftAloneUntil: { [rung in Rung]?: number } = {};
  let top = RUNGS.indexOf(first);
  const works = (rung: Rung) => !(leftAloneUntil[rung]! > Date.now());
  return {
    wanted,
    choose() {
      // A plain poll works always.
      const rung = this.wanted === "auto" ? RUNGS.slice(top).find(works)! : this.wanted;
      return rung === "poll" ? poll : rung;
    },
    raise(transport) {
      const rung = RUNGS.indexOf(transport);
      if (rung >= 0 && rung < top) top = rung;
    },
    leave(rung) {
      leftAloneUntil[rung] = Date.now() + LEAVE_ALONE_MS;
    },
  };
}
