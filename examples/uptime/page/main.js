// The page: what comes is shown where it belongs.

import { gateway } from "./gateway.js";

import { Board } from "./board.js";
import { Detail } from "./detail.js";
import { Incidents } from "./incidents.js";
import { Stream } from "./stream.js";
import { span } from "./words.js";

const MONITORS = "uptime/monitors/";
const INCIDENTS = "uptime/incidents/";
/** How the state of the connection is called. */
const STATES = {
  connecting: "connecting",
  live: "live by event stream",
  polling: "polling every 3 s",
  lost: "connection lost",
};
/** How long it is told that the connection came back. */
const NOTICE_MS = 8_000;
const $ = (id) => document.getElementById(id);

const detail = new Detail($("detail"));
const board = new Board($("board"), (id) => detail.open(board.get(id)));
const incidents = new Incidents($("incidents"), $("quiet"));
const stream = new Stream(new URL("events", gateway), [`${MONITORS}*`, `${INCIDENTS}*`]);

/** Since when the connection is lost, and what has come since it is back. */
let lostAt = null;
let back = null;

stream.addEventListener("publication", ({ detail: { channel, data, retract } }) => {
  if (back) back.caughtUp++;
  prove();
  if (channel.startsWith(MONITORS)) {
    if (retract) return board.remove(channel.slice(MONITORS.length));
    board.show(data);
    detail.show(data);
    soon();
  } else if (retract) {
    incidents.remove(channel.slice(INCIDENTS.length));
  } else {
    incidents.show(data);
  }
});

stream.addEventListener("gap", ({ detail: reason }) => {
  for (const part of [board, incidents]) part.doubt();
  prove();
  if (back) back.gap = reason;
  else say("gap", `Something may be missing (${reason}); all that is shown is the latest.`);
});

stream.addEventListener("current", () => prove());

stream.addEventListener("whole", () => {
  for (const part of [board, incidents]) part.settle();
});

stream.addEventListener("state", ({ detail: state }) => {
  if (state === "lost") {
    lostAt ??= Date.now();
    back = null;
  } else if (lostAt !== null && state !== "connecting") {
    back = { away: Date.now() - lostAt, caughtUp: 0, gap: null, telling: null };
    lostAt = null;
  }
  show();
});

/**
 * The gateway goes on, or has said that it cannot. Until then nobody knows whether something was missed: it may wait up to
 * a second for a cursor that only other gateways know.
 */
function prove() {
  const was = back;
  // What was missed comes in one go.
  if (was) was.telling ??= setTimeout(() => was === back && tellBack(), 500);
}

function tellBack() {
  const { away, caughtUp, gap } = back;
  back = null;
  const caught = `${caughtUp} ${caughtUp === 1 ? "change" : "changes"} caught up`;
  if (gap)
    say(
      "gap",
      `Back after ${span(away)}: some changes may have been missed (${gap}); all that is shown is the latest.`,
    );
  else say("back", `Back after ${span(away)}: ${caught}, nothing was missed.`);
}

function say(kind, text) {
  const notice = $("notice");
  notice.dataset.kind = kind;
  notice.textContent = text;
  notice.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (notice.hidden = true), NOTICE_MS);
}

function show() {
  const { all, up, slow, down, shown } = board.tick();
  for (const [id, count] of Object.entries({ all, up, slow, down })) $(id).textContent = count;
  const overall = $("overall");
  overall.dataset.status = down ? "down" : slow ? "slow" : "up";
  const words = [down && `${down} down`, slow && `${slow} slow`].filter(Boolean).join(", ");
  overall.textContent = all === 0 ? "Nothing is known yet" : words ? `${words}, ${up} up` : `All ${all} are up`;
  $("none").hidden = all === 0 || shown > 0;
  $("connection").dataset.state = stream.state;
  $("state").textContent = STATES[stream.state];
  const silence = Date.now() - stream.heardAt;
  $("heard").textContent =
    stream.state === "lost"
      ? `for ${span(Date.now() - lostAt)}`
      : silence > 2_500
        ? `· heard ${span(silence)} ago`
        : "";
}

/** However much has come, it is counted once for each picture. */
function soon() {
  soon.frame ??= requestAnimationFrame(() => {
    soon.frame = null;
    show();
  });
}

$("filter").addEventListener("change", ({ target }) => {
  board.filter(target.value);
  show();
});

setInterval(() => {
  show();
  incidents.tick();
}, 1_000);
show();
