// The tiles: one for each monitor, in the order of their names.

import { drawLine } from "./line.js";
import { availability, latency, span } from "./words.js";

/** Looks that a tile's line shows. */
export const LOOKS = 60;
const STATUSES = ["up", "slow", "down"];

export class Board {
  #tiles = new Map();
  #doubted = new Set();
  #shown = "all";

  constructor(
    /** The list of tiles. */
    list,
    /** Called with the id of a tile that was chosen. */
    onchoose,
  ) {
    this.list = list;
    this.onchoose = onchoose;
  }

  get(id) {
    return this.#tiles.get(id)?.monitor;
  }

  show(monitor) {
    this.#doubted.delete(monitor.id);
    const tile = this.#tiles.get(monitor.id) ?? this.#add(monitor);
    tile.monitor = monitor;
    tile.button.dataset.status = monitor.status;
    tile.name.textContent = monitor.name;
    tile.latency.textContent = latency(monitor.latency_ms);
    tile.availability.textContent = availability(monitor);
    drawLine(tile.line, monitor.recent, LOOKS);
    // Begins the glow anew.
    tile.button.classList.remove("fresh");
    requestAnimationFrame(() => tile.button.classList.add("fresh"));
    this.#tick(tile);
  }

  /** What is shown may be no longer true, until it is told again. */
  doubt() {
    this.#doubted = new Set(this.#tiles.keys());
  }

  /** What was not told again is gone. */
  settle() {
    for (const id of this.#doubted) this.remove(id);
    this.#doubted.clear();
  }

  remove(id) {
    this.#tiles.get(id)?.item.remove();
    this.#tiles.delete(id);
  }

  /** Shows those of one status only, or all. */
  filter(status) {
    this.#shown = status;
    this.tick();
  }

  /** Time has passed. Returns how many there are of each status, and how many are shown. */
  tick() {
    const totals = { all: this.#tiles.size, up: 0, slow: 0, down: 0, shown: 0 };
    for (const tile of this.#tiles.values()) {
      if (STATUSES.includes(tile.monitor.status)) totals[tile.monitor.status]++;
      this.#tick(tile);
      if (!tile.item.hidden) totals.shown++;
    }
    return totals;
  }

  #tick({ item, monitor, status }) {
    status.textContent = `${monitor.status} for ${span(Date.now() - monitor.since)}`;
    item.hidden = this.#shown !== "all" && this.#shown !== monitor.status;
  }

  #add({ id, name }) {
    const item = document.createElement("li");
    const button = element("button", "tile");
    button.type = "button";
    button.addEventListener("click", () => this.onchoose(id));
    const [nameOf, latencyOf, status, availabilityOf] = ["name", "latency", "status", "availability"].map((kind) =>
      element("span", kind),
    );
    const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    line.setAttribute("aria-hidden", "true");
    button.append(nameOf, latencyOf, status, availabilityOf, line);
    item.append(button);
    const tile = {
      order: name,
      item,
      button,
      name: nameOf,
      latency: latencyOf,
      status,
      availability: availabilityOf,
      line,
    };
    const next = [...this.#tiles.values()]
      .filter(({ order }) => order.localeCompare(name) > 0)
      .sort((a, b) => a.order.localeCompare(b.order))[0];
    this.list.insertBefore(item, next?.item ?? null);
    this.#tiles.set(id, tile);
    return tile;
  }
}

function element(tag, className) {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}
