// The latest of each channel, a row each; what is a JSON object has a column for each of its members.

const MAX_ROWS = 1_000;
const MAX_COLUMNS = 30;
/** The column of what is no object. */
const VALUE = "";

export class Table {
  #columns = [];
  #rows = new Map();

  constructor(table) {
    this.head = table.createTHead().insertRow();
    this.body = table.createTBody();
    this.clear();
  }

  clear() {
    this.#columns = [];
    this.#rows.clear();
    this.head.replaceChildren(heading("channel"));
    this.body.replaceChildren();
  }

  show({ channel, data, retract }) {
    if (retract) return this.#remove(channel);
    const members = Object.entries(read(data));
    for (const [name] of members) this.#addColumn(name);
    const row = this.#rows.get(channel) ?? this.#addRow(channel);
    if (!row) return;
    const values = new Map(members);
    this.#columns.forEach((name, index) => {
      const cell = row.cells[index + 1] ?? row.insertCell();
      const text = values.has(name) ? shown(values.get(name)) : "";
      if (cell.textContent === text) return;
      cell.textContent = text;
      // Begins the glow anew.
      cell.classList.remove("fresh");
      requestAnimationFrame(() => cell.classList.add("fresh"));
    });
  }

  #addColumn(name) {
    if (this.#columns.includes(name) || this.#columns.length >= MAX_COLUMNS) return;
    this.#columns.push(name);
    this.head.append(heading(name === VALUE ? "value" : name));
  }

  #addRow(channel) {
    if (this.#rows.size >= MAX_ROWS) return null;
    const next = [...this.#rows.keys()].filter((other) => order(other, channel) > 0).sort(order)[0];
    const row = document.createElement("tr");
    row.append(heading(channel, "row"));
    this.body.insertBefore(row, this.#rows.get(next) ?? null);
    this.#rows.set(channel, row);
    return row;
  }

  #remove(channel) {
    this.#rows.get(channel)?.remove();
    this.#rows.delete(channel);
  }
}

/** Numbers in names count as numbers. */
const order = new Intl.Collator(undefined, { numeric: true }).compare;

/** The data as an object, whatever they are. */
function read(data) {
  let value = data;
  if (typeof data === "string") {
    try {
      value = JSON.parse(data);
    } catch {
      return { [VALUE]: data };
    }
  }
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : { [VALUE]: value };
}

function shown(value) {
  if (value === null) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function heading(text, scope = "col") {
  const cell = document.createElement("th");
  cell.scope = scope;
  cell.textContent = text;
  return cell;
}
