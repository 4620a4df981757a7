// Where others point. A place is told relative to its paragraph, so that it is the same words in a narrow window too.

/** So often at most a pointer's place is told. */
const EVERY_MS = 50;
/** A pointer that rests as long as this fades. */
const REST_MS = 8_000;
/** As in style.css. */
const FADE_MS = 600;
const CHANNEL = "doc/1/cursors";
const ARROW = `<svg viewBox="0 0 16 18" aria-hidden="true"><path d="M1 1l13.5 6.6-5.9 1.9-2.9 6.3z"/></svg>`;

export class Cursors {
  #cursors = new Map();
  /** What is to be told, and whether a time for that is set. */
  #place = null;
  #isSoon = false;

  constructor(connection, people, article) {
    this.connection = connection;
    this.people = people;
    this.article = article;
    article.addEventListener("pointermove", (event) => this.#tell(place(event)));
    article.addEventListener("pointerleave", () => this.#tell(null));
    connection.on("publication", ({ from, data }) => this.#show(from, data));
    people.onLeave = (session) => this.#remove(session);
  }

  #tell(place) {
    this.#place = place;
    if (this.#isSoon) return;
    this.#isSoon = true;
    setTimeout(() => {
      this.#isSoon = false;
      // Nobody wants to know later where it was now.
      if (this.connection.state !== "open") return;
      this.connection.publish(CHANNEL, this.#place, { echo: false }).catch(() => {});
    }, EVERY_MS);
  }

  #show(session, place) {
    const person = this.people.who(session);
    if (!person || session === this.connection.session) return;
    const paragraph = place && this.article.querySelectorAll(".text")[place.paragraph];
    if (!paragraph) return this.#remove(session);
    const cursor = this.#cursors.get(session) ?? this.#add(session, person);
    if (cursor.element.parentElement !== paragraph) paragraph.append(cursor.element);
    cursor.element.style.left = `${place.x * 100}%`;
    cursor.element.style.top = `${place.y * 100}%`;
    cursor.element.classList.remove("rests");
    clearTimeout(cursor.timer);
    cursor.timer = setTimeout(() => cursor.element.classList.add("rests"), REST_MS);
  }

  #add(session, { name, colour }) {
    const element = document.createElement("div");
    element.className = "cursor";
    element.ariaHidden = "true";
    element.dataset.colour = colour;
    element.innerHTML = ARROW;
    const label = document.createElement("span");
    label.textContent = name;
    element.append(label);
    const cursor = { element, timer: 0 };
    this.#cursors.set(session, cursor);
    return cursor;
  }

  #remove(session) {
    const cursor = this.#cursors.get(session);
    if (!cursor) return;
    this.#cursors.delete(session);
    clearTimeout(cursor.timer);
    cursor.element.classList.add("gone");
    setTimeout(() => cursor.element.remove(), FADE_MS);
  }
}

/** Where that is: which paragraph, and how far across and down. */
function place({ target, clientX, clientY }) {
  const text = target.closest(".passage")?.querySelector(".text");
  if (!text) return null;
  const { left, top, width, height } = text.getBoundingClientRect();
  const round = (number) => Math.round(number * 10_000) / 10_000;
  const paragraph = [...document.querySelectorAll(".text")].indexOf(text);
  return { paragraph, x: round((clientX - left) / width), y: round((clientY - top) / height) };
}
