// The rows of one batch, kept up to date: read over REST whenever the live connection begins anew, moved along by what
// `batch:<id>` tells in between.

import { announce } from "./announcer.js";
import { get } from "./api.js";
import { applyEvent, isEnded, newer, rowOf, totalsOf } from "./batch.js";
import { number, t } from "./texts.js";

const QUARTERS = [25, 50, 75, 100];
// What events do not carry (confidence, chunks) is read a moment after documents have ended.
const READ_AGAIN_MS = 1500;
// A thousand rows take the server a while: reading them again is at most this share of the time.
const READ_SHARE = 1 / 10;

/**
 * It dispatches, with everything in `detail`:
 *   rows    {status}   the list was read
 *   row     {row}      one row is new
 *   moved   {}         the batch itself has taken a step
 *   gone    {}         there is no such batch any more
 *   problem {error}    the list could not be read; null when it could again
 */
export class BatchFeed extends EventTarget {
  rows = new Map(); // id -> row, in the order in which they were sent
  status = null; // the last that the server said
  #seq = 0; // the batch's own latest event
  #early = new Map(); // id -> events of rows that have not been read yet
  #live;
  #readTimer = 0;
  #took = 0; // milliseconds that the last reading took
  #share = null; // the progress that was announced last

  /** live: the connection. id: the batch. address: where its status is. name: what announcements call it. */
  constructor({ live, id, address, name, lacking = () => false }) {
    super();
    Object.assign(this, { id, address, name, lacking });
    this.#live = live;
    this.topic = `batch:${id}`;
    live.addEventListener("told", ({ detail }) => detail.topic === this.topic && this.#told(detail));
    live.addEventListener("gone", ({ detail }) => detail.id === id && this.#tell("gone"));
  }

  /** Read the list, then follow. Throws an ApiError when there is no such batch. */
  async start() {
    await this.read().catch((error) => {
      if (error.status === 404) throw error;
    });
    this.#live.follow(this.topic, () => this.read());
  }

  stop() {
    clearTimeout(this.#readTimer);
    this.#live.unfollow(this.topic);
  }

  get totals() {
    return totalsOf(this.rows.values());
  }

  /** Read how things stand. Throws an ApiError, which is told as well. */
  async read() {
    const asked = performance.now();
    try {
      const status = await get(this.address);
      this.#took = performance.now() - asked;
      this.#take(status);
      this.#tell("problem", { error: null });
    } catch (error) {
      this.#tell("problem", { error });
      throw error;
    }
  }

  #take(status) {
    if (!this.status || (status.seq ?? this.#seq) >= this.#seq) {
      this.status = status;
      this.#seq = status.seq ?? this.#seq;
    }
    const rows = new Map();
    for (const document of status.documents) {
      const row = newer(this.rows.get(rowOf(document).id), rowOf(document));
      rows.set(row.id, (this.#early.get(row.id) ?? []).reduce(applyEvent, row));
    }
    this.rows = rows;
    this.#early.clear();
    this.#tell("rows", { status });
    this.#announce();
  }

  #told({ jobId, event }) {
    if (jobId === this.id) {
      if (event.seq > this.#seq) {
        this.#seq = event.seq;
        this.#tell("moved");
        this.#readSoon();
      }
      return;
    }
    const row = this.rows.get(jobId);
    if (!row) {
      this.#early.set(jobId, [...(this.#early.get(jobId) ?? []), event]);
      return;
    }
    const after = applyEvent(row, event);
    if (after === row) return;
    this.rows.set(jobId, after);
    this.#tell("row", { row: after });
    if (isEnded(after) && this.lacking(after)) this.#readSoon();
    this.#announceSoon();
  }

  #readSoon() {
    if (this.#readTimer) return;
    this.#readTimer = setTimeout(() => {
      this.#readTimer = 0;
      this.read().catch(() => {}); // told already; the next event or round of polling tries again
    }, Math.max(READ_AGAIN_MS, this.#took / READ_SHARE));
  }

  // Counting is for once a frame, not for each of a thousand events.
  #announceSoon() {
    if (this.counting) return;
    this.counting = true;
    requestAnimationFrame(() => {
      this.counting = false;
      this.#announce();
    });
  }

  #announce() {
    const { progress, completed, failed, cancelled, total } = this.totals;
    const before = this.#share;
    this.#share = progress;
    // Nothing has happened yet; what was so before one came is no news either.
    if (before === null || !total) return;
    const passed = QUARTERS.findLast((quarter) => before < quarter && progress >= quarter);
    if (!passed) return;
    if (passed < 100) announce(t("say.percent", { name: this.name, n: passed }));
    else announce(t("say.batch", { name: this.name, done: number(completed), failed: number(failed + cancelled), total: number(total) }));
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
