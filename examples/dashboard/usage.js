// What one transport has cost, as a row of the table.

/** How many latencies are remembered. */
const SAMPLES = 300;
/** Less time than this says nothing of a minute. */
const LEAST_MS = 3_000;

export class Usage {
  requests = 0;
  received = 0;
  /** Bodies and frames, counted as they came. */
  counted = 0;
  /** As the browser tells it, headers included; it does so to pages of the same origin, and where the gateway allows it. */
  told = 0;
  /** How long it has been in use. */
  ms = 0;
  #latencies = [];

  constructor(transport) {
    this.transport = transport;
    this.row = document.createElement("tr");
    this.row.dataset.transport = transport;
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = transport;
    this.row.append(head, ...Array.from({ length: 6 }, () => document.createElement("td")));
  }

  get bytes() {
    return this.told || this.counted;
  }

  late(ms) {
    this.#latencies = [...this.#latencies, ms].slice(-SAMPLES);
  }

  show(isInUse) {
    if (isInUse) this.row.ariaCurrent = "true";
    else this.row.removeAttribute("aria-current");
    const sorted = [...this.#latencies].sort((a, b) => a - b);
    const values = [
      this.requests && this.requests.toLocaleString(),
      this.received && this.received.toLocaleString(),
      this.bytes && size(this.bytes),
      this.ms >= LEAST_MS && size((this.bytes / this.ms) * 60_000),
      sorted.length && `${sorted[sorted.length >> 1]} ms`,
      sorted.length && `${sorted.at(-1)} ms`,
    ];
    values.forEach((value, index) => {
      this.row.cells[index + 1].textContent = value || "–";
    });
  }
}

function size(bytes) {
  if (bytes < 1_000) return `${Math.round(bytes)} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} KB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
