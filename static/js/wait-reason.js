// Why nothing of a batch goes on: asked of the first document that waits, while none is worked on.

import { formatTime } from "./clock.js";
import { write } from "./parts.js";
import { t } from "./texts.js";
import { waitOf } from "./wait-words.js";

// Between two documents nobody is at work for a moment; that is no reason to say anything.
const PATIENCE_MS = 1500;

export class WaitReason {
  #id = null;
  #timer = 0;

  /** live: the connection. notice, text: where the reason is shown. */
  constructor(live, notice, text) {
    Object.assign(this, { live, notice, text });
    live.addEventListener("job", ({ detail: { job } }) => job.id === this.#id && this.#show(job));
    live.addEventListener("position", ({ detail }) => detail.id === this.#id && this.#show(detail));
  }

  /** first: the first waiting row, or null when something is worked on or nothing waits. */
  update(first) {
    if (first?.id === this.#id) return;
    clearTimeout(this.#timer);
    if (this.#id) this.live.unwatch(this.#id);
    this.#id = first?.id ?? null;
    if (!first) {
      this.notice.hidden = true;
      return;
    }
    this.#timer = setTimeout(() => this.live.watch(first.id, first.seq), PATIENCE_MS);
  }

  #show(job) {
    const { waiting_for: reason, waiting_until: until } = job;
    const sentence = waitOf(job);
    const plain = !reason || reason === "worker" || reason === "turn";
    this.notice.hidden = plain || !sentence;
    if (!this.notice.hidden) write(this.text, sentence + (until ? ` (${t("until", { time: formatTime(until) })})` : ""));
  }
}
