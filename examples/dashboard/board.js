// The hosts: one card each, with its status, how fast it answered, and when that changed.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 32;
const STATUSES = ["up", "slow", "down"];

export class Board {
  #cards = new Map();

  constructor(
    /** The list of cards. */
    list,
    /** Where it says how many are how. */
    counts,
  ) {
    this.list = list;
    this.counts = counts;
  }

  show(channel, monitor) {
    const card = this.#cards.get(channel) ?? this.#add(channel);
    const ms = monitor.recent.at(-1);
    card.monitor = monitor;
    card.item.dataset.status = monitor.status;
    card.name.textContent = monitor.name;
    card.place.textContent = monitor.place;
    card.ms.textContent = ms === null ? "no answer" : `${ms} ms`;
    draw(card.line, monitor.recent);
    // Begins the glow anew.
    card.item.classList.remove("fresh");
    requestAnimationFrame(() => card.item.classList.add("fresh"));
    this.tick();
  }

  /** Time has passed. */
  tick() {
    const totals = { up: 0, slow: 0, down: 0 };
    for (const { monitor, status } of this.#cards.values()) {
      totals[monitor.status]++;
      status.textContent = `${monitor.status} · ${duration(Date.now() - monitor.since)}`;
    }
    this.counts.replaceChildren(
      ...STATUSES.map((status) => {
        const count = element("span", `count ${status}`);
        count.textContent = `${totals[status]} ${status}`;
        return count;
      }),
    );
  }

  #add(channel) {
    const item = element("li", "monitor");
    const [name, status, ms, place] = ["name", "status", "ms", "place"].map((kind) => element("span", kind));
    const line = document.createElementNS(SVG, "svg");
    line.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    line.setAttribute("preserveAspectRatio", "none");
    line.setAttribute("aria-hidden", "true");
    item.append(name, status, line, ms, place);
    const card = { number: Number(channel.split("/")[1]), item, name, status, line, ms, place };
    const next = [...this.#cards.values()]
      .filter(({ number }) => number > card.number)
      .sort((a, b) => a.number - b.number)[0];
    this.list.insertBefore(item, next?.item ?? null);
    this.#cards.set(channel, card);
    return card;
  }
}

/** A line through what is known, broken where there was no answer. */
function draw(svg, values) {
  const most = Math.max(1, ...values) * 1.15;
  const step = WIDTH / (values.length - 1);
  const runs = [[]];
  values.forEach((value, index) => {
    if (value === null) runs.push([]);
    else runs.at(-1).push(`${(index * step).toFixed(1)},${(HEIGHT - (HEIGHT * value) / most).toFixed(1)}`);
  });
  const lines = runs.filter((run) => run.length > 1);
  svg.replaceChildren(
    ...lines.map((run) => {
      const [first] = run[0].split(",");
      const [last] = run.at(-1).split(",");
      return shape("polygon", `${first},${HEIGHT} ${run.join(" ")} ${last},${HEIGHT}`);
    }),
    ...lines.map((run) => shape("polyline", run.join(" "))),
  );
}

function shape(kind, points) {
  const shape = document.createElementNS(SVG, kind);
  shape.setAttribute("points", points);
  return shape;
}

function element(tag, className) {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}

function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3_600)} h`;
}
