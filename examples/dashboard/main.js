// The dashboard: subscribes to all monitors, by the transport that is chosen, and shows what comes and what it costs.

import { connect } from "/client/index.js";
import { gateway } from "/gateway.js";
import { showState } from "/shared/state.js";

import { Board } from "./board.js";
import { Ledger } from "./ledger.js";
import { Meter } from "./meter.js";

/** Slow enough to see what polling saves, and what it costs in latency. */
const POLL_EVERY_MS = 2_000;
const $ = (id) => document.getElementById(id);

const select = $("transport");
const board = new Board($("board"), $("counts"));
const ledger = new Ledger();
const meter = new Meter($("meter"), new URL("events", gateway));

const connection = connect(new URL("events", gateway), {
  channels: ["monitors/*"],
  since: "last",
  transport: select.value,
  interval: POLL_EVERY_MS,
  fetch: meter.fetch,
  WebSocket: meter.WebSocket,
});

connection.on("publication", ({ channel, data }) => {
  board.show(channel, data);
  ledger.enter(channel, data.count);
  meter.receive(connection.transport, data.at);
  $("empty").hidden = true;
});

connection.on("gap", ({ reason }) => {
  ledger.gap();
  $("gap").hidden = false;
  $("gap").textContent =
    `${new Date().toLocaleTimeString()}: the gateway says that something may be missing here (${reason}).`;
});

// Goes on from the cursor; that is all there is to a switch.
select.addEventListener("change", () => connection.use(select.value));

showState($("state"), connection);
connection.on("state", ({ transport, state, error }) => {
  meter.use(state === "open" ? transport : null);
  const chosen = select.value === "auto" ? "chosen by auto" : "as you chose";
  $("in-use").textContent = state === "open" ? `${transport}, ${chosen}` : (error ?? state);
});

setInterval(() => {
  board.tick();
  meter.show();
  for (const kind of ["received", "missed", "doubled", "gaps"]) $(kind).textContent = ledger[kind].toLocaleString();
}, 500);
