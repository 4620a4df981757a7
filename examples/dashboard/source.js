// Stands for what is monitored: a table of hosts, as a query would return it.

/** Where each kind of host runs, and how fast it usually answers, in milliseconds. */
const KINDS = { api: 38, web: 62, db: 9, queue: 14, cdn: 21, mail: 120 };
const PLACES = ["Frankfurt", "Dublin", "Oregon", "Tokyo"];
/** How many checks a row remembers. */
const RECENT = 30;
/** How often a host is checked, at the average. */
const CHECKED_EVERY_S = 3;
/** What becomes of a status at a check, and how likely. */
const TURNS = { up: { slow: 0.03 }, slow: { up: 0.25, down: 0.08 }, down: { up: 0.2 } };

export class Source {
  #rows = Object.entries(KINDS).flatMap(([kind, usual]) =>
    PLACES.map((place, index) => ({
      name: `${kind}-${index + 1}`,
      place,
      usual,
      status: "up",
      since: Date.now(),
      recent: [],
    })),
  );

  constructor() {
    for (const row of this.#rows) while (row.recent.length < RECENT) check(row);
    for (const row of this.#rows) row.since -= Math.round(Math.random() * 600_000);
  }

  /** All rows. In a second, some of them have changed. */
  query() {
    for (const row of this.#rows) if (Math.random() < 1 / CHECKED_EVERY_S) check(row);
    return this.#rows.map(({ name, place, status, since, recent }) => ({
      name,
      place,
      status,
      since,
      recent: [...recent],
    }));
  }
}

function check(row) {
  for (const [status, chance] of Object.entries(TURNS[row.status])) {
    if (Math.random() < chance) {
      Object.assign(row, { status, since: Date.now() });
      break;
    }
  }
  const factor = { up: 0.8 + 0.4 * Math.random(), slow: 4 + 3 * Math.random(), down: NaN }[row.status];
  const ms = Number.isNaN(factor) ? null : Math.round(row.usual * factor);
  row.recent = [...row.recent, ms].slice(-RECENT);
}
