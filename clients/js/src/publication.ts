// What the gateway tells: publications, and what may be missing between them.

/** One thing published. */
export interface Publication<T = unknown> {
  /** The cursor behind it. Latest values on a stream have none: they are no place to go on from. */
  id?: string;
  /** The first of the connection's channels on which it was published. */
  channel: string;
  /** Its event type, if it has one. */
  event?: string;
  /** The published text, or the JSON value where the channel's rule says so; see `parse`. */
  data: T;
  /** The session that published it, if a client did. */
  from?: string;
  /** The channel's latest value is no longer true; `data` is what was said with that, mostly nothing. */
  retract?: boolean;
  /** How many seconds it is shown to newcomers. */
  ttl?: number;
}

/** Publications may be missing here. */
export interface Gap {
  reason: "overtaken" | "broker-lost" | "unknown-cursor" | "trimmed" | (string & {});
  /** The last cursor before it, if it is known. */
  after: string | null;
}

/** What became of what was published. */
export interface Published {
  /** Where it stands, if the broker says so at once. */
  id?: string;
  /** Else to how many subscribers the broker passed it on. */
  subscribers?: number;
}

/** One who is present in a channel. */
export interface Member {
  session: string;
  /** What it says about itself. */
  member: unknown;
}

/** Who is in a channel. */
export interface Presence {
  channel: string;
  count: number;
  /** `null` where there are too many to name. */
  members: Member[] | null;
}
