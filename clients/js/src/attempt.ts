// One run of a transport: from asking the gateway until there is a reason to ask anew.

import { Failure } from "./failure.js";
import type { Rung } from "./ladder.js";
import { watchdog } from "./watchdog.js";
import type { Answer } from "./wire.js";

/** How soon a stream must begin: what buffers on the way would hold it back for ever. */
const BEGIN_WITHIN_MS = 5_000;
/** How soon a poll must be answered. */
const ANSWER_WITHIN_MS = 15_000;
/** How long one that stands in for a stream waits at the gateway, in seconds. Proxies are patient for a minute. */
const WAIT_S = 25;

export class Attempt {
  readonly #controller = new AbortController();
  readonly signal = this.#controller.signal;
  /** As it is told. */
  readonly transport = this.rung === "long-poll" ? "poll" : this.rung;
  readonly isStream = this.transport !== "poll";
  /** In seconds. */
  readonly wait = this.rung === "long-poll" ? WAIT_S : 0;
  readonly watchdog = watchdog(this.isStream ? BEGIN_WITHIN_MS : ANSWER_WITHIN_MS + 1_000 * this.wait, () =>
    this.end(new Failure("nothing came; a proxy may hold it back")),
  );
  /** Rejects when it is ended. */
  readonly ended = new Promise<never>((_, reject) => {
    this.signal.addEventListener("abort", () => reject(this.signal.reason));
  });
  /** When whoever answered wants to be asked again, in milliseconds. */
  retry?: number;
  /** Why the gateway ended it, if it said so. */
  farewell?: string;
  /**
   * Asks by an open WebSocket. `heard` is called at once when the answer comes, before what comes after it is read;
   * or when none can come any more.
   */
  ask?: (request: object, heard: (answer: Answer) => void) => void;

  constructor(
    readonly rung: Rung,
    readonly since: string | undefined,
    /** Only to see whether the gateway can be reached. */
    readonly isProbe: boolean,
  ) {}

  /** Nothing that still comes of it counts. Without a reason, the next begins at once. */
  end(reason?: Failure): void {
    this.watchdog.stop();
    this.#controller.abort(reason);
  }
}
