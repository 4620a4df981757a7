// Tables that are written anew each second, without taking the focus from what is in them.

import { bytes, count, span } from "./chart.js";
import { lastMinute, members } from "./rates.js";

/** Shows rows in a table's body: for each a key, and its cells, which are texts or elements. */
export function fill(body, rows) {
  const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const focused = body.contains(document.activeElement) ? document.activeElement : null;
  const keys = new Set(rows.map(([key]) => String(key)));
  known.forEach((row, key) => keys.has(key) || row.remove());
  rows.forEach(([key, cells], index) => {
    const row = known.get(key) ?? document.createElement("tr");
    row.dataset.key = key;
    cells.forEach((cell, column) => write(row.cells[column] ?? row.insertCell(), cell));
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
  });
  // A row that has moved has lost it.
  if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
}

/** Buttons stay the ones that they were, so that a click or the focus is not lost. */
function write(cell, content) {
  const { text = content, state, wide, buttons } = content ?? {};
  if (buttons) {
    cell.className = "actions";
    if (cell.childElementCount === 0) cell.append(...buttons());
    return;
  }
  if (state) {
    cell.className = "state";
    cell.dataset.state = state;
  }
  if (wide) cell.className = "wide";
  if (cell.textContent !== text) {
    cell.textContent = text;
    cell.title = text;
  }
}

function button(words, label, act, className = "plain") {
  const element = document.createElement("button");
  element.className = className;
  element.textContent = words;
  element.setAttribute("aria-label", label);
  element.addEventListener("click", act);
  return element;
}

/** What a session has not been written yet. */
export function behind({ behind, behind_more, unsent_bytes }) {
  const parts = [behind || behind_more ? `${count(behind)}${behind_more ? " or more" : ""}` : "", unsent_bytes ? bytes(unsent_bytes) : ""];
  return parts.filter(Boolean).join(" and ");
}

/** Rows of sessions. */
export function sessions(all, follow) {
  return all.map((session) => [
    session.id,
    [
      { text: session.state, state: session.state },
      session.client + (session.operates ? " (operator)" : ""),
      session.transport,
      session.subject ?? "",
      session.channels.join(" ") + (session.more_channels ? ` and ${session.more_channels} more` : "") || "none",
      span(session.age_ms),
      `${span(session.silent_ms)} ago`,
      count(session.delivered),
      behind(session),
      { buttons: () => [button("follow", `Follow session ${session.client}`, () => follow(`session:${session.id}`))] },
    ],
  ]);
}

/** Rows of channels. */
export function channels(all, follow) {
  return all.map(({ channel, recent, sessions, silent_ms }) => [
    channel,
    [
      channel,
      count(recent / 10),
      count(sessions),
      silent_ms === null ? "none held" : `${span(silent_ms)} ago`,
      { buttons: () => [button("follow", `Follow channel ${channel}`, () => follow(`channel:${channel}`))] },
    ],
  ]);
}

/** Rows of the ways that publications went. */
export function ways(rows, isSession) {
  return rows.toReversed().map((row) => [
    row.cursor,
    [
      `${new Date(row.arrived_ms).toLocaleTimeString("en-GB")}.${String(row.arrived_ms % 1000).padStart(3, "0")}`,
      row.channel + (row.event ? ` (${row.event})` : ""),
      count(row.bytes),
      row.on_the_way_ms === null ? "" : onTheWay(row.on_the_way_ms),
      count(row.matched),
      count(row.written),
      row.first_ms === null ? "" : after(row),
      { text: fate(row, isSession), wide: true },
      row.cursor,
    ],
  ]);
}

/** Two clocks with whole milliseconds: what is next to nothing may seem to have come before it went. */
const onTheWay = (ms) => ms === 0 || ms === -1 ? "< 1 ms" : `${ms} ms`;

function after({ first_ms, last_ms }) {
  const [first, last] = [first_ms.toFixed(2), last_ms.toFixed(2)];
  return first === last ? `${first} ms` : `${first} – ${last} ms`;
}

/** What became of a publication, in words. */
export function fate({ matched, written, later, superseded, own, in_gap, answered }, isSession) {
  if (matched === 0 && later === 0 && answered === 0) return "no session here had subscribed to it, and no poll has asked for it";
  const open = matched - written - superseded - own - in_gap;
  const parts = [
    [written, isSession ? "its socket took it" : `taken by ${written === matched ? "every socket" : `${count(written)} sockets`}`],
    [open > 0 ? open : 0, isSession ? "not written yet" : `${count(open)} not yet, or gone`],
    [superseded, isSession ? "skipped: too slow, a newer one was written" : `${count(superseded)} too slow, given a newer one`],
    [own, isSession ? "skipped: its own, without echo" : `${count(own)} had published it themselves`],
    [in_gap, isSession ? "skipped: it was told a gap" : `${count(in_gap)} told a gap`],
    [later, isSession ? "written when it came back" : `${count(later)} more when they came`],
    [answered, `in ${count(answered)} ${answered === 1 ? "answer" : "answers"} to polls and subscribers`],
  ];
  return parts.filter(([number]) => number > 0).map(([, words]) => words).join("; ");
}

const COUNTED = [
  ["fanfare_sessions_closed_total", "ended", ({ transport, reason }) => `${transport}: ${reason}`],
  ["fanfare_gaps_total", "gap", ({ reason }) => reason],
  ["fanfare_rejected_total", "refused", ({ reason }) => reason],
  ["fanfare_publications_total", "publication", ({ outcome }) => outcome],
  ["fanfare_resumes_total", "came back", ({ outcome }) => outcome],
  ["fanfare_broker_reconnects_total", "broker", () => "reconnects"],
];

/** Rows of what is counted by reasons, as far as it ever happened. */
export function counts(metrics) {
  return COUNTED.flatMap(([family, what, which]) => {
    const all = family in metrics ? [{ name: family, labels: {}, value: metrics[family] }] : members(metrics, family);
    return all
      .filter(({ value }) => value > 0)
      .map(({ name, labels, value }) => [name, [what, which(labels), count(lastMinute(name)), count(value)]]);
  });
}
