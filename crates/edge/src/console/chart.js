// Tiles: a figure, and how it was in the last two minutes.

import { KEPT } from "./rates.js";

const SVG = "http://www.w3.org/2000/svg";
const NAMES = ["first", "second", "third"];

/** A tile: its title, and the lines in it, each with a name and a way to write a value. */
export class Tile {
  #now;
  #paths;
  #key;
  #svg;
  #lines;
  #drawn = [];

  constructor(parent, title, lines) {
    const tile = parent.appendChild(document.createElement("article"));
    tile.className = "tile";
    tile.appendChild(document.createElement("h2")).textContent = title;
    this.#now = tile.appendChild(document.createElement("p"));
    this.#now.className = "now";
    this.#svg = tile.appendChild(document.createElementNS(SVG, "svg"));
    this.#svg.setAttribute("viewBox", "0 0 120 40");
    this.#svg.setAttribute("preserveAspectRatio", "none");
    this.#svg.setAttribute("role", "img");
    const ground = this.#svg.appendChild(document.createElementNS(SVG, "line"));
    for (const [name, at] of [["x1", 0], ["x2", 120], ["y1", 40], ["y2", 40]]) ground.setAttribute(name, at);
    this.#paths = lines.map((_, index) => {
      const path = this.#svg.appendChild(document.createElementNS(SVG, "path"));
      path.setAttribute("class", NAMES[index]);
      return path;
    });
    this.#key = tile.appendChild(document.createElement("p"));
    this.#key.className = "key";
    this.#lines = lines;
    this.#svg.addEventListener("pointermove", (event) => this.#point(event));
    this.#svg.addEventListener("pointerleave", () => this.#write(KEPT - 1));
  }

  /** Shows these values, a list for each line. */
  draw(all) {
    this.#drawn = all.map((values) => [...Array(KEPT - values.length).fill(null), ...values]);
    const top = Math.max(...this.#drawn.flat(), 1e-9);
    this.#drawn.forEach((values, index) => this.#paths[index].setAttribute("d", path(values, top)));
    this.#write(KEPT - 1);
    const first = Math.max(...this.#drawn[0]);
    const most = this.#drawn[0].every((value) => value === null) ? "no data" : `at most ${this.#lines[0].write(first)} in two minutes`;
    this.#svg.setAttribute("aria-label", `${this.#now.textContent}, ${most}`);
  }

  #point(event) {
    const { left, width } = this.#svg.getBoundingClientRect();
    this.#write(Math.min(KEPT - 1, Math.max(0, Math.floor(((event.clientX - left) / width) * KEPT))));
  }

  /** Writes the figures of one second. */
  #write(index) {
    const text = (line) => {
      const value = this.#drawn[line]?.[index];
      return value === null || value === undefined ? "–" : this.#lines[line].write(value);
    };
    const seconds = KEPT - 1 - index;
    this.#now.textContent = text(0);
    if (seconds > 0) this.#now.append(" ", small(`${seconds} s ago`));
    this.#key.replaceChildren(
      ...this.#lines.flatMap(({ name }, line) => {
        if (!name) return [];
        const label = document.createElement("span");
        const mark = label.appendChild(document.createElement("i"));
        mark.className = NAMES[line];
        label.append(line === 0 ? name : `${name} ${text(line)}`);
        return [label];
      }),
    );
  }
}

function small(text) {
  const element = document.createElement("small");
  element.textContent = text;
  return element;
}

/** A line through what is there; where nothing is, it breaks off. */
function path(values, top) {
  let [text, begun] = ["", false];
  values.forEach((value, index) => {
    if (value !== null) text += `${begun ? "L" : "M"}${index + 0.5} ${(40 - (value / top) * 38).toFixed(2)}`;
    begun = value !== null;
  });
  return text;
}

/** 1234567 as 1.23 M. */
export function count(value) {
  const [unit, size] = value >= 1e9 ? [" G", 1e9] : value >= 1e6 ? [" M", 1e6] : value >= 1e4 ? [" k", 1e3] : ["", 1];
  const scaled = value / size;
  return `${scaled.toLocaleString("en", { maximumFractionDigits: scaled < 10 && !Number.isInteger(scaled) ? 2 : scaled < 100 ? 1 : 0 })}${unit}`;
}

export const bytes = (value) => `${count(value)}B`.replace(/(\d)B$/, "$1 B");

export function millis(value) {
  if (value >= 1000) return `${count(value / 1000)} s`;
  return `${value < 10 ? value.toFixed(2) : value.toFixed(value < 100 ? 1 : 0)} ms`;
}

/** A length of time in milliseconds, roughly. */
export function span(value) {
  const steps = [["d", 864e5], ["h", 36e5], ["min", 6e4], ["s", 1e3]];
  const [unit, size] = steps.find(([, size]) => value >= size) ?? ["ms", 1];
  return `${Math.floor(value / size)} ${unit}`;
}
