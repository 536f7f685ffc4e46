// The fall-back: asks the API for what came after each cursor, and for what is followed, while the WebSocket cannot be had.

import { get } from "./api.js";

const EVERY_MS = 2000;
const AT_ONCE = 4;

export class Poller {
  #timer = 0;
  #running = false;

  /** live: the connection it stands in for; see live.js for what it calls. */
  constructor(live, cursors) {
    this.live = live;
    this.cursors = cursors;
  }

  get running() {
    return this.#running;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#round();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  async #round() {
    const waiting = this.cursors.ids;
    let error = null;
    const work = async () => {
      for (let id = waiting.shift(); id !== undefined && this.#running && !error; id = waiting.shift()) {
        try {
          await this.#poll(id);
        } catch (problem) {
          if (problem.status === 404) this.live.gone(id);
          else error = problem;
        }
      }
    };
    await Promise.all([this.live.readFollowed().catch((problem) => (error = problem)), ...Array.from({ length: AT_ONCE }, work)]);
    if (!this.#running) return;
    if (error) this.live.pollFailed(error);
    else if (this.cursors.size || this.live.follows) this.live.polled();
    this.#timer = setTimeout(() => this.#round(), EVERY_MS * (0.8 + Math.random() * 0.4));
  }

  async #poll(id) {
    const path = `/api/v1/jobs/${id}/`;
    const { events } = await get(`${path}events/?after=${this.cursors.after(id)}`);
    for (const event of events) this.live.receiveEvent(id, event);
    // Positions and reasons are not events; only the job itself knows them.
    if (this.cursors.has(id)) this.live.receiveJob(await get(path));
  }
}
