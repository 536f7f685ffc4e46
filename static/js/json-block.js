// A job's input, result or notes: fetched and laid out when opened, to copy and to save.

import { copyText } from "./clipboard.js";
import { jsonTree } from "./json-tree.js";
import { download } from "./json-view.js";
import { partsOf, write } from "./parts.js";
import { t } from "./texts.js";

export class JsonBlock {
  #text = null; // what is laid out
  #wanted = 0;

  /** element: the <details>. read: async, returns the value. fileName: what it is called when saved. */
  constructor(element, read, fileName) {
    Object.assign(this, { element, read, parts: partsOf(element) });
    element.addEventListener("toggle", () => element.open && this.refresh());
    this.parts.copy.addEventListener("click", () => copyText(this.#text ?? "", this.parts["copy-text"]));
    this.parts.download.addEventListener("click", () => download(this.#text ?? "null", fileName));
  }

  /** Read it anew, if anybody looks; what is the same stays as it is, opened as the reader left it. */
  async refresh() {
    if (!this.element.open) return;
    const wanted = ++this.#wanted;
    try {
      const value = await this.read();
      if (wanted === this.#wanted) this.#show(value);
    } catch (error) {
      if (wanted === this.#wanted) this.#say(error.message);
    }
  }

  #show(value) {
    const empty = value === null || value === undefined || (typeof value === "object" && !Object.keys(value).length);
    if (empty) return this.#say(t("json.empty"));
    const text = JSON.stringify(value, null, 2);
    if (text === this.#text) return;
    this.#text = text;
    this.parts.tools.hidden = false;
    this.parts.note.hidden = true;
    this.parts.tree.replaceChildren(jsonTree(value));
  }

  #say(words) {
    this.#text = null;
    this.parts.tools.hidden = true;
    this.parts.tree.replaceChildren();
    this.parts.note.hidden = false;
    write(this.parts.note, words);
  }
}
