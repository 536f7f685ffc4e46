// A long list: elements are made for the rows that are shown only, a page at a time, and written once a frame however
// often their rows have changed in between.

import { clone, partsOf } from "./parts.js";

const PAGE = 200;

export class RowList {
  #elements = new Map(); // id -> {element, parts}
  #ids = [];
  #pages = 1;
  #changed = new Set();
  #frame = 0;

  /**
   * list: the element that holds the rows. template: the id of a row's <template>. more: the button for the next page.
   * fill: called with (row id, parts, element) to write a row.
   */
  constructor({ list, template, more, fill }) {
    Object.assign(this, { list, template, more, fill });
    more.addEventListener("click", () => {
      const next = this.#ids[this.#shown];
      this.#pages += 1;
      this.#lay();
      this.#elements.get(next)?.element.querySelector("a, button")?.focus();
    });
  }

  get ids() {
    return this.#ids;
  }

  get #shown() {
    return this.#pages * PAGE;
  }

  /** Show these rows in this order. */
  show(ids) {
    if (ids.length === this.#ids.length && ids.every((id, index) => id === this.#ids[index])) return;
    this.#ids = ids;
    this.#lay();
  }

  /** Begin at the first page again, after a new choice of rows. */
  rewind() {
    this.#pages = 1;
  }

  /** A row has changed: write it with the next frame. */
  touch(id) {
    this.#changed.add(id);
    this.#frame ||= requestAnimationFrame(() => this.#write());
  }

  touchAll() {
    for (const id of this.#elements.keys()) this.touch(id);
  }

  #write() {
    this.#frame = 0;
    for (const id of this.#changed) {
      const made = this.#elements.get(id);
      if (made) this.fill(id, made.parts, made.element);
    }
    this.#changed.clear();
  }

  #lay() {
    const shown = this.#ids.slice(0, this.#shown);
    const elements = shown.map((id) => this.#elementOf(id));
    const there = [...this.list.children];
    const focused = document.activeElement;
    // One page more is laid out by itself; what stands stays.
    if (there.every((element, index) => element === elements[index])) this.list.append(...elements.slice(there.length));
    else this.list.replaceChildren(...elements);
    // An element that is put where it was loses the focus.
    if (this.list.contains(focused)) focused.focus({ preventScroll: true });
    this.more.hidden = shown.length === this.#ids.length;
  }

  #elementOf(id) {
    let made = this.#elements.get(id);
    if (!made) {
      const element = clone(this.template);
      made = { element, parts: partsOf(element) };
      this.#elements.set(id, made);
      this.fill(id, made.parts, made.element);
    }
    return made.element;
  }
}
