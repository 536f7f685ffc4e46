// Many files as one batch: one request, with progress; a retry after a lost connection never makes a second batch.

import { announce } from "./announcer.js";
import { upload } from "./api.js";
import { listenForFiles } from "./drop-zone.js";
import { randomKey } from "./keys.js";
import { partsOf, write } from "./parts.js";
import { count, language, t } from "./texts.js";

const NAMED_AT_MOST = 5;
// The refusal is about what was sent: the same again would be refused again.
const FINAL = new Set([400, 403, 404, 409, 413, 415, 422]);

const percent = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const megabytes = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });

export class BatchUpload {
  #waiting = []; // batches: {files, bytes, fields, key}
  #now = null;
  #sent = [];

  /**
   * form: with the parts of parts/batch-drop.html. limits: {maxFiles, maxBatchBytes, maxBytes}. path: where to send to.
   * fields: returns what goes with the files, {name: value}, or null when that is not complete yet.
   * onSent: called with the answers when all is sent.
   */
  constructor({ form, path, limits, fields = () => ({}), onSent }) {
    Object.assign(this, { path, limits, fields, onSent });
    this.parts = partsOf(form);
    listenForFiles(this.parts.files, (files) => this.take(files));
    form.addEventListener("submit", (event) => event.preventDefault());
    this.parts.stop.addEventListener("click", () => this.#now?.abort.abort());
    this.parts.again.addEventListener("click", () => this.#send());
    this.parts.discard.addEventListener("click", () => this.#discard());
    window.addEventListener("beforeunload", (event) => {
      if (this.#now?.abort) event.preventDefault();
    });
  }

  /** Send these files; more than one batch can hold become several, one after the other. */
  take(files) {
    const fields = this.fields();
    if (!fields) return;
    const fitting = files.filter((file) => file.size <= this.limits.maxBytes);
    this.#tellLeftOut(files.filter((file) => file.size > this.limits.maxBytes));
    if (!fitting.length) return;
    announce(count("upload.chosen", fitting.length));
    this.#waiting.push(...split(fitting, this.limits).map((batch) => ({ ...batch, fields, key: randomKey() })));
    if (!this.#now) this.#next();
  }

  #tellLeftOut(files) {
    const { "left-out": notice, "left-out-text": text } = this.parts;
    notice.hidden = !files.length;
    if (!files.length) return;
    const names = files.slice(0, NAMED_AT_MOST).map((file) => file.name);
    if (files.length > NAMED_AT_MOST) names.push("…");
    const size = Math.floor(this.limits.maxBytes / 2 ** 20);
    write(text, `${count("upload.left_out", files.length).replace("{size}", size)} ${names.join(", ")}`);
    announce(text.textContent);
  }

  // --- sending --------------------------------------------------------------------------------------------------
  #next() {
    this.#now = this.#waiting.shift() ?? null;
    if (this.#now) this.#send();
    else {
      this.parts.sending.hidden = true;
      const sent = this.#sent;
      this.#sent = [];
      if (sent.length) this.onSent(sent);
    }
  }

  async #send() {
    const batch = this.#now;
    batch.abort = new AbortController();
    this.#show(batch, 0);
    try {
      const answer = await upload(this.path, formOf(batch), {
        key: batch.key,
        signal: batch.abort.signal,
        onProgress: (share) => this.#show(batch, share),
      });
      this.#sent.push(answer);
      batch.abort = null;
      this.#next();
    } catch (error) {
      batch.abort = null;
      if (error.code === "aborted") this.#discard();
      else this.#failed(error);
    }
  }

  #discard() {
    this.#now = null;
    this.#next();
  }

  #show(batch, share) {
    const { sending, bar, fill, "sending-text": text, "sending-numbers": numbers } = this.parts;
    sending.hidden = false;
    this.#buttons({ stop: true });
    this.parts.problem.hidden = true;
    // All bytes are out: the server still has to write them down.
    const words = share < 1 ? count("upload.sending", batch.files.length) : count("upload.storing", batch.files.length);
    const shown = t("percent", { n: percent.format(share * 100) });
    write(text, words);
    write(numbers, `${shown} · ${t("upload.bytes", { n: megabytes.format((share * batch.bytes) / 2 ** 20), total: megabytes.format(batch.bytes / 2 ** 20) })}`);
    bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    bar.setAttribute("aria-valuetext", `${words}, ${shown}`);
    fill.style.width = `${share * 100}%`;
  }

  #failed(error) {
    const lost = error.status === 0;
    const message = lost ? t("upload.lost_many") : error.message;
    this.parts.problem.hidden = false;
    write(this.parts["problem-text"], message);
    write(this.parts["problem-code"], error.code);
    this.parts["problem-code"].parentElement.hidden = !error.code;
    this.#buttons({ again: !FINAL.has(error.status), discard: true });
    announce(message);
  }

  #buttons(shown) {
    for (const name of ["stop", "again", "discard"]) {
      const button = this.parts[name];
      const wasFocused = document.activeElement === button;
      button.hidden = !shown[name];
      if (wasFocused && button.hidden) this.parts.sending.focus({ preventScroll: true });
    }
  }
}

/** Return the files as batches that one request can hold: [{files, bytes}]. */
function split(files, { maxFiles, maxBatchBytes }) {
  const batches = [];
  let last = null;
  for (const file of files) {
    if (!last || last.files.length >= maxFiles || last.bytes + file.size > maxBatchBytes) {
      last = { files: [], bytes: 0 };
      batches.push(last);
    }
    last.files.push(file);
    last.bytes += file.size;
  }
  return batches;
}

function formOf({ files, fields }) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const file of files) form.append("files", file, file.name);
  return form;
}
