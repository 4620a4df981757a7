// One attempt after the other: by which transport, after which pause, and what to think of one that failed.

import { Attempt } from "./attempt.js";
import { backoff } from "./backoff.js";
import { Failure } from "./failure.js";
import type { Ladder, Rung } from "./ladder.js";

/** Who makes them. */
export interface Host {
  readonly cursor: string | undefined;
  /** Whether there is a reason to. */
  mayTry(rung: Rung): boolean;
  /** One begins, that is no probe. */
  began(attempt: Attempt): void;
  /** Reads until a poll is answered, and returns after how many milliseconds to ask again; or until a stream fails. */
  read(attempt: Attempt): Promise<number>;
  /** One failed; it is not the last. */
  waits(error: string | undefined): void;
  /** No other would do better. */
  failed(failure: Failure): void;
}

export class Attempts {
  current?: Attempt;
  /** How long to pause after failures. */
  readonly backoff = backoff();
  #isOver = false;
  /** What failed, by its own fault or the gateway's: a probe will show. */
  #suspect: Rung | undefined;
  /** Ends the pause, if there is one. */
  #wake = () => {};
  /** There is to be no pause. */
  #hurries = false;

  constructor(
    readonly host: Host,
    readonly ladder: Ladder,
    /** Where the first one begins. */
    readonly since: string | undefined,
  ) {}

  async run(): Promise<void> {
    while (!this.#isOver) {
      this.#hurries = false;
      const rung = this.ladder.choose();
      await this.#pause(this.#suspect || this.host.mayTry(rung) ? await this.#try(rung) : Infinity);
    }
  }

  /** Ends the attempt at hand, and begins the next at once. */
  restart(): void {
    this.#suspect = undefined;
    this.#hurries = true;
    this.current?.end();
    this.#wake();
  }

  /** Time may have stood still: looks whether a stream still lives, and waits for nothing else any longer. */
  wake(): void {
    if (!this.current?.isStream) return this.restart();
    this.current.watchdog.look();
    this.#wake();
  }

  end(): void {
    this.#isOver = true;
    this.restart();
  }

  async #try(rung: Rung): Promise<number> {
    const suspect = this.#suspect;
    const attempt = new Attempt(suspect ? "poll" : rung, this.host.cursor ?? this.since, !!suspect);
    this.current = attempt;
    this.#suspect = undefined;
    if (!suspect) this.host.began(attempt);
    try {
      const pause = await Promise.race([this.host.read(attempt), attempt.ended]);
      if (!suspect) return pause;
      // The gateway can be reached: so it is the transport that does not work here.
      this.ladder.leave(suspect);
      return this.ladder.choose() === suspect ? this.backoff.next() : 0;
    } catch (error) {
      return this.#judge(attempt, error as Error);
    } finally {
      attempt.end();
    }
  }

  /** Returns how long to pause after a failure. */
  #judge(attempt: Attempt, error: Error | undefined): number {
    const { signal, rung, retry, farewell = error?.message } = attempt;
    const failure = error instanceof Failure ? error : undefined;
    if (signal.aborted && !failure) return 0;
    // What is wrong with the request itself, trying again would not mend.
    if (failure && /^4(?!08|29)/.test(`${failure.status}`)) {
      this.host.failed(failure);
      return Infinity;
    }
    this.host.waits(farewell);
    // What has spoken to us is not at fault; and a browser does not tell why a WebSocket is refused.
    const isDumb = retry === undefined && !failure?.status && (rung === "websocket" || failure);
    if (rung !== "poll" && (isDumb || failure?.status === 504)) {
      this.#suspect = rung;
      return 0;
    }
    return failure?.retry ?? retry ?? this.backoff.next();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms < Infinity ? setTimeout(resolve, ms) : undefined;
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#hurries || !ms) this.#wake();
    });
  }
}
