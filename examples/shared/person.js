// Who sits before this page: asked once, and kept as long as its tab.

/** Colours are numbers, so that each page shows them as fits its light; see person.css. */
const COLOURS = ["red", "amber", "green", "teal", "blue", "violet", "pink", "brown"];
const NAMES = ["Bugle", "Cornet", "Flugelhorn", "Horn", "Piccolo", "Trombone", "Trumpet", "Tuba"];
const KEY = "fanfare-person";

/** `{id, name, colour}`. */
export async function whoAmI() {
  const kept = sessionStorage.getItem(KEY);
  if (kept) return JSON.parse(kept);
  const person = { id: crypto.randomUUID(), ...(await ask()) };
  sessionStorage.setItem(KEY, JSON.stringify(person));
  return person;
}

/** A circle with somebody's initials. */
export function initials({ name, colour }) {
  const circle = document.createElement("span");
  circle.className = "initials";
  circle.dataset.colour = colour;
  circle.title = name;
  circle.ariaHidden = "true";
  circle.textContent = name
    .split(/\s+/)
    .map((word) => [...word][0] ?? "")
    .join("")
    .slice(0, 2)
    .toUpperCase();
  return circle;
}

function ask() {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "who");
  dialog.innerHTML = `
    <form method="dialog">
      <h2 id="who">Who are you?</h2>
      <label class="field">Name <input name="name" maxlength="24" required pattern=".*\\S.*" autocomplete="off" autofocus></label>
      <fieldset><legend>Colour</legend></fieldset>
      <button>Come in</button>
    </form>`;
  const suggested = Math.floor(Math.random() * COLOURS.length);
  dialog.querySelector("fieldset").append(...COLOURS.map((name, number) => swatch(name, number, number === suggested)));
  dialog.querySelector("input").value = NAMES[Math.floor(Math.random() * NAMES.length)];
  // Nobody comes in as nobody.
  dialog.addEventListener("cancel", (cancel) => cancel.preventDefault());
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector("input").select();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const answers = new FormData(dialog.querySelector("form"));
      dialog.remove();
      resolve({ name: answers.get("name").trim(), colour: Number(answers.get("colour")) });
    });
  });
}

function swatch(name, number, isChecked) {
  const label = document.createElement("label");
  label.className = "swatch";
  label.dataset.colour = number;
  label.title = name;
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "colour", value: number, checked: isChecked, ariaLabel: name });
  input.className = "only-heard";
  label.append(input);
  return label;
}
