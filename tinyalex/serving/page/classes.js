/* The field of classes: what is typed narrows a list, in which arrows move and Enter chooses. */
import { find, make } from "./common.js";

const LISTED = 60; // a longer list is cut, and says so
const field = find("class"), list = find("classes");
let classes = [], guesses = [], chosen = null, active = -1;

export const know = (found) => { classes = found; };

/* Show what was chosen before, or nothing. guessed: the class_ids to offer first */
export const reset = (one, guessed, open) => {
  [chosen, guesses] = [one, guessed];
  field.value = one?.label ?? "";
  field.disabled = !open;
  close();
};

/* The class that is chosen, or the only one that what is typed can mean; else null. */
export const choice = () => {
  const typed = field.value.trim().toLowerCase(), found = typed ? matching() : [];
  return chosen ?? found.find(({ label }) => label.toLowerCase() === typed) ?? (found.length === 1 ? found[0] : null);
};

/* The classes that hold every word typed: first those that begin with it, then the network's guesses. */
const matching = () => {
  const typed = field.value.trim().toLowerCase(), words = typed.split(/\s+/);
  const rank = ({ label, class_id }) => {
    const place = guesses.indexOf(class_id);
    return (label.toLowerCase().startsWith(typed) ? 0 : LISTED) + (place < 0 ? guesses.length : place);
  };
  return classes
    .filter(({ label, class_id }) => words.every((word) => `${label} ${class_id}`.toLowerCase().includes(word)))
    .map((one) => ({ one, rank: rank(one) }))
    .sort((a, b) => a.rank - b.rank || a.one.label.localeCompare(b.one.label))
    .map(({ one }) => one);
};

const inactive = (expanded) => {
  active = -1;
  list.hidden = !expanded;
  field.setAttribute("aria-expanded", expanded);
  field.removeAttribute("aria-activedescendant");
};
const close = () => inactive(false);

const open = () => {
  const found = matching(), more = found.length - LISTED;
  const items = found.slice(0, LISTED).map((one, n) => {
    const item = make("li", { id: `class-${n}`, role: "option", ariaSelected: "false", textContent: one.label, one });
    item.onclick = () => choose(one);
    return item;
  });
  const rest = !found.length ? "No class of this name" : more > 0 ? `${more} more: type to find them` : "";
  list.replaceChildren(...items, ...(rest ? [make("li", { role: "presentation", className: "faint", textContent: rest })] : []));
  inactive(true);
};

const move = (step) => {
  const items = list.querySelectorAll("[role=option]");
  if (!items.length) return;
  if (active >= 0) items[active].ariaSelected = "false";
  active = active < 0 && step < 0 ? items.length - 1 : (active + step + items.length) % items.length;
  items[active].ariaSelected = "true";
  items[active].scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", items[active].id);
};

const choose = (one) => {
  chosen = one;
  field.value = one.label;
  close();
};

field.oninput = () => { chosen = null; open(); };
field.onclick = () => { if (list.hidden) open(); };
field.onblur = close;
list.onpointerdown = (event) => event.preventDefault(); // the field keeps the focus
field.onkeydown = (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (list.hidden) open();
    move(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" && active >= 0) {
    event.preventDefault();
    choose(list.children[active].one);
  } else if (event.key === "Escape") close();
};
