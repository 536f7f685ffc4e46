// The fall-back: asks the API for what came after each cursor, and for what is followed, while the WebSocket cannot be had.

import { get } from "./api.js";
import { backoff } from "./backoff.js";

const EVERY_MS = 2000;
const AT_ONCE = 4;
// After a failure it waits longer than between two rounds that went well.
const FAILED_ONCE = 3;

export class Poller {
  #timer = 0;
  #run = null; // a new object each time it is started: a round of an earlier run that is still out says nothing
  #failures = 0;

  /** live: the connection it stands in for; see live.js for what it calls. */
  constructor(live, cursors) {
    this.live = live;
    this.cursors = cursors;
  }

  get running() {
    return this.#run !== null;
  }

  start() {
    if (this.#run) return;
    this.#run = {};
    this.#failures = 0;
    this.#round(this.#run);
  }

  stop() {
    this.#run = null;
    clearTimeout(this.#timer);
  }

  async #round(run) {
    const waiting = this.cursors.ids;
    let error = null;
    const work = async () => {
      for (let id = waiting.shift(); id !== undefined && run === this.#run && !error; id = waiting.shift()) {
        try {
          await this.#poll(id);
        } catch (problem) {
          if (problem.status === 404) this.live.gone(id);
          else error = problem;
        }
      }
    };
    await Promise.all([this.live.readFollowed().catch((problem) => (error = problem)), ...Array.from({ length: AT_ONCE }, work)]);
    if (run !== this.#run) return;
    this.#failures = error ? this.#failures + 1 : 0;
    if (error) this.live.pollFailed(error);
    else if (this.cursors.size || this.live.follows) this.live.polled();
    const wait = error ? backoff(this.#failures + FAILED_ONCE) : EVERY_MS * (0.8 + Math.random() * 0.4);
    this.#timer = setTimeout(() => this.#round(run), wait);
  }

  async #poll(id) {
    const path = `/api/v1/jobs/${id}/`;
    const { events } = await get(`${path}events/?after=${this.cursors.after(id)}`);
    for (const event of events) this.live.receiveEvent(id, event);
    // Positions and reasons are not events; only the job itself knows them.
    if (this.cursors.has(id)) this.live.receiveJob(await get(path));
  }
}
