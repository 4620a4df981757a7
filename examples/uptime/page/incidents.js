// What was down, the newest first.

import { clock, span } from "./words.js";

export class Incidents {
  #all = new Map();
  #doubted = new Set();

  constructor(
    /** The list. */
    list,
    /** What is shown while there are none. */
    quiet,
  ) {
    this.list = list;
    this.quiet = quiet;
  }

  show(incident) {
    this.#doubted.delete(incident.id);
    this.#all.set(incident.id, incident);
    this.tick();
  }

  /** What is shown may be no longer true, until it is told again. */
  doubt() {
    this.#doubted = new Set(this.#all.keys());
  }

  /** What was not told again is gone. */
  settle() {
    for (const id of this.#doubted) this.remove(id);
    this.#doubted.clear();
  }

  remove(id) {
    this.#all.delete(id);
    this.tick();
  }

  /** Time has passed, or something is new. */
  tick() {
    const sorted = [...this.#all.values()].sort((a, b) => b.began - a.began);
    this.quiet.hidden = sorted.length > 0;
    this.list.replaceChildren(
      ...sorted.map(({ name, cause, began, ended }) => {
        const item = document.createElement("li");
        if (ended === null) item.className = "open";
        item.append(
          part("name", name),
          part("cause", cause),
          part("when", `${clock(began)}, ${span((ended ?? Date.now()) - began)}`),
        );
        return item;
      }),
    );
  }
}

function part(className, text) {
  const part = document.createElement("span");
  part.className = className;
  part.textContent = text;
  return part;
}
