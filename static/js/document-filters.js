// Which documents are shown: by category, by state, by name. The address keeps the choice.

import { CATEGORIES, categoryWord } from "./category.js";
import { stateWord } from "./document-row.js";
import { fold } from "./fold.js";
import { partsOf, write } from "./parts.js";
import { number, t } from "./texts.js";

const STATES = ["pending", "processing", "completed", "failed", "cancelled"];

export class DocumentFilters {
  #chips = [];

  /** root: with the parts categories (may be missing), states and text. onChange: called when the choice is another. */
  constructor(root, onChange) {
    const parts = partsOf(root);
    this.parts = parts;
    this.onChange = onChange;
    const query = new URLSearchParams(location.search);
    this.chosen = { category: query.get("category") ?? "", state: query.get("state") ?? "" };
    this.text = query.get("q") ?? "";
    parts.text.value = this.text;
    parts.text.addEventListener("input", () => {
      this.text = parts.text.value.trim();
      this.#changed();
    });
    if (parts.categories) this.#addChips("category", parts.categories, ["", ...CATEGORIES], (value) => (value ? categoryWord(value) : t("filter.categories")));
    this.#addChips("state", parts.states, ["", ...STATES], (value) => (value ? stateWord(value) : t("filter.states")));
  }

  /** Return the ids of the rows that fit, in their order. */
  choose(rows) {
    const { category, state } = this.chosen;
    const words = fold(this.text).split(/\s+/).filter(Boolean);
    const ids = [];
    for (const row of rows) {
      if (category && (row.category !== category || row.state !== "completed")) continue;
      if (state && row.state !== state) continue;
      if (words.length && !words.every((word) => fold(row.name).includes(word))) continue;
      ids.push(row.id);
    }
    return ids;
  }

  /** Show how many rows each choice has; see totalsOf in batch.js. */
  showCounts(totals) {
    for (const { chip, name, value } of this.#chips) {
      const n = !value ? totals.total : name === "category" ? (totals.categories[value] ?? 0) : totals[value];
      write(chip.lastElementChild, number(n));
      // A choice with nothing in it only takes room, unless it is the one that is chosen.
      chip.hidden = Boolean(value) && n === 0 && this.chosen[name] !== value;
    }
  }

  #addChips(name, group, values, word) {
    for (const value of values) {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.className = name === "category" && value ? `chip chip--${value.toLowerCase().replaceAll(" ", "-")}` : "chip";
      const label = document.createElement("span");
      label.textContent = word(value);
      chip.append(label, " ", document.createElement("small"));
      chip.addEventListener("click", () => {
        // A second press takes the choice back.
        this.chosen[name] = this.chosen[name] === value ? "" : value;
        this.#changed();
      });
      group.append(chip);
      this.#chips.push({ chip, name, value });
    }
    this.#mark();
  }

  #mark() {
    for (const { chip, name, value } of this.#chips) chip.setAttribute("aria-pressed", String(this.chosen[name] === value));
  }

  #changed() {
    this.#mark();
    const query = new URLSearchParams();
    if (this.chosen.category) query.set("category", this.chosen.category);
    if (this.chosen.state) query.set("state", this.chosen.state);
    if (this.text) query.set("q", this.text);
    history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
    this.onChange();
  }
}
