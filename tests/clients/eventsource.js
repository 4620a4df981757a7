// npm's `eventsource`, used as its README shows: node eventsource.js PACKAGE URL
import { CONTROL_MESSAGES, report } from "./report.js";

const [make, url] = process.argv.slice(2);
const { EventSource } = await import(make);
const states = ["connecting", "open", "closed"];

const source = new EventSource(url);
source.onopen = source.onerror = () => report({ state: states[source.readyState] });
source.onmessage = ({ lastEventId, data }) => report({ name: "", id: lastEventId, data });
for (const name of CONTROL_MESSAGES) {
  source.addEventListener(name, ({ lastEventId, data }) => report({ name, id: lastEventId, data }));
}

// From version 5 on, waiting to reconnect does not keep a process alive that has nothing else to do.
setInterval(() => {}, 60_000);
