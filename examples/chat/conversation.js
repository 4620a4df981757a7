// What was said in the open room: in the order in which it was published, then what is still on its way.

import { initials } from "/shared/person.js";

/** Older ones are no longer shown. */
const MOST_SHOWN = 500;
/** Of what one person says within so long, only the first has a name. */
const BREATH_MS = 300_000;
const STATUSES = {
  sending: "sending",
  waiting: "not sent yet, trying again",
  sent: "sent",
  refused: "refused",
  arrived: "✓",
};

export class Conversation {
  #items = new Map();

  constructor(list, me) {
    this.list = list;
    this.me = me;
    list.replaceChildren();
  }

  /** Shows a message, or what has become of it: `sending`, `waiting`, `sent`, `refused` or `arrived`. */
  show(message, status) {
    const isAtEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 80;
    const known = this.#items.get(message.id);
    // It may come back by the connection before the answer to what sent it.
    if (known?.dataset.status === "arrived") return;
    const item = known ?? this.#item(message);
    item.dataset.status = status;
    item.querySelector(".status")?.replaceChildren(STATUSES[status]);
    if (status === "arrived") this.#put(item, this.list.querySelector(":scope > :not([data-status=arrived])"));
    else if (!known) this.#put(item, null);
    if (isAtEnd || message.author === this.me.id) this.list.scrollTop = this.list.scrollHeight;
  }

  /** Says something about the conversation. */
  tell(text) {
    const item = document.createElement("li");
    item.className = "notice";
    item.dataset.status = "arrived";
    item.textContent = text;
    this.#put(item, this.list.querySelector(":scope > :not([data-status=arrived])"));
  }

  #put(item, next) {
    if (item.nextElementSibling !== next || !item.parentElement) this.list.insertBefore(item, next);
    const { author, at } = item.previousElementSibling?.dataset ?? {};
    item.classList.toggle("follows", !!author && author === item.dataset.author && item.dataset.at - at < BREATH_MS);
    while (this.list.childElementCount > MOST_SHOWN) {
      this.#items.delete(this.list.firstElementChild.dataset.id);
      this.list.firstElementChild.remove();
    }
  }

  #item(message) {
    const { id, kind, text, author, name, colour, at } = message;
    const item = document.createElement("li");
    Object.assign(item.dataset, { id, at, colour });
    this.#items.set(id, item);
    if (kind === "opened") {
      item.className = "notice";
      item.textContent = `${name} opened this room`;
      return item;
    }
    item.dataset.author = author;
    item.className = author === this.me.id ? "message mine" : "message";
    const [by, words, about, status] = ["by", "words", "about", "status"].map((kind) => {
      const span = document.createElement("span");
      span.className = kind;
      return span;
    });
    const time = document.createElement("time");
    time.dateTime = new Date(at).toISOString();
    time.textContent = new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    by.textContent = name;
    words.textContent = text;
    about.append(time, ...(author === this.me.id ? [" ", status] : []));
    item.append(initials({ name, colour }), by, words, about);
    return item;
  }
}
