// The connection itself: what it is told, and what it tells the application.

import type { Attempt } from "./attempt.js";
import { Attempts, type Host } from "./attempts.js";
import type { Connection, ConnectionEvents, State } from "./connection.js";
import { Emitter, safely } from "./emitter.js";
import { Failure } from "./failure.js";
import { Gateway } from "./gateway.js";
import { ladder, type Ladder, type Rung } from "./ladder.js";
import type { ConnectOptions, PublishOptions, Transport } from "./options.js";
import { poller } from "./poller.js";
import type { Gap, Presence, Publication, Published } from "./publication.js";
import { readEvents } from "./sse.js";
import { readWebSocket } from "./websocket.js";
import type { Advice, Answer, Batch, Message, Refusable } from "./wire.js";

/** Between polls, unless something else is wanted or advised. */
const POLL_EVERY_MS = 15_000;
/** Between polls that wait: what comes thick and fast had better come together. */
const BREATHE_MS = 100;
/** How many heartbeats may fail to come. */
const HEARTBEATS = 2.5;
/** How often `auto` asks whether another transport would be better. */
const ADVICE_EVERY_MS = 60_000;

export class LiveConnection<T> implements Connection<T>, Host {
  state: State = "connecting";
  transport: Transport = "poll";
  cursor: string | undefined;
  session: string | undefined;

  readonly #options: ConnectOptions<T>;
  readonly #channels: Set<string>;
  readonly #gateway: Gateway;
  readonly #poll: ReturnType<typeof poller>;
  readonly #ladder: Ladder;
  readonly #attempts: Attempts;
  readonly #emitter = new Emitter<ConnectionEvents<T>>();
  readonly #closing = new AbortController();
  #error: string | undefined;
  #adviceDue = 0;
  #advisedInterval: number | null = null;
  #publishes = false;
  /** The state as it was told last. */
  #told = "";

  constructor(url: string | URL, options: ConnectOptions<T>) {
    this.#options = options;
    this.#channels = new Set(options.channels);
    this.#gateway = new Gateway(url, options);
    this.#poll = poller(this.#gateway);
    // Who polls is nobody to others.
    const isSomebody = options.member || options.presence;
    const first = isSomebody ? "sse" : "poll";
    this.#ladder = ladder(options.transport ?? "auto", first, options.interval === 0 ? "long-poll" : "poll");
    this.#attempts = new Attempts(this, this.#ladder, options.since);
    this.#watchPage();
    // Once the application listens.
    queueMicrotask(() => this.#attempts.run());
  }

  on<E extends keyof ConnectionEvents<T>>(event: E, listener: (detail: ConnectionEvents<T>[E]) => void): () => void {
    return this.#emitter.on(event, listener);
  }

  subscribe(channels: readonly string[]): void {
    const added = channels.filter((channel) => !this.#channels.has(channel));
    for (const channel of added) this.#channels.add(channel);
    if (added.length) void this.#amend({ subscribe: added, since: this.cursor ?? this.#options.since });
  }

  unsubscribe(channels: readonly string[]): void {
    const removed = channels.filter((channel) => this.#channels.delete(channel));
    if (removed.length) void this.#amend({ unsubscribe: removed });
  }

  async publish(channel: string, data: unknown, { echo, ...rest }: PublishOptions = {}): Promise<Published> {
    this.#publishes = true;
    const publish = { channel, data, ...rest };
    const answer = await this.#ask({ publish, echo });
    if (answer) return { id: answer.cursor!, subscribers: answer.subscribers };
    // A batch of one is understood as what is published over a WebSocket is.
    const posted = { method: "POST", body: JSON.stringify(publish) };
    const headers = { "content-type": "application/x-ndjson" };
    const response = await this.#gateway.ask(this.#gateway.address("", []), posted, headers);
    return accepted((await response.json())[0]);
  }

  async presence(channel: string): Promise<Presence> {
    const answer = await this.#ask({ presence: channel });
    return answer ? answer.presence! : (await this.#gateway.ask(this.#gateway.address("presence", [channel]))).json();
  }

  use(transport: Transport | "auto"): void {
    this.#ladder.wanted = transport;
    this.#attempts.restart();
  }

  close(): void {
    this.#closing.abort();
    this.#attempts.end();
    this.#become("closed");
  }

  // As host of its attempts.

  mayTry(rung: Rung): boolean {
    const mayRead = rung === "websocket" || !!this.#channels.size;
    if (!mayRead) this.#become("waiting");
    return mayRead && !(rung === "poll" && globalThis.document?.hidden);
  }

  began({ transport, isStream }: Attempt): void {
    // Polls that follow each other are as open as a stream.
    const goesOn = !isStream && transport === this.transport && this.state === "open";
    this.transport = transport;
    if (!goesOn) this.#become("connecting");
  }

  async read(attempt: Attempt): Promise<number> {
    const { rung, transport, isStream, isProbe, since, wait, signal } = attempt;
    const { presence, member } = this.#options;
    const only = isStream && { format: "json", presence, member: member && JSON.stringify(member) };
    const token = rung === "websocket" && (await this.#gateway.token());
    const url = this.#gateway.address("", this.#channels, { transport, since, wait, ...only, token });
    const receive = (message: Message) => this.#receive(attempt, message);
    if (rung === "websocket") {
      url.protocol = url.protocol.replace("http", "ws");
      signal.throwIfAborted();
      return readWebSocket(attempt, new (this.#options.WebSocket ?? WebSocket)(url), receive);
    }
    if (isStream) {
      const response = await this.#gateway.ask(url, { signal }, { accept: "text/event-stream" });
      return readEvents(attempt, response, receive);
    }
    const batch = await this.#poll(url, attempt);
    signal.throwIfAborted();
    if (!isProbe) this.#opened();
    // Latest values are no place to go on from: they are shown to their end.
    this.#catchUp(batch, since && since !== "last" ? signal : undefined);
    // Never later than wanted, and not all at once.
    return batch.more ? 0 : (wait ? BREATHE_MS : this.#interval()) * (0.8 + 0.2 * Math.random());
  }

  waits(error: string | undefined): void {
    this.#error = error;
    this.#become("waiting");
  }

  failed(failure: Failure): void {
    this.#error = failure.message;
    this.#become("closed");
    this.#emitter.emit("error", failure);
  }

  // What it is told.

  #receive(attempt: Attempt, message: Message): void {
    if (attempt.signal.aborted) return;
    const { event, id, retry, data, channel } = message;
    attempt.watchdog.heard();
    attempt.retry = retry ?? attempt.retry;
    this.cursor = id || this.cursor;
    if (channel) this.#show(message as Publication<any>);
    else if (event === "fanfare.open") {
      this.session = data.session;
      attempt.watchdog.heard(data.heartbeat_ms * HEARTBEATS);
      this.#opened();
    } else if (event === "fanfare.gap") this.#miss(data);
    else if (event === "fanfare.bye") attempt.farewell = `the gateway ended the session: ${data.reason}`;
    else if (event) this.#emitter.emit(event.slice(8) as keyof ConnectionEvents, data);
    void this.#considerAdvice();
  }

  #opened(): void {
    this.#attempts.backoff.reset();
    this.#error = undefined;
    this.#become("open");
    void this.#considerAdvice();
  }

  /** Where it is aborted by what a listener decides, it is left at the cursor of what was told. */
  #catchUp({ cursor, gap, publications = [] }: Batch, signal = this.#closing.signal, shown = new Set<unknown>()): void {
    if (gap && this.#miss(gap)) return;
    for (const publication of publications) signal.aborted || shown.has(publication.id) || this.#show(publication);
    if (cursor && !signal.aborted) this.cursor = cursor;
  }

  #show(publication: Publication<any>): void {
    const { id, data, retract } = publication;
    this.cursor = id || this.cursor;
    safely(() => {
      const { parse } = this.#options;
      if (parse && typeof data === "string" && !retract) publication.data = parse(data);
      this.#emitter.emit("publication", publication);
    });
  }

  /** Returns whether it begins anew: with the latest values, if the application wants them. */
  #miss(gap: Gap): boolean {
    this.#emitter.emit("gap", gap);
    // A session that began with them is shown them by the gateway.
    const beginsAnew = this.#options.since === "last" && this.#attempts.current?.since !== "last";
    if (beginsAnew) {
      this.cursor = undefined;
      this.#attempts.restart();
    }
    return beginsAnew;
  }

  // What it decides.

  /** Asks over the WebSocket, if one is open. */
  async #ask(request: object): Promise<Answer | undefined> {
    const ask = this.#attempts.current?.ask;
    return ask && accepted(await new Promise<Answer>((heard) => ask(request, heard)));
  }

  async #amend(request: object): Promise<void> {
    const attempt = this.#attempts.current;
    if (!attempt?.ask) {
      // What else was read with it may be latest values, which are no place to go on from.
      if (!this.cursor) await null;
      // All that is missing comes from the cursor on, unless another attempt has begun with these channels.
      if (attempt === this.#attempts.current) this.#attempts.restart();
      return;
    }
    // A new pattern may cover what is on its way.
    const shown = new Set<unknown>();
    const off = this.on("publication", ({ id }) => shown.add(id));
    attempt.ask(request, (answer) => {
      off();
      if (!answer.error && !answer.more) this.#catchUp(answer, undefined, shown);
      // The next attempt shows what is wrong, or what more there is; if this one is over, it comes anyway.
      else if (attempt.ask) this.#attempts.restart();
    });
  }

  #interval(): number {
    const { interval, freshness = Infinity } = this.#options;
    return interval ?? Math.max(BREATHE_MS, Math.min(this.#advisedInterval ?? POLL_EVERY_MS, freshness));
  }

  async #considerAdvice(): Promise<void> {
    const mayRise = this.state === "open" && this.transport !== "websocket" && this.#ladder.wanted === "auto";
    if (!mayRise || Date.now() < this.#adviceDue) return;
    this.#adviceDue = Date.now() + ADVICE_EVERY_MS * (0.8 + 0.2 * Math.random());
    const wishes = { freshness: Math.max(BREATHE_MS, this.#options.freshness!) / 1_000, publish: this.#publishes };
    try {
      const { signal } = this.#closing;
      const url = this.#gateway.address("advice", this.#channels, wishes);
      const { transport, interval }: Advice = await (await this.#gateway.ask(url, { signal })).json();
      this.#advisedInterval = interval && interval * 1_000;
      this.#ladder.raise(transport);
    } catch {
      return; // Without advice all goes on as it is.
    }
    // The attempt at hand may be a poll that has been answered.
    if (this.#ladder.choose() !== this.#attempts.current!.rung) this.#attempts.restart();
  }

  #become(state: State): void {
    const change = { state, transport: this.transport, error: state === "open" ? undefined : this.#error };
    const told = JSON.stringify(change);
    if (told === this.#told) return;
    this.#told = told;
    this.state = state;
    this.#emitter.emit("state", change);
  }

  /** Time may have stood still for the page, or the network may be another. */
  #watchPage(): void {
    for (const event of ["online", "visibilitychange", "resume"]) {
      const look = () => {
        if (this.state === "closed") return;
        if (event === "online") this.#attempts.restart();
        else this.#attempts.wake();
      };
      globalThis.addEventListener?.(event, look, { signal: this.#closing.signal });
    }
  }
}

/** What is answered to a request among others, unless it was refused. */
function accepted<A extends Refusable>(answer: A): A {
  if (answer.error) throw new Failure(answer.error.message, answer.error.code);
  return answer;
}
