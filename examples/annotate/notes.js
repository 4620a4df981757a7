// The notes. Each is a channel of its own whose latest publication it is: so a page that begins with the latest of
// all has all notes, one that comes back gets what has changed meanwhile, and a note that comes twice is the same note.

import { connect } from "/client/index.js";

const RETRY_MS = 1_000;
/** What trying again may mend, beside the way to the gateway. */
const PASSING = ["broker", "unanswered", "too_many_requests"];

export class Notes {
  /** As the gateway has them, by their ids. */
  #notes = new Map();
  /** As they are wanted here, until the gateway has them so; a note to be removed is null. */
  #wanted = new Map();
  /** Called with the id of a note that is not what it was. */
  onChange = () => {};
  /** Called with the reason why a note was not taken. */
  onRefused = () => {};

  constructor(url, prefix) {
    this.prefix = prefix;
    this.connection = connect(url, { channels: [`${prefix}*`], since: "last", transport: "websocket" });
    this.connection.on("publication", ({ channel, data, retract }) => {
      const id = channel.slice(prefix.length);
      if (retract) this.#notes.delete(id);
      else this.#notes.set(id, data);
      this.onChange(id);
    });
    // The latest of all come anew; what does not is there no more.
    this.connection.on("gap", () => {
      const ids = [...this.#notes.keys()];
      this.#notes.clear();
      ids.forEach((id) => this.onChange(id));
    });
  }

  /** The note as it is to be shown. */
  get(id) {
    return (this.#wanted.has(id) ? this.#wanted.get(id) : this.#notes.get(id)) ?? undefined;
  }

  isSaved(id) {
    return !this.#wanted.has(id);
  }

  save(id, note) {
    this.#want(id, note);
  }

  remove(id) {
    this.#want(id, null);
  }

  /** Tells the gateway until it has taken it. To publish the same note twice does no harm. */
  async #want(id, note) {
    const isUnderWay = this.#wanted.has(id);
    this.#wanted.set(id, note);
    this.onChange(id);
    while (!isUnderWay && this.#wanted.has(id)) {
      const wanted = this.#wanted.get(id);
      try {
        await this.connection.publish(this.prefix + id, wanted ?? "", { retract: !wanted });
        if (wanted === this.#wanted.get(id)) this.#settle(id, wanted);
      } catch (error) {
        if (error.code && !PASSING.includes(error.code)) {
          this.#wanted.delete(id);
          this.onRefused(error.message);
        } else await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
      this.onChange(id);
    }
  }

  /** The gateway has it. It may be told here before or after. */
  #settle(id, note) {
    this.#wanted.delete(id);
    if (note) this.#notes.set(id, note);
    else this.#notes.delete(id);
  }
}
