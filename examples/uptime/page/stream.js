// The connection: an EventSource, and polls of the same URL where event streams do not get through.
//
// An EventSource comes back by itself, with the id that it saw last, and the gateway goes on there or says that something
// may be missing. What is left to do: notice a stream that is dead though nobody closed it, and one that never opens.

/** So many heartbeats of silence are one too many. */
const SILENT_HEARTBEATS = 2.5;
/** Tries that never opened before polls stand in, and how long they do. */
const MAX_FAILED = 3;
const POLL_FOR_MS = 60_000;
const POLL_EVERY_MS = 3_000;

export class Stream extends EventTarget {
  /** `live`, `polling`, `lost` or `connecting`. */
  state = "connecting";
  /** When something came last. */
  heardAt = 0;
  #url;
  #source = null;
  #cursor = null;
  #failed = 0;
  #inDoubt = false;
  #heartbeat = 15_000;
  #watchdog = null;

  /**
   * Emits `publication` with a publication, `state`, `current` when all has come that there was, and `gap` with a reason:
   * then the latest of all channels comes, and `whole` behind it; what was not among it is no longer true.
   */
  constructor(url, channels) {
    super();
    this.#url = new URL(url);
    for (const channel of channels) this.#url.searchParams.append("channel", channel);
    this.#open();
  }

  #at(since, parameters) {
    const url = new URL(this.#url);
    for (const [name, value] of Object.entries({ ...parameters, since })) url.searchParams.set(name, value);
    return url;
  }

  #open() {
    this.#source?.close();
    const source = new EventSource(this.#at(this.#cursor ?? "last", { format: "json" }));
    this.#source = source;
    const on = (name, hear) =>
      source.addEventListener(name, (event) => {
        if (source !== this.#source) return;
        this.#hear(event.lastEventId);
        hear(event.data && JSON.parse(event.data));
      });
    on("fanfare.open", ({ heartbeat_ms }) => {
      this.#heartbeat = heartbeat_ms ?? this.#heartbeat;
      this.#failed = 0;
      this.#become("live");
    });
    on("message", (publication) => this.#emit("publication", publication));
    on("fanfare.retract", (publication) => this.#emit("publication", publication));
    on("fanfare.cursor", () => this.#settle());
    on("fanfare.gap", ({ reason }) => this.#doubt(reason));
    on("fanfare.bye", () => {});
    source.onerror = () => {
      if (source !== this.#source) return;
      this.#become("lost");
      this.#failed++;
      if (this.#failed >= MAX_FAILED) this.#poll(Date.now() + POLL_FOR_MS);
      // A browser that was told anything but "try again" gives up.
      else if (source.readyState === EventSource.CLOSED)
        setTimeout(() => source === this.#source && this.#open(), 1_000);
    };
    this.#hear();
  }

  #hear(id) {
    this.#cursor = id || this.#cursor;
    this.heardAt = Date.now();
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      this.#become("lost");
      this.#open();
    }, this.#heartbeat * SILENT_HEARTBEATS);
  }

  async #poll(until) {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#watchdog);
    while (Date.now() < until) {
      try {
        const answer = await fetch(this.#at(this.#cursor ?? "last", { transport: "poll" }), { cache: "no-store" });
        if (answer.ok) {
          const { cursor, gap, publications } = await answer.json();
          this.#become("polling");
          this.heardAt = Date.now();
          for (const publication of publications) this.#emit("publication", publication);
          if (!gap) this.#settle();
          this.#cursor = cursor;
          if (gap) {
            this.#doubt(gap.reason);
            this.#cursor = null;
            continue;
          }
        } else {
          this.#become("lost");
        }
      } catch {
        this.#become("lost");
        // Nothing gets through: a stream is as good a try as any.
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_EVERY_MS));
    }
    this.#failed = MAX_FAILED - 1;
    this.#open();
  }

  #doubt(reason) {
    this.#inDoubt = true;
    this.#emit("gap", reason);
  }

  #settle() {
    this.#emit("current");
    if (this.#inDoubt) this.#emit("whole");
    this.#inDoubt = false;
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.#emit("state", state);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
