// "7 new": rows that have come meanwhile are counted and wait for a click, instead of pushing others away.

import { get } from "./api.js";
import { count } from "./texts.js";

const TOGETHER_MS = 400;
const AT_MOST_EVERY_MS = 2000;
const ASK_EVERY_MS = 5000;
// Steps that leave the job in the lists where it was.
const CHANGES_NO_LIST = new Set(["progress", "metadata", "resource_held_long", "superseded"]);

export class Newcomers {
  #timer = 0;
  #askedAt = 0;
  #new = [];

  /**
   * button: shown while there are any. path: answers which jobs the list begins with now. rows: JobRows.
   * live: the connection. asks: whether to ask by time as well. onLoad: async, called by a click with the new ids.
   */
  constructor({ button, path, rows, live, asks, onLoad }) {
    Object.assign(this, { button, path, rows, live });
    button.addEventListener("click", async () => {
      button.setAttribute("aria-disabled", "true");
      await onLoad(this.#new);
      button.removeAttribute("aria-disabled");
      this.#show([]);
    });
    // A step of any of one's jobs may bring it into this list, or be the first of a new one.
    const step = ({ detail }) => CHANGES_NO_LIST.has(detail.event.type) || this.#soon();
    live.addEventListener("other", step);
    live.addEventListener("event", step);
    live.addEventListener("resumed", () => this.#soon());
    if (asks) setInterval(() => this.#soon(), ASK_EVERY_MS);
    live.addEventListener("mode", ({ detail: { mode } }) => mode === "polling" && this.#soon());
  }

  #soon() {
    if (this.live.mode === "paused") return;
    const wait = Math.max(TOGETHER_MS, this.#askedAt + AT_MOST_EVERY_MS - Date.now());
    this.#timer ||= setTimeout(() => this.#ask(), wait);
  }

  async #ask() {
    this.#askedAt = Date.now();
    try {
      const { jobs, more } = await get(this.path);
      for (const { id, seq } of jobs) this.rows.heard(id, seq);
      // Of a full page only what stands before our last row is new: rows that were deleted let older ones move up.
      const last = this.rows.lastId;
      this.#show(jobs.map(({ id }) => id).filter((id) => !this.rows.has(id) && (!more || id > last)));
    } catch {
      // The next step, or the next round, asks again.
    } finally {
      this.#timer = 0;
    }
  }

  #show(ids) {
    this.#new = ids;
    this.button.hidden = !ids.length;
    if (ids.length) this.button.textContent = count("list.new", ids.length);
  }
}
