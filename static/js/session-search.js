// Searching a session while one types. Snippets come in parts, and each part becomes a text node: nothing a document
// says is ever read as HTML.

import { get } from "./api.js";
import { clone, partsOf, write } from "./parts.js";
import { count, t } from "./texts.js";

const PAUSE_MS = 250;

export class SessionSearch {
  #asked = 0;
  #timer = 0;

  /** form: with `q`. found, hits: where the results go. address: where to ask. open: called with a result. */
  constructor({ form, found, hits, address, open }) {
    Object.assign(this, { found, hits, address, open, field: form.elements.q });
    this.field.value = new URLSearchParams(location.search).get("q") ?? "";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask();
    });
    this.field.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.ask(), PAUSE_MS);
    });
  }

  /** Look for what is in the field; nothing in it takes the results away. */
  async ask() {
    clearTimeout(this.#timer);
    const words = this.field.value.trim();
    const asked = ++this.#asked;
    history.replaceState(null, "", words ? `?q=${encodeURIComponent(words)}` : location.pathname);
    if (!words) return this.#show([], "");
    try {
      const { results, found } = await get(`${this.address}?q=${encodeURIComponent(words)}`);
      // An answer that was overtaken by a later question is dropped.
      if (asked === this.#asked) this.#show(results, results.length ? count("search.found", found ?? results.length) : t("search.nothing", { words }));
    } catch (error) {
      if (asked === this.#asked) this.#show([], error.message);
    }
  }

  #show(results, sentence) {
    this.found.hidden = !sentence;
    write(this.found, sentence);
    this.hits.hidden = !results.length;
    this.hits.replaceChildren(...results.map((result) => this.#hit(result)));
  }

  #hit(result) {
    const element = clone("hit");
    const parts = partsOf(element);
    write(parts.name, result.document_name);
    write(parts.place, placeOf(result));
    parts.text.replaceChildren(...result.snippet.parts.map(({ text, hit }) => (hit ? marked(text) : text)));
    parts.open.addEventListener("click", () => this.open(result));
    return element;
  }
}

/** Where a chunk stands in its document, in words. */
export function placeOf({ page, position }) {
  const chunk = t("chunk.place", { n: position + 1 });
  return page ? `${t("evidence.page", { n: page })} · ${chunk}` : chunk;
}

function marked(text) {
  const element = document.createElement("mark");
  element.textContent = text;
  return element;
}
