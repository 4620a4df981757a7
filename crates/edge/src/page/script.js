// The page that `make run` shows: subscribe, watch, publish. Nothing but what a browser brings.

import { Table } from "./table.js";

const MAX_SHOWN = 200;
const WORDS = { connecting: "connecting", open: "listening", closed: "refused" };
const $ = (id) => document.getElementById(id);
const table = new Table($("table"));
let source;

function url(channel) {
  return `events?channel=${encodeURIComponent(channel)}`;
}

function listen(channel) {
  source?.close();
  show("connecting");
  complain(null);
  $("received").replaceChildren();
  table.clear();
  $("empty").hidden = false;
  const here = new URL(`${url(channel)}&since=last&format=json`, location);
  const target = new URL(url(channel), location);
  $("url").textContent = here.pathname + here.search;
  $("example").textContent = `curl -d 'hello' ${quoted(target)}\nfanfare publish ${quoted(channel)} 'hello'`;

  source = new EventSource(here);
  source.onopen = () => show("open");
  source.onerror = ({ target }) => target.readyState === EventSource.CLOSED ? refused(channel) : show("connecting");
  source.onmessage = ({ data, lastEventId }) => add(JSON.parse(data), lastEventId);
  source.addEventListener("fanfare.retract", ({ data, lastEventId }) => add(JSON.parse(data), lastEventId));
  source.addEventListener("fanfare.gap", ({ data }) => addGap(JSON.parse(data)));
}

// An EventSource does not say why it was refused; a poll of the same URL does.
async function refused(channel) {
  show("closed");
  $("empty").hidden = true;
  complain(await fetch(`${url(channel)}&transport=poll`).catch(() => null));
}

async function complain(answer) {
  const message = answer && !answer.ok ? (await answer.json()).error.message : null;
  $("error").hidden = !message;
  $("error").textContent = message;
}

function show(state) {
  $("state").dataset.state = state;
  $("state").textContent = WORDS[state];
}

// As one word for a shell.
function quoted(text) {
  return `'${String(text).replaceAll("'", "'\\''")}'`;
}

function add(publication, cursor) {
  const { channel, event, data, retract } = publication;
  table.show(publication);
  const text = typeof data === "string" ? data : JSON.stringify(data);
  append(text, [channel, event, retract && "retracted", cursor].filter(Boolean).join("  ·  "));
}

function addGap({ reason }) {
  append(`Something may be missing here: ${reason}`, "fanfare.gap").classList.add("gap");
}

function append(text, about) {
  $("empty").hidden = true;
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString();
  const body = document.createElement("span");
  body.textContent = text;
  const small = document.createElement("small");
  small.textContent = about;
  item.append(time, body, small);
  $("received").prepend(item);
  while ($("received").childElementCount > MAX_SHOWN) $("received").lastElementChild.remove();
  return item;
}

async function publish(channel, data) {
  const answer = await fetch(url(channel), { method: "POST", body: data }).catch(() => null);
  if (answer?.ok) $("data").value = "";
  if (answer) return complain(answer);
  $("error").hidden = false;
  $("error").textContent = "The gateway cannot be reached; try again.";
}

/** Events one by one, or a table of the latest values. */
function view() {
  const { channel, view } = Object.fromEntries(new URLSearchParams(location.search));
  $("channel").value = channel ?? $("channel").defaultValue;
  const isTable = view === "table";
  $(isTable ? "as-table" : "as-events").checked = true;
  $("received").hidden = isTable;
  $("frame").hidden = !isTable;
}

// The address says what is shown, so that it can be kept and sent.
function go(parameters) {
  const address = new URL(location);
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  history.pushState(null, "", address);
  view();
}

addEventListener("popstate", () => {
  view();
  listen($("channel").value);
});
$("view").addEventListener("change", ({ target }) => go({ view: target.value }));
$("listen").addEventListener("submit", (submit) => {
  submit.preventDefault();
  go({ channel: $("channel").value });
  listen($("channel").value);
});
$("publish").addEventListener("submit", (submit) => {
  submit.preventDefault();
  publish($("channel").value, $("data").value);
});
view();
listen($("channel").value);
