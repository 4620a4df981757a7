// All rooms: the latest words of each, and how many came while another was open.

/** Those that are there before anybody said anything. */
const ALWAYS = ["lobby", "kitchen", "music"];
const PREFIX = "room/";

export class Rooms {
  current;
  #rooms = new Map();

  constructor(lobby, me, list) {
    this.me = me;
    this.list = list;
    for (const name of ALWAYS) this.#room(name);
    lobby.on("publication", ({ channel, data, id }) => {
      if (!channel.startsWith(PREFIX)) return;
      const room = this.#room(channel.slice(PREFIX.length));
      room.latest.textContent = data.kind === "opened" ? `${data.name} opened it` : `${data.name}: ${data.text}`;
      // The latest of each, as it was when this page began, has no id: it is not new.
      if (id && room.name !== this.current && data.author !== this.me.id) room.unread++;
      this.#show(room);
    });
  }

  has(name) {
    return this.#rooms.has(name);
  }

  open(name) {
    const before = this.#rooms.get(this.current);
    this.current = name;
    const room = this.#room(name);
    room.unread = 0;
    for (const one of [before, room]) if (one) this.#show(one);
    room.link.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** The room of that name, in its place in the list. */
  #room(name) {
    const known = this.#rooms.get(name);
    if (known) return known;
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = `#${encodeURIComponent(name)}`;
    const [title, count, latest] = ["title", "unread", "latest"].map((kind) => {
      const span = document.createElement("span");
      span.className = kind;
      return span;
    });
    title.textContent = name;
    latest.textContent = "nothing said yet";
    link.append(title, count, latest);
    item.append(link);
    const next = [...this.#rooms.values()]
      .filter((room) => room.name > name)
      .sort((a, b) => (a.name < b.name ? -1 : 1))[0];
    this.list.insertBefore(item, next?.item ?? null);
    const room = { name, item, link, count, latest, unread: 0 };
    this.#rooms.set(name, room);
    this.#show(room);
    return room;
  }

  #show({ name, link, count, unread }) {
    if (name === this.current) link.ariaCurrent = "page";
    else link.removeAttribute("aria-current");
    count.textContent = unread || "";
    count.ariaLabel = unread ? `${unread} unread` : "";
    const all = [...this.#rooms.values()].reduce((sum, room) => sum + room.unread, 0);
    document.title = `${all ? `(${all}) ` : ""}Chat · Fanfare`;
  }
}
