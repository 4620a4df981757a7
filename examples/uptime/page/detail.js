// One monitor in full.

import { LOOKS } from "./board.js";
import { drawLine } from "./line.js";
import { availability, clock, latency, span } from "./words.js";

export class Detail {
  #id = null;

  constructor(
    /** The dialog; its parts are found by their ids. */
    dialog,
  ) {
    this.dialog = dialog;
    dialog.addEventListener("close", () => (this.#id = null));
    // Outside of the dialog is its backdrop.
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
  }

  open(monitor) {
    this.#id = monitor.id;
    this.show(monitor);
    this.dialog.showModal();
  }

  /** Something is new of a monitor; if it is this one, it is shown. */
  show(monitor) {
    if (monitor.id !== this.#id) return;
    const $ = (id) => this.dialog.querySelector(`#detail-${id}`);
    $("name").textContent = monitor.name;
    $("status").textContent =
      `${monitor.status} since ${clock(monitor.since)} (${span(Date.now() - monitor.since)})` +
      (monitor.error ? `: ${monitor.error}` : "");
    drawLine($("line"), monitor.recent, LOOKS);
    const answers = monitor.recent.filter((ms) => ms !== null);
    $("range").textContent = answers.length
      ? `the latest ${monitor.recent.length} looks: ${latency(Math.min(...answers))} to ${latency(Math.max(...answers))}`
      : "no answers";
    const facts = {
      URL: monitor.url,
      "HTTP status": monitor.http_status ?? "none",
      Latency: latency(monitor.latency_ms),
      "Looked at": clock(monitor.checked_at),
      Looks: `${monitor.checks.toLocaleString()}, ${monitor.failures.toLocaleString()} of them failed (${availability(monitor)})`,
      Certificate: certificate(monitor.certificate_until),
    };
    $("facts").replaceChildren(
      ...Object.entries(facts).flatMap(([name, value]) => [text("dt", name), text("dd", value)]),
    );
  }
}

function certificate(until) {
  if (until === null) return "none (no TLS)";
  const left = until - Date.now();
  const day = new Date(until).toLocaleDateString();
  return left > 0 ? `holds for ${span(left)}, until ${day}` : `expired on ${day}`;
}

function text(tag, content) {
  const element = document.createElement(tag);
  element.textContent = content;
  return element;
}
