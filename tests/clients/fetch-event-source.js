// `@microsoft/fetch-event-source`, used as its README shows: node fetch-event-source.js URL
import { report } from "./report.js";

// It was made for pages and looks for these there, even where it is told not to care whether the
// page is hidden.
globalThis.window = globalThis;
globalThis.document = new EventTarget();
const { fetchEventSource } = await import("@microsoft/fetch-event-source");

const [url] = process.argv.slice(2);
await fetchEventSource(url, {
  openWhenHidden: true,
  async onopen(response) {
    if (!response.ok) throw new Error(`status ${response.status}`);
    report({ state: "open" });
  },
  onmessage({ event, id, data }) {
    report({ name: event, id, data });
  },
  // A stream that ends cleanly (a drain) ends this client for good, unless this throws.
  onclose() {
    throw new Error("the stream ended");
  },
  // What returns is tried again, after the time that the gateway last asked for.
  onerror() {
    report({ state: "connecting" });
  },
});
