// What is to be said, until the gateway has it: one after the other, each once. A message is posted, since a POST has
// an Idempotency-Key: when the connection breaks before the answer, it is sent again, and not said again.

const KEY = "fanfare-outbox";
const RETRY_MS = 1_000;
const ANSWER_WITHIN_MS = 10_000;

export class Outbox {
  /** Kept across a reload of the page. */
  #queue = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  #isRunning = false;
  /** Called with the room, the message, and what has become of it. */
  onChange = () => {};

  constructor(url) {
    this.url = url;
    this.#run();
  }

  /** What waits to be said in a room. */
  waiting(room) {
    return this.#queue.filter((entry) => entry.room === room).map(({ message }) => message);
  }

  send(room, message) {
    this.#queue.push({ room, message });
    this.#keep();
    this.onChange(room, message, "sending");
    this.#run();
  }

  async #run() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#queue.length) {
      const { room, message } = this.#queue[0];
      const status = await this.#post(room, message);
      if (status !== "waiting") this.#queue.shift();
      this.#keep();
      this.onChange(room, message, status);
      if (status === "waiting") await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    this.#isRunning = false;
  }

  async #post(room, message) {
    const url = new URL(this.url);
    url.searchParams.set("channel", `room/${room}`);
    const headers = { "idempotency-key": message.id };
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    try {
      const { ok, status } = await fetch(url, { method: "POST", headers, body: JSON.stringify(message), signal });
      if (ok) return "sent";
      // 409: the first time is still under way.
      return status >= 500 || [408, 409, 429].includes(status) ? "waiting" : "refused";
    } catch {
      return "waiting";
    }
  }

  #keep() {
    sessionStorage.setItem(KEY, JSON.stringify(this.#queue));
  }
}
