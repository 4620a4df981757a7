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
  button.addEventListener("click", () => strike(name));
}

async function strike(name) {
  if (state.running) return;
  const answer = await fetch(`strike/${name}`, { method: "POST" });
  if (!answer.ok) element("running").textContent = "That was refused: something is broken already.";
  await follow();
}

function render() {
  // Not `disabled`, which would take the focus away.
  for (const button of element("faults").children) button.ariaDisabled = state.running !== null;
  element("published").textContent = state.published.toLocaleString("en");
}

async function follow() {
  const was = state.running;
  state = await (await fetch("state.json")).json();
  if (was && !state.running) element("running").textContent = "All is whole again.";
  // Whoever it was that broke something.
  if (state.running && state.running !== was) {
    const { title, words } = setting.faults.find(({ name }) => name === state.running);
    element("running").textContent = `${title}: ${words}.`;
    costs.begin(title, state.published);
  }
  lanes.forEach((lane) => lane.show(state.published));
  costs.show(state.published);
  render();
}

await Promise.all(lanes.map((lane) => lane.begin(setting)));
setInterval(
  () => void follow().catch(() => (element("running").textContent = "The gauntlet itself has ended.")),
  TICK_MS,
);
