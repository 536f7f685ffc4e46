// A short list that is read again now and then: what stands stays where it is, what is new waits for a click.

import { announce } from "./announcer.js";
import { get } from "./api.js";
import { clone, partsOf, write } from "./parts.js";
import { count } from "./texts.js";

// No answer of the API is longer.
const LONGEST_ANSWER = 200;

export class PagedList {
  #made = new Map(); // id -> {element, parts}
  #shown = []; // the ids of the rows that stand
  #held = 0; // rows that wait at the top
  #length;
  #asked = 0;

  /**
   * list, empty, more, fresh: the elements for the rows, for the word that there are none, and the buttons for older and
   * for new ones. problem: where an error is said. path: of the API's list. page: rows of one step. template: a row's.
   * resultsOf: called with an answer, returns its rows. idOf: called with a row. fill: called with (parts, row).
   */
  constructor(options) {
    Object.assign(this, { resultsOf: ({ results }) => results }, options);
    this.#length = this.page;
    this.more.addEventListener("click", () => {
      this.#length += this.page;
      this.read().catch(() => {}); // it has said so itself
    });
    this.fresh.addEventListener("click", () => this.#release());
  }

  /** Read the list and show it. all: the new ones as well. Throws an ApiError. */
  async read({ all = false } = {}) {
    const mine = ++this.#asked;
    try {
      const { rows, hasMore } = await this.#fetch(this.#length + this.#held);
      if (mine !== this.#asked) return;
      this.problem.hidden = true;
      const held = all ? 0 : Math.max(0, rows.findIndex((row) => this.#shown.includes(this.idOf(row))));
      // What is held must push nothing out at the end.
      if (held > this.#held && hasMore) {
        this.#held = held;
        return await this.read();
      }
      this.#held = held;
      this.#show(rows.slice(held), hasMore);
    } catch (error) {
      if (mine === this.#asked) {
        this.problem.hidden = false;
        write(partsOf(this.problem).text, error.message);
      }
      throw error;
    }
  }

  async #fetch(length) {
    const rows = [];
    let address = `${this.path}?limit=${Math.min(length, LONGEST_ANSWER)}`;
    while (address && rows.length < length) {
      const answer = await get(address);
      rows.push(...this.resultsOf(answer));
      address = answer.next;
    }
    return { rows, hasMore: Boolean(address) };
  }

  async #release() {
    const released = this.#held;
    this.#length += released;
    this.#held = 0;
    await this.read({ all: true }).catch(() => {});
    announce(count("list.new", released));
    this.list.querySelector("a")?.focus({ preventScroll: true });
  }

  #show(rows, hasMore) {
    const elements = rows.map((row) => this.#elementOf(row));
    const focused = document.activeElement;
    if (elements.some((element, index) => element !== this.list.children[index]) || elements.length !== this.list.childElementCount) {
      this.list.replaceChildren(...elements);
      // An element that is put where it was loses the focus.
      if (this.list.contains(focused)) focused.focus({ preventScroll: true });
    }
    this.#shown = rows.map(this.idOf);
    this.list.hidden = !rows.length;
    this.empty.hidden = rows.length > 0;
    this.more.hidden = !hasMore;
    this.fresh.hidden = this.#held === 0;
    write(this.fresh, count("list.new", this.#held));
  }

  #elementOf(row) {
    const id = this.idOf(row);
    if (!this.#made.has(id)) {
      const element = clone(this.template);
      this.#made.set(id, { element, parts: partsOf(element) });
    }
    const { element, parts } = this.#made.get(id);
    this.fill(parts, row);
    return element;
  }
}

/** The elements of a list, by the names that the templates give them. */
export function placesOf(root, list = "[data-rows]") {
  return {
    list: root.querySelector(list),
    empty: root.querySelector("[data-empty]"),
    more: root.querySelector("[data-more]"),
    fresh: root.querySelector("[data-fresh]"),
    problem: root.querySelector("[data-list-error]"),
  };
}
