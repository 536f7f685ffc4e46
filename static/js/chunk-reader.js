// The chunks of one document, to read; opened at one of them when a search has found it.

import { get } from "./api.js";
import { clone, partsOf, write } from "./parts.js";
import { placeOf } from "./session-search.js";

const PAGE = 100;

export class ChunkReader {
  #dialog = document.querySelector("[data-reader]");
  #parts = partsOf(this.#dialog);
  #next = null; // the address of the next page
  #opened = 0;

  /** address: where a session's chunks are. */
  constructor(address) {
    this.address = address;
    this.#parts.close.addEventListener("click", () => this.#dialog.close());
    this.#parts.more.addEventListener("click", () => this.#load());
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
  }

  /** Show a document; at: the position of the chunk that was looked for, or null. */
  async open({ id, name, about = "", at = null }) {
    const opened = ++this.#opened;
    write(this.#parts.name, name);
    write(this.#parts.about, about);
    this.#parts.chunks.replaceChildren();
    this.#next = `${this.address}?document=${encodeURIComponent(id)}&limit=${PAGE}`;
    this.#dialog.showModal();
    do await this.#load();
    while (opened === this.#opened && this.#next && this.#parts.chunks.childElementCount <= at);
    if (opened !== this.#opened || at === null) return;
    const chunk = this.#parts.chunks.querySelector(`[data-position="${at}"]`);
    chunk?.classList.add("is-found");
    chunk?.scrollIntoView({ block: "center" });
  }

  async #load() {
    const opened = this.#opened;
    const address = this.#next;
    this.#next = null;
    try {
      const { results, next } = await get(address);
      if (opened !== this.#opened) return;
      this.#parts.problem.hidden = true;
      this.#next = next;
      this.#parts.chunks.append(...results.map(chunkOf));
    } catch (error) {
      if (opened !== this.#opened) return;
      this.#parts.problem.hidden = false;
      write(this.#parts.problem, error.message);
    }
    this.#parts.more.hidden = !this.#next;
  }
}

function chunkOf(chunk) {
  const element = clone("chunk");
  const parts = partsOf(element);
  element.dataset.position = chunk.position;
  write(parts.place, placeOf(chunk));
  write(parts.text, chunk.text);
  return element;
}
