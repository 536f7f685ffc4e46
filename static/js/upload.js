// Choosing files by drop, click or keyboard, and sending them, two at a time.

import { announce } from "./announcer.js";
import { ApiError, upload } from "./api.js";
import { listenForFiles } from "./drop-zone.js";
import { randomKey, visitId } from "./keys.js";
import { partsOf } from "./parts.js";
import { count, t } from "./texts.js";

const AT_ONCE = 2;
// The refusal is about the file: sending the same one again would be refused again.
const FINAL = new Set([400, 403, 409, 413, 415, 422]);

export class Uploader {
  #waiting = [];
  #sending = new Set(); // a promise for each upload that is on its way, kept when its job is on the page

  /** newCard: makes a card and puts it first in the list. onJob: called with (job id, card). */
  constructor({ form, page, newCard, onJob }) {
    Object.assign(this, { form, page, newCard, onJob });
    const { files, "mode-help": help } = partsOf(form);
    listenForFiles(files, (chosen) => this.take(chosen));
    const explain = () => (help.textContent = t(`mode.${form.elements.parse_mode.value}`));
    form.addEventListener("change", explain);
    form.addEventListener("submit", (event) => event.preventDefault());
    explain();
    window.addEventListener("beforeunload", (event) => {
      if (this.#sending.size || this.#waiting.length) event.preventDefault();
    });
  }

  /**
   * Wait until what is being sent at this moment has become a job on the page, or has failed. The WebSocket may tell of
   * a new job before the answer to its upload does; who shows it at once shows it twice.
   */
  settled() {
    return Promise.allSettled(this.#sending);
  }

  take(files) {
    const mode = this.form.elements.parse_mode.value;
    announce(count("upload.chosen", files.length));
    for (const file of files) this.#enqueue({ file, mode, key: randomKey(), card: null });
  }

  // --- sending --------------------------------------------------------------------------------------------------
  #enqueue(item) {
    item.abort = new AbortController();
    item.card = item.card ?? this.newCard({
      cancel: () => this.#abort(item),
      retry: () => this.#enqueue(item),
      dismiss: () => item.card.element.remove(),
    });
    const problem = this.#refuse(item.file);
    if (problem) return item.card.showUnsent(item.file.name, problem, false);
    item.card.showSending(item.file.name, 0);
    this.#waiting.push(item);
    this.#next();
  }

  // Only to spare a wait: the server decides.
  #refuse(file) {
    if (file.size === 0) return { message: t("file.empty"), code: "" };
    const size = Math.floor(this.page.maxBytes / 2 ** 20);
    return file.size > this.page.maxBytes ? { message: t("file.large", { size }), code: "" } : null;
  }

  #abort(item) {
    item.abort.abort();
    this.#waiting = this.#waiting.filter((other) => other !== item);
    item.card.element.remove();
  }

  #next() {
    if (this.#sending.size >= AT_ONCE || !this.#waiting.length) return;
    const sent = this.#send(this.#waiting.shift());
    this.#sending.add(sent);
    sent.finally(() => {
      this.#sending.delete(sent);
      this.#next();
    });
  }

  async #send(item) {
    try {
      const job = await upload(this.page.upload, this.#form(item), {
        key: item.key,
        signal: item.abort.signal,
        onProgress: (share) => item.card.showSending(item.file.name, share),
      });
      await this.onJob(job.job_id, item.card);
    } catch (error) {
      this.#failed(item, error);
    }
  }

  #failed(item, error) {
    if (error.code === "aborted") return;
    const known = error instanceof ApiError;
    item.card.showUnsent(item.file.name, known ? error : { message: String(error), code: "" }, !known || !FINAL.has(error.status));
    announce(t("say.failed", { name: item.file.name, message: error.message }));
  }

  #form({ file, mode }) {
    const form = new FormData();
    form.append("user_id", this.page.userId);
    form.append("session_id", visitId());
    form.append("parse_mode", mode);
    form.append("file", file);
    return form;
  }
}
