// Shows the notes beside their paragraphs, where they are written, changed and removed.

export class Margin {
  #cards = new Map();

  constructor(notes, me, article) {
    this.notes = notes;
    this.me = me;
    this.passages = [...article.querySelectorAll(":scope > p")].map((text, index) => this.#prepare(text, index));
    notes.onChange = (id) => this.#show(id);
  }

  /** Puts a paragraph and its notes beside each other. */
  #prepare(text, paragraph) {
    const passage = element("section", "passage");
    const aside = element("aside", "notes");
    const list = element("ol");
    const add = button("Add a note", () => {
      const write = (text) => this.notes.save(crypto.randomUUID(), { paragraph, text, ...this.#signature() });
      add.before(form("", write, () => (add.hidden = false)));
      add.hidden = true;
      aside.querySelector("textarea").focus();
    });
    add.classList.add("add");
    aside.ariaLabel = `Notes on paragraph ${paragraph + 1}`;
    text.replaceWith(passage);
    text.classList.add("text");
    aside.append(list, add);
    passage.append(text, aside);
    return { passage, list };
  }

  #signature() {
    return { name: this.me.name, colour: this.me.colour, at: Date.now() };
  }

  #show(id) {
    const note = this.notes.get(id);
    const card = this.#cards.get(id);
    const passage = note && this.passages[note.paragraph];
    if (!passage) {
      this.#cards.delete(id);
      card?.remove();
    } else {
      const shown = card ?? this.#add(id);
      fill(shown, note, this.notes.isSaved(id));
      if (shown.parentElement !== passage.list) {
        const later = [...passage.list.children].find(({ dataset }) => dataset.at > note.at);
        passage.list.insertBefore(shown, later ?? null);
      }
    }
    for (const { passage, list } of this.passages) passage.classList.toggle("noted", list.childElementCount > 0);
  }

  #add(id) {
    const card = element("li", "note");
    const tools = element("span", "tools");
    const edit = button("Edit", () => {
      const note = this.notes.get(id);
      const write = (text) => this.notes.save(id, { ...note, text });
      card.append(
        form(note.text, write, () => {
          card.classList.remove("edited");
          edit.focus();
        }),
      );
      card.classList.add("edited");
      card.querySelector("textarea").focus();
    });
    tools.append(
      edit,
      button("Delete", () => this.notes.remove(id)),
    );
    card.append(element("b"), tools, element("p"));
    card.dataset.id = id;
    this.#cards.set(id, card);
    return card;
  }
}

function fill(card, { name, colour, at, text }, isSaved) {
  Object.assign(card.dataset, { colour, at });
  card.classList.toggle("unsaved", !isSaved);
  card.querySelector("b").textContent = name;
  card.querySelector("p").textContent = text;
}

/** Enter writes, Escape does not. */
function form(text, write, done) {
  const form = element("form");
  const area = element("textarea");
  Object.assign(area, {
    value: text,
    rows: 3,
    maxLength: 500,
    required: true,
    placeholder: "Write a note",
    ariaLabel: "Note",
  });
  const close = () => {
    form.remove();
    done();
  };
  const save = element("button");
  save.textContent = "Save";
  form.append(area, save, button("Cancel", close));
  form.addEventListener("submit", (submit) => {
    submit.preventDefault();
    const text = area.value.trim();
    if (text) write(text);
    close();
  });
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  return form;
}

function button(text, action) {
  const button = element("button", "plain");
  button.type = "button";
  button.textContent = text;
  button.addEventListener("click", action);
  return button;
}

function element(tag, className = "") {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}
