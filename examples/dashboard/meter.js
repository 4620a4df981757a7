// What each transport costs: requests, bytes, and how old what it brings is when it arrives.

import { Usage } from "./usage.js";

const encoder = new TextEncoder();

export class Meter {
  #usages = new Map(["poll", "sse", "websocket"].map((transport) => [transport, new Usage(transport)]));
  /** The transport in use, and until when its time is accounted for. */
  #using = { transport: null, until: 0 };
  #began = Date.now();

  constructor(element, url) {
    this.note = element.querySelector("p");
    element.querySelector("tbody").append(...[...this.#usages.values()].map(({ row }) => row));
    new PerformanceObserver((list) => {
      const polls = list
        .getEntries()
        .filter(({ name }) => name.startsWith(`${url}?`) && this.#usage(name) === this.#usages.get("poll"));
      for (const { transferSize } of polls) this.#usages.get("poll").told += transferSize;
    }).observe({ type: "resource" });
    this.show();
  }

  /** For the client to ask with. */
  fetch = async (url, init) => {
    const usage = this.#usage(url);
    if (usage) usage.requests++;
    const response = await fetch(url, init);
    if (!usage || !response.body) return response;
    const count = new TransformStream({
      transform(chunk, controller) {
        usage.counted += chunk.byteLength;
        controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(count), response);
  };

  /** For the client to speak with. */
  WebSocket = ((usage) =>
    class extends WebSocket {
      constructor(url) {
        super(url);
        usage.requests++;
        this.addEventListener("message", ({ data }) => {
          const { length } = encoder.encode(data);
          usage.counted += length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);
        });
      }
    })(this.#usages.get("websocket"));

  /** A transport is in use from now on, or none. */
  use(transport) {
    this.#settle();
    this.#using.transport = transport;
  }

  /** Something came that was published at this time, by the clock of this machine. */
  receive(transport, at) {
    const usage = this.#usages.get(transport);
    usage.received++;
    // What was published before this page began is not late.
    if (at >= this.#began) usage.late(Date.now() - at);
  }

  show() {
    this.#settle();
    for (const usage of this.#usages.values()) usage.show(usage.transport === this.#using.transport);
    this.note.textContent = this.#usages.get("poll").told
      ? "Bytes of polls as the browser tells them, headers included; of streams as they arrive in this page."
      : "Bytes as they arrive in this page; headers come on top: once for a stream, some hundred bytes for each poll.";
  }

  #usage(url) {
    return this.#usages.get(new URL(url).searchParams.get("transport"));
  }

  /** Charges the time that has passed to the transport that was in use. */
  #settle() {
    const now = performance.now();
    const usage = this.#usages.get(this.#using.transport);
    if (usage) usage.ms += now - this.#using.until;
    this.#using.until = now;
  }
}
