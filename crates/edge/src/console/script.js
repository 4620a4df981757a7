// The console: what the gateway says of itself once a second, as figures, lines and tables.

import { begin, find, follow, forgive, show } from "./actions.js";
import { Tile, bytes, count, millis, span } from "./chart.js";
import { add, gauge, known, quantile, rate } from "./rates.js";
import { channels, counts, fill, sessions } from "./tables.js";

const element = (id) => document.getElementById(id);
const body = (id) => element(id).querySelector("tbody");
const percent = (value) => `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
const byTransport = (transport) => gauge(`fanfare_sessions{transport="${transport}"}`);

const tiles = [
  ["Sessions", [["all", count, () => gauge("fanfare_sessions")], ["WebSocket", count, () => byTransport("websocket")],
    ["waiting polls", count, () => byTransport("poll")]]],
  ["Publications a second", [["", count, () => rate("fanfare_publications_total")]]],
  ["Deliveries a second", [["", count, () => rate("fanfare_deliveries_total")]]],
  ["Written a second", [["", bytes, () => rate("fanfare_delivered_bytes_total")]]],
  ["From arrival to written", [["99 of 100", millis, () => latency(0.99)], ["half", millis, () => latency(0.5)],
    ["99 of 100 since Redis", millis, () => sinceRedis(0.99)]]],
  ["Sessions that lag", [["", count, () => gauge("fanfare_sessions_lagging")]]],
  ["Gaps a second", [["", count, () => rate("fanfare_gaps_total")]]],
  ["Ended a second", [["", count, () => rate("fanfare_sessions_closed_total")]]],
  ["Broker round trip", [["99 of 100", millis, () => toBroker(0.99)], ["half", millis, () => toBroker(0.5)]]],
  ["History reaches back", [["", span, () => gauge("fanfare_history_oldest_seconds").map((seconds) => seconds * 1000)]]],
  // The kernel's count has whole seconds.
  ["Processor", [["of one core", percent, () => rate("process_cpu_seconds_total", 20)]]],
  ["Memory", [["", bytes, () => gauge("process_resident_memory_bytes")]]],
].map(([title, lines]) => {
  const tile = new Tile(element("tiles"), title, lines.map(([name, write]) => ({ name, write })));
  return () => tile.draw(lines.map(([, , values]) => values()));
});

const scaled = (values) => values.map((value) => value === null ? null : value * 1000);
const latency = (share) => scaled(quantile("fanfare_gateway_delivery_seconds", share));
const toBroker = (share) => scaled(quantile("fanfare_broker_roundtrip_seconds", share));
const sinceRedis = (share) => scaled(quantile("fanfare_publish_to_delivery_seconds", share));

let searched = "";

function open(interest) {
  follow(interest);
  select("follow");
}

function render(overview) {
  tell("open", "live");
  if (add(overview)) {
    searched = element("text").value = "";
    begin();
  }
  tiles.forEach((draw) => draw());
  const [state, broker = ""] = overview.state.split("\n");
  const ready = document.createElement("b");
  ready.textContent = state;
  ready.className = overview.ready ? "" : "bad";
  element("gateway").replaceChildren(`${overview.version} · `, ready, ` · ${broker}`);
  const found = searched && overview.traces.find(({ interest }) => interest === `text:${searched}`);
  if (found) {
    fill(body("sessions"), sessions(found.sessions, open));
    element("sessions-words").textContent = `${count(found.found)} ${found.found === 1 ? "session holds" : "sessions hold"} “${searched}”${found.found > found.sessions.length ? `, the slowest ${found.sessions.length} of them` : ""}, as of ${new Date(overview.at_ms).toLocaleTimeString("en-GB")}.`;
  } else if (!searched) {
    fill(body("sessions"), sessions(overview.sessions, open));
    element("sessions-words").textContent = "The slowest first; at most a hundred. Polls that wait are not listed.";
  }
  fill(body("channels"), channels(overview.channels, open));
  fill(body("counts"), counts(overview.metrics));
  element("last").textContent = known() < 60 ? `The last ${known()} s` : "The last minute";
  show(overview);
}

/** What is shown is pale as long as it is not how it is. */
function tell(state, words) {
  if (state === "open" && document.body.dataset.state !== "open") forgive();
  document.body.dataset.state = element("state").dataset.state = state;
  element("state").textContent = words;
}

const stream = new EventSource("console/events");
stream.onerror = () => stream.readyState === EventSource.CLOSED
  ? tell("closed", "the gateway refuses; reload this page")
  : tell("connecting", "the gateway is away; coming back by itself");
stream.addEventListener("fanfare.bye", ({ data }) => tell("connecting", `the gateway says good-bye: ${JSON.parse(data).reason}`));
stream.addEventListener("fanfare.overview", ({ data }) => render(JSON.parse(data)));

// Tabs, as the ARIA Authoring Practices describe them.
const tabs = [...document.querySelectorAll("[role=tab]")];

function select(panel) {
  forgive();
  for (const tab of tabs) {
    const selected = tab.getAttribute("aria-controls") === panel;
    tab.setAttribute("aria-selected", selected);
    tab.tabIndex = selected ? 0 : -1;
    element(tab.getAttribute("aria-controls")).hidden = !selected;
  }
  history.replaceState(null, "", `#${panel}`);
}

tabs.forEach((tab, index) => {
  tab.addEventListener("click", () => select(tab.getAttribute("aria-controls")));
  tab.addEventListener("keydown", ({ key }) => {
    const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: -1 }[key];
    const next = to === undefined ? null : tabs.at(to % tabs.length);
    if (!next) return;
    select(next.getAttribute("aria-controls"));
    next.focus();
  });
});

function selectByHash() {
  const wanted = location.hash.slice(1);
  if (tabs.some((tab) => tab.getAttribute("aria-controls") === wanted)) select(wanted);
}
window.addEventListener("hashchange", selectByHash);
selectByHash();

element("search").addEventListener("submit", (event) => {
  event.preventDefault();
  searched = element("text").value.trim();
  if (searched) void find(searched);
});

element("follow-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = element("followed").value;
  open(/^session:\d+-\d+-[\da-f]+$/.test(wanted) ? wanted : `channel:${wanted}`);
});

// No script can read the cookie.
element("sign-out").hidden = !localStorage.getItem("signed-in");
element("sign-out").addEventListener("click", async () => {
  await fetch("token", { method: "DELETE" });
  localStorage.removeItem("signed-in");
  location.reload();
});
