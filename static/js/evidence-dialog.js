// The evidence of one document over the list. The address says which, so that it can be kept, sent and gone back from.

import { get } from "./api.js";
import { stateWord } from "./document-row.js";
import { failureOf } from "./failure.js";
import { evidenceView } from "./evidence-view.js";
import { clone, partsOf, write } from "./parts.js";
import { number, t } from "./texts.js";

export class EvidenceDialog {
  #dialog = document.querySelector("[data-evidence]");
  #parts = partsOf(this.#dialog);
  #id = null;
  #shown = ""; // id and event number of what is laid out

  /** find: returns the row of an id. ids: returns those that the list shows, for going on. path: where documents are. */
  constructor({ find, ids, path }) {
    Object.assign(this, { find, ids, path });
    const dialog = this.#dialog;
    this.#parts.close.addEventListener("click", () => dialog.close());
    this.#parts.before.addEventListener("click", () => this.#go(-1));
    this.#parts.after.addEventListener("click", () => this.#go(1));
    dialog.addEventListener("keydown", ({ key, target }) => {
      if (target.closest("pre, .segments")) return;
      if (key === "ArrowLeft") this.#go(-1);
      if (key === "ArrowRight") this.#go(1);
    });
    // A click beside it: the dialog itself is hit, and nothing in it.
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
    dialog.addEventListener("close", () => this.#closed());
    window.addEventListener("hashchange", () => this.follow());
  }

  /** Show the document that the address names, or none. */
  follow() {
    const id = location.hash.slice(1);
    if (id && this.find(id)) this.#open(id);
    else if (this.#dialog.open) this.#dialog.close();
  }

  /** A row has changed: what is laid out of it may be old. */
  touch(id) {
    if (id === this.#id) this.#show();
  }

  #open(id) {
    this.#id = id;
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#show();
    this.#parts.body.scrollTop = 0;
  }

  #closed() {
    const row = document.querySelector(`[href="#${CSS.escape(this.#id ?? "")}"]`);
    this.#id = null;
    this.#shown = "";
    if (location.hash) history.replaceState(null, "", location.pathname + location.search);
    row?.focus({ preventScroll: true });
  }

  #go(step) {
    const ids = this.ids();
    const next = ids[ids.indexOf(this.#id) + step];
    if (next) location.replace(`#${next}`);
  }

  async #show() {
    const row = this.find(this.#id);
    if (!row) return;
    const ids = this.ids();
    const at = ids.indexOf(row.id);
    write(this.#parts.name, row.name || t("document.unnamed"));
    write(this.#parts.place, at < 0 ? "" : t("evidence.place", { n: number(at + 1), total: number(ids.length) }));
    this.#parts.before.disabled = at <= 0;
    this.#parts.after.disabled = at < 0 || at === ids.length - 1;
    const version = `${row.id} ${row.seq}`;
    if (this.#shown === version) return;
    this.#shown = version;
    if (row.state !== "completed") return this.#say(row);
    try {
      const document = await get(`${this.path}${row.id}`);
      if (this.#shown !== version) return;
      if (document.classification) this.#parts.body.replaceChildren(evidenceView(document));
    } catch (error) {
      if (this.#shown === version) this.#parts.body.replaceChildren(notice("notice--bad", error.message, error.code));
      this.#shown = "";
    }
  }

  #say(row) {
    const failed = row.state === "failed";
    const words = failed ? failureOf(row) || stateWord(row.state) : t(`evidence.${row.state}`);
    this.#parts.body.replaceChildren(notice(failed ? "notice--bad" : "notice--wait", words, failed ? row.code : ""));
  }
}

function notice(look, text, code) {
  const element = clone("evidence-problem");
  const parts = partsOf(element);
  parts.notice.classList.add(look);
  parts.text.textContent = text;
  parts.code.textContent = code ?? "";
  parts.coded.hidden = !code;
  return element;
}
