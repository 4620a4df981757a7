// The page that `make run` shows: subscribe, watch, publish. Nothing but what a browser brings.
"use strict";

const MAX_SHOWN = 200;
const $ = (id) => document.getElementById(id);
let source;

function url(channel) {
  return `events?channel=${encodeURIComponent(channel)}`;
}

function listen(channel) {
  source?.close();
  show("connecting");
  $("received").replaceChildren();
  $("empty").hidden = $("example").hidden = false;
  const here = new URL(url(channel), location);
  $("url").textContent = here.pathname + here.search;
  $("example").textContent = `curl -d 'hello' '${here}'\nfanfare publish ${channel} 'hello'`;

  source = new EventSource(`${url(channel)}&since=last&format=json`);
  source.onopen = () => show("open");
  source.onerror = () => show(source.readyState === EventSource.CLOSED ? "closed" : "connecting");
  source.onmessage = ({ data, lastEventId }) => add(JSON.parse(data), lastEventId);
  source.addEventListener("fanfare.gap", ({ data }) => addGap(JSON.parse(data)));
}

function show(state) {
  const words = { connecting: "connecting", open: "listening", closed: "refused" };
  $("state").dataset.state = state;
  $("state").textContent = words[state];
}

function add({ channel, event, data }, cursor) {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  const about = [channel, event, cursor].filter(Boolean).join("  ·  ");
  append(text, about);
}

function addGap({ reason }) {
  append(`Something may be missing here: ${reason}`, "fanfare.gap").classList.add("gap");
}

function append(text, about) {
  $("empty").hidden = $("example").hidden = true;
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
  const message = answer ? !answer.ok && (await answer.json()).error.message : "the gateway cannot be reached";
  $("error").hidden = !message;
  $("error").textContent = message || "";
}

$("listen").addEventListener("submit", (submit) => {
  submit.preventDefault();
  listen($("channel").value);
});
$("publish").addEventListener("submit", (submit) => {
  submit.preventDefault();
  publish($("channel").value, $("data").value);
  $("data").value = "";
});
listen($("channel").value);
