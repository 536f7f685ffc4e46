// The documents that a session holds: what each is, reading it, deleting it.

import { get, remove } from "./api.js";
import { ask } from "./ask.js";
import { formatTime } from "./clock.js";
import { languageName } from "./languages.js";
import { clone, partsOf, write } from "./parts.js";
import { count, t } from "./texts.js";

const PAGE = 100;

export class StoredDocuments {
  #elements = new Map(); // id -> {element, parts}
  #length = PAGE;

  /** list, none, more: the elements. address: where the documents are. open: called with one to read. */
  constructor({ list, none, more, address, open, onDeleted }) {
    Object.assign(this, { list, none, more, address, open, onDeleted });
    more.addEventListener("click", () => {
      this.#length += PAGE;
      this.read().catch(() => {}); // the next reading tries again
    });
  }

  /** Read the list and show it. Throws an ApiError. */
  async read() {
    const found = [];
    let next = `${this.address}?limit=${PAGE}`;
    while (next && found.length < this.#length) {
      const answer = await get(next);
      found.push(...answer.results);
      next = answer.next;
    }
    const focused = document.activeElement;
    this.list.replaceChildren(...found.map((stored) => this.#show(stored)));
    if (this.list.contains(focused)) focused.focus({ preventScroll: true });
    this.list.hidden = !found.length;
    this.none.hidden = found.length > 0;
    this.more.hidden = !next;
  }

  #show(stored) {
    let made = this.#elements.get(stored.id);
    if (!made) {
      const element = clone("stored-document");
      made = { element, parts: partsOf(element) };
      made.parts.read.addEventListener("click", () => this.open({ id: stored.id, name: stored.name, about: aboutOf(stored) }));
      made.parts.delete.addEventListener("click", () => this.#delete(stored, made));
      for (const name of ["read", "delete"]) made.parts[name].setAttribute("aria-label", `${made.parts[name].textContent}: ${stored.name}`);
      this.#elements.set(stored.id, made);
    }
    write(made.parts.name, stored.name);
    write(made.parts.about, aboutOf(stored));
    return made.element;
  }

  async #delete(stored, { element, parts }) {
    const question = { title: t("delete.title", { name: stored.name }), text: t("delete.document"), yes: t("delete.yes") };
    if (!(await ask(question))) return;
    try {
      await remove(`${this.address}/${stored.id}`);
    } catch (error) {
      if (error.status !== 404) {
        parts.problem.hidden = false;
        return write(parts.problem, error.message);
      }
    }
    const neighbour = element.nextElementSibling ?? element.previousElementSibling;
    element.remove();
    this.#elements.delete(stored.id);
    (neighbour ?? document.getElementById("main")).focus();
    this.onDeleted();
  }
}

function aboutOf({ pages, chunks, language, stored_at: at }) {
  const known = [pages ? count("pages", pages) : "", count("chunks", chunks), languageName(language), t("stored.at", { time: formatTime(at) })];
  return known.filter(Boolean).join(" · ");
}
