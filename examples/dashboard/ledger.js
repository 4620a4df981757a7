// Proves that nothing is missed and nothing comes twice: each monitor's publications are counted where they are made.

export class Ledger {
  received = 0;
  missed = 0;
  doubled = 0;
  gaps = 0;
  /** The count of each monitor's newest publication. */
  #counts = new Map();

  enter(channel, count) {
    const newest = this.#counts.get(channel);
    this.received++;
    if (count <= newest) this.doubled++;
    if (count > newest + 1) this.missed += count - newest - 1;
    this.#counts.set(channel, Math.max(count, newest ?? 0));
  }

  /** What is missing was told, so it is not missed in silence; and the latest of each monitor comes anew. */
  gap() {
    this.gaps++;
    this.#counts.clear();
  }
}
