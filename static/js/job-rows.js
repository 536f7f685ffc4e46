// Rows of jobs that the server rendered, kept up to date while one looks at them. They stay where they are.

import { announceStep } from "./announcer.js";
import { get } from "./api.js";
import { formatTime, setServerTime } from "./clock.js";
import { isStale } from "./connection-chip.js";
import { failureOf } from "./failure.js";
import { applyEvent, applyPosition, isFinished, newer } from "./job.js";
import { stageOf } from "./job-card.js";
import { partsOf, write } from "./parts.js";
import { t } from "./texts.js";

// A batch waits for its documents; while they are worked on, so is it.
const hasBegun = (job) => job.waiting_for === "children" && job.progress > 0;
// A job that has just started or is to be tried again has a new reason, which events do not carry.
const NEW_REASON = new Set(["started", "queued", "requeued", "retry_scheduled", "snoozed", "rescued", "released"]);
const ASK_AGAIN_MS = 800;

export class JobRows {
  #rows = new Map();
  #gone = new Set(); // rows that say that their job was deleted

  /** list: the element with the rows; live: the connection. onChange: called when a row has another state. */
  constructor({ list, live, onChange }) {
    Object.assign(this, { list, live, onChange });
    live.addEventListener("job", ({ detail }) => this.learn(detail.job));
    live.addEventListener("event", ({ detail }) => this.#step(detail.id, detail.event));
    live.addEventListener("position", ({ detail }) => this.#place(detail.id, detail));
    live.addEventListener("gone", ({ detail }) => this.markGone(detail.id));
    live.addEventListener("other", ({ detail }) => this.heard(detail.id, detail.event.seq));
    live.addEventListener("mode", () => this.#tick());
    this.readRows();
  }

  /** Take the rows that stand in the list now. */
  readRows() {
    const before = this.#rows;
    this.#rows = new Map();
    this.#gone.clear();
    for (const element of this.list.querySelectorAll("[data-job]")) this.#take(element);
    for (const id of before.keys()) if (!this.#rows.has(id)) this.live.unwatch(id);
    this.#tick();
  }

  #take(element) {
    const { job: id, state, seq, name } = element.dataset;
    const row = { id, element, name, state, seq: Number(seq), parts: partsOf(element), job: null, seenAt: null };
    this.#rows.set(id, row);
    if (row.state === "failed") {
      const { error } = row.parts;
      write(error, failureOf({ code: error.dataset.code, message: error.textContent }));
    }
    if (!isFinished(row)) this.live.watch(id, row.seq);
  }

  get rows() {
    return [...this.#rows.values()];
  }

  /** Whether a job has a row, be it that it was deleted. */
  has(id) {
    return this.#rows.has(id) || this.#gone.has(id);
  }

  /** The id of the oldest job that has a row; "" for none. */
  get lastId() {
    return [...this.#rows.keys(), ...this.#gone].sort()[0] ?? "";
  }

  // --- what is new ----------------------------------------------------------------------------------------------
  learn(job) {
    setServerTime(job.as_of);
    const row = this.#rows.get(job.id);
    if (!row) return;
    this.#show(row, newer(row.job, job));
    if (!isFinished(row.job) && !this.live.watches(job.id)) this.live.watch(job.id, row.job.seq);
  }

  /** Somebody says that a job has come to an event; a finished one that is not watched runs again, or is shown again. */
  heard(id, seq) {
    const row = this.#rows.get(id);
    if (!row || seq <= row.seq || this.live.watches(id)) return;
    this.look(id);
  }

  #step(id, event) {
    const row = this.#rows.get(id);
    if (!row?.job) return;
    const after = applyEvent(row.job, event);
    if (after === row.job) return;
    announceStep(row.name, row.job, after);
    this.#show(row, after);
    if (NEW_REASON.has(event.type)) setTimeout(() => this.look(id), ASK_AGAIN_MS);
  }

  #place(id, place) {
    const row = this.#rows.get(id);
    if (row?.job) this.#show(row, applyPosition(row.job, place));
  }

  /** Read how a job stands. */
  async look(id) {
    try {
      this.learn(await get(`/api/v1/jobs/${id}/`));
    } catch (error) {
      if (error.status === 404) this.markGone(id);
      // Anything else: the next event or position brings it.
    }
  }

  /** The job was deleted: its row says so until the list is read anew, so that nothing moves under the reader's hand. */
  markGone(id) {
    const row = this.#rows.get(id);
    if (!row) return;
    const { element, parts } = row;
    this.#rows.delete(id);
    this.#gone.add(id);
    this.live.unwatch(id);
    parts.live.hidden = true;
    parts.error.hidden = true;
    parts.pick.checked = false;
    parts.pick.disabled = true;
    parts.state.className = "badge";
    write(parts.state, t("state.deleted"));
    element.classList.add("pick--gone");
    this.onChange();
  }

  // --- how it looks ---------------------------------------------------------------------------------------------
  #show(row, job) {
    const { parts } = row;
    const changed = row.state !== job.state;
    Object.assign(row, { job, state: job.state, seq: job.seq, seenAt: new Date() });
    const state = hasBegun(job) ? "processing" : job.state;
    const stopping = job.cancel_requested && !isFinished(job);
    parts.live.hidden = isFinished(job);
    parts.bar.dataset.state = state;
    parts.bar.setAttribute("aria-valuenow", String(Math.round(job.progress)));
    parts.fill.style.width = `${job.progress}%`;
    this.#words(row);
    write(parts.state, t(`state.${stopping ? "stopping" : state}`));
    parts.state.className = `badge badge--${stopping ? "waiting" : state}`;
    parts.error.hidden = job.state !== "failed";
    if (job.state === "failed" && job.error) write(parts.error, failureOf(job.error));
    if (isFinished(job)) this.live.unwatch(job.id);
    if (changed) this.onChange();
  }

  #words(row) {
    const { job, parts } = row;
    const words = hasBegun(job) ? t("percent", { n: Math.floor(job.progress) }) : stageOf(job);
    const shown = isStale(this.live) ? `${words} · ${t("as_of", { time: formatTime(row.seenAt) })}` : words;
    write(parts.stage, shown);
    parts.bar.setAttribute("aria-valuetext", shown);
  }

  #tick() {
    for (const row of this.#rows.values()) if (row.job && !isFinished(row.job)) this.#words(row);
  }
}
