// What has come of numbers that count up: what is missing, what was told, what came twice.

export class Ledger {
  received = 0;
  doubled = 0;
  /** Numbers that are missing, and nobody said so. */
  missing = 0;
  /** Numbers that are missing where it was said that something may be. */
  told = 0;
  /** The newest number. */
  newest = null;
  #holes = [];
  #isTold = false;

  /** A number has come. */
  receive(number) {
    if (this.newest === null || number === this.newest + 1) {
      this.received += 1;
    } else if (number > this.newest) {
      this.received += 1;
      this.#open(this.newest + 1, number - 1);
    } else if (this.#fill(number)) {
      this.received += 1;
    } else {
      this.doubled += 1;
      return;
    }
    this.newest = Math.max(this.newest ?? number, number);
    this.#isTold = false;
  }

  /** It was said that something may be missing between the newest number and the next. */
  tell() {
    this.#isTold = this.newest !== null;
  }

  #open(from, upto) {
    this.#holes.push({ from, upto, isTold: this.#isTold });
    this[this.#isTold ? "told" : "missing"] += upto - from + 1;
  }

  /** It is late, and not missing any more; or it has come before. */
  #fill(number) {
    const index = this.#holes.findIndex(({ from, upto }) => from <= number && number <= upto);
    if (index < 0) return false;
    const { from, upto, isTold } = this.#holes[index];
    const rest = [
      { from, upto: number - 1, isTold },
      { from: number + 1, upto, isTold },
    ].filter((hole) => hole.from <= hole.upto);
    this.#holes.splice(index, 1, ...rest);
    this[isTold ? "told" : "missing"] -= 1;
    return true;
  }
}
