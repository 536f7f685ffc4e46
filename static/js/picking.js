// Which rows are selected: a box for each, one for all of them, and how many of them each button is for.

import { isFinished } from "./job.js";
import { partsOf, write } from "./parts.js";
import { count, number, t } from "./texts.js";

/** Which states each act is for. */
export const FITS = {
  cancel: (row) => !isFinished(row),
  retry: (row) => row.state === "failed" || row.state === "cancelled",
  delete: (row) => isFinished(row),
};

export class Picking {
  #last = null; // the box that was clicked last: Shift selects from there on

  /** bar: the element with the box for all and the buttons. rows: JobRows. onAct: called with (act, selected rows). */
  constructor({ bar, rows, onAct }) {
    Object.assign(this, { bar, rows, parts: partsOf(bar) });
    this.buttons = [...bar.querySelectorAll("[data-act-button]")];
    for (const button of this.buttons) {
      button.dataset.word = button.textContent;
      button.addEventListener("click", () => onAct(button.dataset.actButton, this.selected));
    }
    this.parts.all.addEventListener("change", () => this.#all(this.parts.all.checked));
    rows.list.addEventListener("click", (event) => event.target.matches("[data-part=pick]") && this.#clicked(event));
    this.refresh();
  }

  get selected() {
    return this.rows.rows.filter((row) => row.parts.pick.checked);
  }

  #all(checked) {
    for (const { parts } of this.rows.rows) if (!parts.pick.disabled) parts.pick.checked = checked;
    this.refresh();
  }

  #clicked({ target, shiftKey }) {
    const boxes = this.rows.rows.map(({ parts }) => parts.pick);
    const [from, to] = [boxes.indexOf(this.#last), boxes.indexOf(target)].sort((a, b) => a - b);
    if (shiftKey && from >= 0) {
      for (const box of boxes.slice(from, to + 1)) if (!box.disabled) box.checked = target.checked;
    }
    this.#last = target;
    this.refresh();
  }

  /** Show again what depends on the rows. */
  refresh() {
    const { selected, parts } = this;
    this.bar.hidden = this.rows.rows.length === 0;
    const possible = this.rows.rows.filter((row) => !row.parts.pick.disabled);
    for (const row of this.rows.rows) row.element.querySelector(".pick__box").hidden = false;
    parts.all.checked = selected.length > 0 && selected.length === possible.length;
    parts.all.indeterminate = selected.length > 0 && !parts.all.checked;
    parts.all.disabled = possible.length === 0;
    write(parts.count, selected.length ? count("pick.selected", selected.length) : t("pick.all"));
    for (const button of this.buttons) {
      const fitting = selected.filter(FITS[button.dataset.actButton]).length;
      const wasFocused = document.activeElement === button;
      button.disabled = fitting === 0;
      // A button that goes out under the reader's fingers must not throw them to the top of the page.
      if (wasFocused && button.disabled) parts.all.focus({ preventScroll: true });
      write(button, fitting ? `${button.dataset.word} (${number(fitting)})` : button.dataset.word);
    }
  }

  clear() {
    this.#all(false);
  }
}
