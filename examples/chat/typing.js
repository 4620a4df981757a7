// Who is typing in the open room. It goes by the connection that hears of all rooms, by a channel that it reads only
// while the room is open, and nobody is shown it later.

/** So often at most it is told. */
const EVERY_MS = 2_000;
/** So long it is believed. */
const BELIEVED_MS = 4_000;
const PREFIX = "typing/";

export class Typing {
  #room;
  #toldAt = 0;
  /** Those who type, and what will end that. */
  #timers = new Map();

  constructor(lobby, me, line) {
    this.lobby = lobby;
    this.me = me;
    this.line = line;
    lobby.on("publication", ({ channel, data }) => {
      if (channel === PREFIX + this.#room) this.#show(data);
    });
  }

  enter(room) {
    if (this.#room) this.lobby.unsubscribe([PREFIX + this.#room]);
    this.#room = room;
    this.#toldAt = 0;
    for (const author of [...this.#timers.keys()]) this.stopped(author);
    this.lobby.subscribe([PREFIX + room]);
  }

  /** Tells the others that something is being written here. */
  tell() {
    if (Date.now() < this.#toldAt + EVERY_MS || this.lobby.state !== "open") return;
    this.#toldAt = Date.now();
    const { id, name } = this.me;
    this.lobby.publish(PREFIX + this.#room, { id, name }, { echo: false }).catch(() => {});
  }

  /** It is said: the next word begins something new. */
  said() {
    this.#toldAt = 0;
  }

  stopped(author) {
    clearTimeout(this.#timers.get(author)?.timer);
    this.#timers.delete(author);
    this.#say();
  }

  #show({ id, name }) {
    this.stopped(id);
    this.#timers.set(id, { name, timer: setTimeout(() => this.stopped(id), BELIEVED_MS) });
    this.#say();
  }

  #say() {
    const names = [...this.#timers.values()].map(({ name }) => name);
    const many = new Intl.ListFormat("en").format(names);
    this.line.textContent = names.length ? `${many} ${names.length > 1 ? "are" : "is"} typing` : "";
  }
}
