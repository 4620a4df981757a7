// Who is in a channel: all at first, then who comes and who leaves.

import { initials } from "./person.js";

/** How long whoever leaves is still seen to; as in person.css. */
const FADE_MS = 600;

export class People {
  /** What each session says about itself. */
  #members = new Map();
  /** The circle of each person; one may have several sessions, if the gateway has not noticed yet that one is gone. */
  #circles = new Map();
  /** Called with the name of a session that has left. */
  onLeave = () => {};

  constructor(
    connection,
    me,
    {
      /** Where their circles go. */
      list,
      /** Where it is said who came and who left. */
      news,
    },
  ) {
    this.me = me;
    this.list = list;
    this.news = news;
    connection.on("presence", ({ members }) => {
      const here = new Map(members.map(({ session, member }) => [session, member]));
      for (const session of this.#members.keys()) if (!here.has(session)) this.onLeave(session);
      this.#members = here;
      this.#show();
    });
    connection.on("join", ({ session, member }) => {
      this.#members.set(session, member);
      this.#show();
    });
    connection.on("leave", ({ session }) => {
      this.#members.delete(session);
      this.onLeave(session);
      this.#show();
    });
  }

  /** Who has that session, if it is known by now. */
  who(session) {
    return this.#members.get(session);
  }

  #show() {
    const people = new Map([...this.#members.values()].map((person) => [person.id, person]));
    for (const [id, { circle, person }] of this.#circles) {
      if (people.has(id)) continue;
      this.#circles.delete(id);
      this.news.textContent = `${person.name} has left`;
      circle.classList.add("gone");
      setTimeout(() => circle.remove(), FADE_MS);
    }
    for (const [id, person] of people) {
      if (this.#circles.has(id)) continue;
      const circle = document.createElement("li");
      const name = document.createElement("span");
      name.className = "name";
      name.textContent = person.id === this.me.id ? `${person.name} (you)` : person.name;
      circle.className = "somebody";
      circle.append(initials(person), name);
      this.list.append(circle);
      this.#circles.set(id, { circle, person });
      this.news.textContent = `${person.name} is here`;
    }
  }
}
