// What each fault has cost: the counts of each lane since it began, until the next one begins.

const COUNTED = ["missing", "told", "doubled"];
/** What is not under way any more. */
const FAR_BEHIND = 400;

export class Costs {
  #since = null;
  #cells = [];

  constructor(body, lanes) {
    Object.assign(this, { body, lanes });
  }

  /** Something is broken from now on. */
  begin(title, published) {
    this.#since = this.lanes.map((lane) => ({ ...lane.ledger, behind: lane.behind(published) }));
    const row = this.body.insertRow(0);
    const head = row.appendChild(document.createElement("th"));
    head.scope = "row";
    head.textContent = title;
    const time = head.appendChild(document.createElement("small"));
    time.textContent = new Date().toLocaleTimeString("en-GB");
    this.#cells = this.lanes.map(() => row.insertCell());
    this.body.closest("section").hidden = false;
  }

  /** Shows what it has cost so far. */
  show(published) {
    this.lanes.forEach((lane, index) => {
      const { ledger } = lane;
      const cell = this.#cells[index];
      if (!cell) return;
      const [missing, told, doubled] = COUNTED.map((name) => ledger[name] - this.#since[index][name]);
      // Who was behind before has that of another fault.
      const before = this.#since[index].behind;
      if (before > FAR_BEHIND && ledger.newest === this.#since[index].newest) {
        [cell.textContent, cell.dataset.cost] = ["was gone already", ""];
        return;
      }
      const behind = lane.behind(published);
      const parts = [
        [missing, `${missing} missing`],
        [told, `${told} missing, and told`],
        [doubled, `${doubled} doubled`],
        [behind > FAR_BEHIND, `${behind} behind`],
      ];
      cell.textContent =
        parts
          .filter(([any]) => any)
          .map(([, words]) => words)
          .join(", ") || "nothing";
      const isBad = missing > 0 || doubled > 0 || behind > FAR_BEHIND;
      cell.dataset.cost = isBad ? "bad" : told > 0 ? "told" : "none";
    });
  }
}
