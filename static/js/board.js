// The jobs that a page shows: one card each, kept up to date by the live connection.

import { announceStep } from "./announcer.js";
import { get, post, remove } from "./api.js";
import { ask } from "./ask.js";
import { setServerTime } from "./clock.js";
import { applyEvent, applyPosition, isFinished, newer } from "./job.js";
import { JobCard } from "./job-card.js";
import { t } from "./texts.js";

// A job that has just started or is to be tried again has a new reason or ETA, which events do not carry.
const ASK_AGAIN_MS = 800;

export class Board {
  #cards = new Map();

  /**
   * live: the connection. list: the element that holds the cards. onEvent: called with (job, event).
   * decorate: called with (job), returns what the page adds to it: {page, about}. onShown: called with (card).
   * shownUpTo: called with (job), the number of the last event the page has shown: its state is enough by default.
   */
  constructor(options) {
    const nothing = () => {};
    const defaults = { decorate: () => ({}), shownUpTo: (job) => job.seq, onShown: nothing, onGone: nothing, onEvent: nothing };
    Object.assign(this, defaults, options);
    const { live } = this;
    live.addEventListener("job", ({ detail }) => this.#cards.has(detail.job.id) && this.#learn(detail.job));
    live.addEventListener("event", ({ detail }) => this.#step(detail.id, detail.event));
    live.addEventListener("position", ({ detail }) => this.#place(detail.id, detail));
    live.addEventListener("gone", ({ detail }) => this.#gone(detail.id));
    live.addEventListener("mode", () => this.#tick());
    setInterval(() => this.#tick(), 1000);
  }

  has(id) {
    return this.#cards.has(id);
  }

  jobOf(id) {
    return this.#cards.get(id)?.job ?? null;
  }

  newCard() {
    return new JobCard({
      cancel: (card) => this.#change(card, () => post(card.job.links?.cancel ?? `/api/v1/jobs/${card.job.id}/cancel/`)),
      retry: (card) => this.#change(card, () => post(card.job.links?.retry ?? `/api/v1/jobs/${card.job.id}/retry/`)),
      delete: (card) => this.#delete(card),
    });
  }

  /** Show a job; cards are in the order of their ids, newest first. card: one that stands on the page already. */
  add(job, card = null) {
    const known = this.#cards.get(job.id);
    if (known) {
      // The WebSocket was quicker than the answer to the upload: one card is enough.
      if (card && card !== known) card.element.remove();
      return this.#learn(job);
    }
    card = card ?? this.newCard();
    this.#cards.set(job.id, card);
    card.element.dataset.job = job.id;
    if (!card.element.isConnected) this.#insert(card.element, job.id);
    this.#learn(job);
  }

  #insert(element, id) {
    const after = [...this.list.children].find((other) => other.dataset.job && other.dataset.job < id);
    this.list.insertBefore(element, after ?? null);
  }

  // --- what is new ----------------------------------------------------------------------------------------------
  #learn(sent) {
    setServerTime(sent.as_of);
    const card = this.#cards.get(sent.id);
    const known = card.job;
    const job = newer(known, sent);
    if (known && job === sent) announceStep(card.name, known, job);
    this.#show(card, job);
    const behind = this.shownUpTo(job) < job.seq;
    if ((!isFinished(job) || behind) && !this.live.watches(job.id)) this.live.watch(job.id, this.shownUpTo(job));
  }

  #step(id, event) {
    const card = this.#cards.get(id);
    if (!card) return;
    const before = card.job;
    const job = applyEvent(before, event);
    if (job !== before) announceStep(card.name, before, job);
    this.onEvent(job, event);
    this.#show(card, job);
    if (["started", "queued", "retry_scheduled", "snoozed", "rescued", "released"].includes(event.type)) this.#askAgain(id);
  }

  #place(id, place) {
    const card = this.#cards.get(id);
    if (card) this.#show(card, applyPosition(card.job, place));
  }

  #show(card, job) {
    card.show({ ...job, ...this.decorate(job), seenAt: new Date() });
    card.tick(this.#stale);
    // A snapshot may know the end before the events that led there have come.
    if (isFinished(job) && this.live.seen(job.id) >= job.seq) this.live.unwatch(job.id);
    this.onShown(card);
  }

  #askAgain(id) {
    setTimeout(async () => {
      const card = this.#cards.get(id);
      if (!card || isFinished(card.job)) return;
      try {
        this.#learn(await get(`/api/v1/jobs/${id}/`));
      } catch {
        // The next event or position brings it.
      }
    }, ASK_AGAIN_MS);
  }

  get #stale() {
    return this.live.mode !== "live" && this.live.mode !== "polling";
  }

  #tick() {
    for (const card of this.#cards.values()) card.tick(this.#stale);
  }

  // --- what people do -------------------------------------------------------------------------------------------
  async #change(card, request) {
    const id = card.job.id;
    card.parts.error.hidden = true;
    try {
      await request();
      this.#learn(await get(`/api/v1/jobs/${id}/`));
    } catch (error) {
      if (error.status === 404) return this.#gone(id);
      if (error.status === 409) await this.#refresh(id);
      this.#refuse(card, error);
    }
  }

  async #refresh(id) {
    try {
      this.#learn(await get(`/api/v1/jobs/${id}/`));
    } catch {
      // The sentence that follows says that nothing was done.
    }
  }

  #refuse(card, error) {
    card.parts.error.hidden = false;
    card.parts["error-text"].textContent = error.message;
    card.parts["error-code"].textContent = error.code;
    card.parts["error-code"].parentElement.hidden = !error.code;
  }

  async #delete(card) {
    const question = { title: t("delete.title", { name: card.name }), text: t("delete.text"), yes: t("delete.yes") };
    if (!(await ask(question))) return;
    try {
      await remove(card.job.links?.self ?? `/api/v1/jobs/${card.job.id}/`);
      this.#gone(card.job.id);
    } catch (error) {
      if (error.status === 404) this.#gone(card.job.id);
      else this.#refuse(card, error);
    }
  }

  #gone(id) {
    const card = this.#cards.get(id);
    if (!card) return;
    const neighbour = card.element.nextElementSibling ?? card.element.previousElementSibling;
    const hadFocus = card.element.contains(document.activeElement);
    this.#cards.delete(id);
    this.live.unwatch(id);
    card.element.remove();
    if (hadFocus) (neighbour ?? document.getElementById("main")).focus();
    this.onGone(id);
  }
}
