// What an operator does: follow a channel or a session, publish, end a session.

import { span } from "./chart.js";
import { behind, fill, sessions, ways } from "./tables.js";

const element = (id) => document.getElementById(id);
const error = element("error");
/** The latest that are shown of a channel. */
const SHOWN = 50;
/** Publications whose way the gateway tells. */
const LATEST = 40;
/** Characters of data that are shown. */
const LONG = 300;
/** Between two times that the gateway is told that something is followed. */
const AGAIN_MS = 3000;

let followed = null;
let stream = null;
let since = null;

/** Why it was not done, in the gateway's words. */
async function reason(answer) {
  const { error } = await answer.json().catch(() => ({}));
  return error?.message ?? `the gateway answers with ${answer.status}`;
}

/** Asks the gateway to do something; says what is wrong if it does not. */
async function post(path, body) {
  const answer = await fetch(path, { method: "POST", body }).catch(() => null);
  const problem = answer === null ? "the gateway cannot be reached" : answer.ok ? null : await reason(answer);
  error.hidden = problem === null;
  error.textContent = problem ?? "";
  return problem === null;
}

/** What was said to be wrong is over. */
export function forgive() {
  error.hidden = true;
}

/** Another process counts from now on. */
export function begin() {
  if (followed) since = new Date();
}

function query(interest) {
  const at = interest.indexOf(":");
  return new URLSearchParams({ [interest.slice(0, at)]: interest.slice(at + 1) });
}

export const find = (text) => post(`console/follow?${query(`text:${text}`)}`);

/** Follows something from now on, if it can be: `channel:NAME` or `session:NAME`. */
export async function follow(interest) {
  if (interest === followed) return forgive();
  if (!(await post(`console/follow?${query(interest)}`))) return;
  [followed, since] = [interest, new Date()];
  stream?.close();
  stream = null;
  const isSession = interest.startsWith("session:");
  const name = interest.slice(interest.indexOf(":") + 1);
  element("followed").value = isSession ? interest : name;
  element("publish").hidden = isSession;
  element("publish-words").textContent = `Publish on ${name.length > 40 ? `${name.slice(0, 40)}…` : name}`;
  element("followed-session").hidden = !isSession;
  element("tail").hidden = isSession;
  element("trace").hidden = false;
  element("unfinished").hidden = true;
  element("received").replaceChildren();
  element("trace").querySelector("tbody").replaceChildren();
  element("follow-words").textContent = "looking";
  if (!isSession) tail(name);
}

// Whether that works is seen; what was said of something else stays.
setInterval(() => followed && void fetch(`console/follow?${query(followed)}`, { method: "POST" }).catch(() => {}), AGAIN_MS);

/** Shows what is published on a channel: an EventSource like any page's, on this port. */
function tail(channel) {
  stream = new EventSource(`events?${new URLSearchParams({ channel, format: "json", since: "last" })}`);
  stream.onmessage = ({ data }) => {
    const publication = JSON.parse(data);
    const item = document.createElement("li");
    const parts = [["time", new Date().toLocaleTimeString("en-GB")], ["small", publication.event ?? publication.channel],
      ["span", publication.retract ? "(retracted)" : shortened(publication.data)]];
    for (const [tag, text] of parts) item.appendChild(document.createElement(tag)).textContent = text;
    element("received").prepend(item);
    while (element("received").childElementCount > SHOWN) element("received").lastElementChild.remove();
  };
}

function shortened(data) {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return text.length > LONG ? `${text.slice(0, LONG)} … (${text.length} characters)` : text;
}

/** Shows what became of what is followed. */
export function show({ traces, channels, metrics }) {
  const trace = traces.find(({ interest }) => interest === followed);
  if (!trace) return;
  const isSession = followed.startsWith("session:");
  fill(element("trace").querySelector("tbody"), ways(trace.rows, isSession));
  element("unfinished").hidden = isSession || trace.sessions.length === 0;
  if (!isSession) fill(element("unfinished").querySelector("tbody"), sessions(trace.sessions, follow));
  element("follow-words").textContent = isSession ? ofSession(trace) : ofChannel(trace, channels, metrics);
}

function ofChannel({ rows }, channels, metrics) {
  const name = followed.slice("channel:".length);
  if (rows.length >= LATEST) return `The latest ${rows.length} publications on ${name}; the newest first.`;
  if (rows.length > 0) return `${rows.length} ${rows.length === 1 ? "publication" : "publications"} on ${name} since ${clock(Math.min(since, rows[0].arrived_ms))}; the newest first.`;
  const known = channels.find(({ channel }) => channel === name);
  const before = known && known.silent_ms !== null ? `The one before came ${span(known.silent_ms)} ago.` : "";
  const dropped = Object.entries(metrics).filter(([key, value]) =>
    key.startsWith("fanfare_publications_total{") && !key.includes('"ok"') && value > 0);
  const bad = dropped.reduce((sum, [, value]) => sum + value, 0);
  return `Nothing has been published on ${name} since ${clock()}: publish something to see its way. ${before} ${
    bad ? `${bad} publications on any channel were dropped so far; “Endings and gaps” says why.` : ""}`;
}

const WORDS = {
  live: "It has been written all that there was for it.",
  reading: "It is being written what it has not had yet.",
  blocked: "Its socket takes nothing: the browser, or what lies before it, reads too slowly.",
  fetching: "It waits for a part of the stream to be read back.",
  waiting: "It came with a cursor that is not known here yet.",
};

function ofSession({ sessions: [session], ended, rows }) {
  element("end").hidden = !session;
  if (!session) {
    element("session-words").textContent = "";
    return ended ? `This session has ended: ${ended}.` : "There is no such session here any more.";
  }
  element("session-words").textContent =
    `${session.client}${session.subject ? ` (${session.subject})` : ""} by ${session.transport}, here for ${span(session.age_ms)}, ` +
    `subscribed to ${session.channels.join(", ") || "nothing"}${session.more_channels ? ` and ${session.more_channels} more` : ""}; ` +
    `${session.delivered} delivered, the last bytes ${span(session.silent_ms)} ago` +
    (behind(session) ? `; ${behind(session)} wait for it.` : ".");
  const none = rows.length === 0 ? ` Nothing has been published on its channels since ${clock()}.` : "";
  return `${WORDS[session.state]}${none}`;
}

const clock = (time = since) => new Date(time).toLocaleTimeString("en-GB");

element("publish").addEventListener("submit", async (event) => {
  event.preventDefault();
  const parameters = query(followed);
  if (element("event").value) parameters.set("event", element("event").value);
  if (await post(`events?${parameters}`, element("data").value)) element("data").value = "";
});

element("end").addEventListener("click", () => void post(`console/end?${query(followed)}`));
