// The page of the gauntlet: three lanes, five buttons.

import { Costs } from "./costs.js";
import { Lane } from "./lane.js";
import { TICK_MS } from "./strip.js";

const element = (id) => document.getElementById(id);
const setting = await (await fetch("setting.json")).json();
const lanes = [...document.querySelectorAll(".lane")].map((lane) => new Lane(lane, setting));
const costs = new Costs(element("costs").querySelector("tbody"), lanes);
let state = { published: 0, running: null };

element("beside").textContent = `${setting.rate} a second by PUBLISH; ${setting.versions.beside}`;
for (const { name, title, words } of setting.faults) {
  const button = element("faults").appendChild(document.createElement("button"));
  button.textContent = title;
  button.title = words;
  button.addEventListener("click", () => strike(name, title, words));
}

async function strike(name, title, words) {
  const answer = await fetch(`strike/${name}`, { method: "POST" });
  if (!answer.ok) return;
  state.running = name;
  element("running").textContent = `${title}: ${words}.`;
  costs.begin(title, state.published);
  render();
}

function render() {
  for (const button of element("faults").children) button.disabled = state.running !== null;
  element("published").textContent = state.published.toLocaleString("en");
}

async function follow() {
  const was = state.running;
  state = await (await fetch("state.json")).json();
  if (was && !state.running) element("running").textContent = "All is whole again.";
  lanes.forEach((lane) => lane.show(state.published));
  costs.show(state.published);
  render();
}

await Promise.all(lanes.map((lane) => lane.begin(setting)));
setInterval(
  () => void follow().catch(() => (element("running").textContent = "The gauntlet itself has ended.")),
  TICK_MS,
);
