// A network that a test holds in its hands, and time that passes only when it says so.

import { mock } from "node:test";

/** What a test answers a request with. */
export type Answerer = (
  url: URL,
  request: RequestInit & { headers: Record<string, string> },
) => Response | Promise<Response>;

export class Network {
  /** What was asked for, as `PATH?QUERY` with commas and quotes as they are. */
  readonly requests: string[] = [];
  readonly headers: Record<string, string>[] = [];
  readonly streams: Stream[] = [];
  readonly sockets: Socket[] = [];
  answer: Answerer = () => json({});

  readonly fetch: typeof fetch = async (input, init = {}) => {
    const url = new URL(`${input}`);
    const headers = { ...(init.headers as Record<string, string>) };
    this.requests.push(readable(url));
    this.headers.push(headers);
    const { signal } = init;
    signal?.throwIfAborted();
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
    return Promise.race([aborted, (async () => this.answer(url, { ...init, headers }))()]);
  };

  readonly WebSocket = ((network) =>
    class extends Socket {
      constructor(url: URL) {
        super();
        network.requests.push(readable(url));
        network.sockets.push(this);
      }
    })(this) as unknown as typeof WebSocket;

  /** Answers with a stream that the test writes. */
  stream(signal?: AbortSignal | null): Response {
    const stream = new Stream();
    signal?.addEventListener("abort", () => stream.abort(signal.reason));
    this.streams.push(stream);
    return new Response(stream.body, { headers: { "content-type": "text/event-stream" } });
  }

  /** What was asked for since this was called last. */
  take(): string[] {
    return this.requests.splice(0);
  }
}

/** An event stream. */
export class Stream {
  isAborted = false;
  readonly #encoder = new TextEncoder();
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  readonly body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      this.#controller = controller;
    },
  });

  text(text: string): void {
    if (!this.isAborted) this.#controller.enqueue(this.#encoder.encode(text));
  }

  control(name: string, data: object, id?: string, retry?: number): void {
    const fields = [`event: fanfare.${name}`, `data: ${JSON.stringify(data)}`];
    if (id) fields.push(`id: ${id}`);
    if (retry !== undefined) fields.push(`retry: ${retry}`);
    this.text(`${fields.join("\n")}\n\n`);
  }

  open(id = "c0", retry = 3_000): void {
    this.control("open", { heartbeat_ms: 15_000, session: "me" }, id, retry);
  }

  publish(id: string, data: unknown, channel = "a"): void {
    this.text(`id: ${id}\ndata: ${JSON.stringify({ id, channel, data })}\n\n`);
  }

  end(): void {
    this.#controller.close();
  }

  abort(reason: unknown): void {
    this.isAborted = true;
    try {
      this.#controller.error(reason);
    } catch {
      // It had ended.
    }
  }
}

/** The browser's end of a WebSocket. */
export class Socket {
  readonly sent: any[] = [];
  isClosed = false;
  onmessage: (event: { data: string }) => void = () => {};
  onclose: (event: { code: number; reason: string }) => void = () => {};

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.isClosed = true;
  }

  hear(message: object): void {
    this.onmessage({ data: JSON.stringify(message) });
  }

  open(id = "c0", retry = 3_000): void {
    this.hear({ event: "fanfare.open", id, retry, data: { heartbeat_ms: 15_000, session: "me" } });
  }

  shut(code: number, reason = ""): void {
    this.onclose({ code, reason });
  }
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(status === 304 ? null : JSON.stringify(body), { status, headers });
}

/** A poll's answer. */
export function batch(cursor: string, publications: [id: string, data: unknown][] = [], more: object = {}): Response {
  const envelopes = publications.map(([id, data]) => ({ id, channel: "a", data }));
  const body = { cursor, gap: null, more: false, complete: true, publications: envelopes, ...more };
  return json(body, 200, { etag: `"${publications.at(-1)?.[0] ?? "none"}"`, "fanfare-cursor": cursor });
}

export function refusal(status: number, code: string, message: string, headers: Record<string, string> = {}): Response {
  return json({ error: { code, message } }, status, headers);
}

/** Stops the clock. Chance is at its upper end, so that what is jittered takes as long as it can. */
export function stopTime(): void {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  mock.method(Math, "random", () => 1);
}

/** Lets everything happen that needs no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
}

/** Lets time pass. */
export async function pass(ms: number): Promise<void> {
  await settle();
  for (let left = ms; left > 0; left -= 1_000) {
    mock.timers.tick(Math.min(left, 1_000));
    await settle();
  }
}

function readable({ protocol, pathname, search }: URL): string {
  const isSocket = protocol.startsWith("ws");
  return `${isSocket ? "ws " : ""}${pathname}${decodeURIComponent(search)}`;
}
