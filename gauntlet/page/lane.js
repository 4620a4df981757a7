// One way of the same numbers: its counts, its last minute, its source on screen.

import { Ledger } from "./ledger.js";
import { Strip } from "./strip.js";

/** Without a number for so long, it is said. */
const SILENT_MS = 2000;
const COUNTS = ["received", "missing", "told", "doubled"];

export class Lane {
  ledger = new Ledger();
  #note = "connecting";
  #heard = performance.now();
  #from = null;

  constructor(element, { rate }) {
    this.element = element;
    this.kind = element.id;
    const parts = document.getElementById("lane").content.cloneNode(true);
    element.insertBefore(parts, element.querySelector(".setting"));
    this.strip = new Strip(element.querySelector("canvas"), rate);
  }

  /** Begins to listen, by the very source that is shown. */
  async begin({ addresses, versions }) {
    const source = `./clients/${this.kind}.js`;
    this.element.querySelector(".versions").textContent = versions[this.kind];
    this.element.querySelector("pre").textContent = (await (await fetch(source)).text()).trim();
    const { listen } = await import(source);
    listen(addresses[this.kind], {
      receive: (number) => {
        this.#heard = performance.now();
        this.ledger.receive(number);
      },
      tell: () => this.ledger.tell(),
      note: (words) => (this.#note = words),
    });
  }

  /** How many of so many that are published have not come; what was before it began does not count. */
  behind(published) {
    this.#from ??= published;
    return Math.max(0, published - (this.ledger.newest ?? this.#from));
  }

  /** Shows how it is, now that so many have been published. */
  show(published) {
    const { ledger } = this;
    this.strip.add(ledger);
    for (const name of COUNTS) {
      const figure = this.element.querySelector(`.${name}`);
      figure.textContent = ledger[name].toLocaleString("en");
      figure.dataset.any = ledger[name] > 0;
    }
    const silent = performance.now() - this.#heard;
    const behind = this.behind(published);
    const words =
      silent > SILENT_MS ? `${this.#note}; silent for ${Math.floor(silent / 1000)} s, ${behind} behind` : this.#note;
    const state = this.element.querySelector(".state");
    state.textContent = words;
    state.dataset.state = silent > SILENT_MS ? "silent" : this.#note === "connected" ? "live" : "away";
  }
}
