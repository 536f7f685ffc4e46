// One's jobs that have not ended, a row each, kept up to date by the live connection. What ends while one looks stays.

import { announceStep } from "./announcer.js";
import { formatEta, setServerTime } from "./clock.js";
import { failureOf } from "./failure.js";
import { applyEvent, applyPosition, isFinished, isWaiting, nameOf, newer } from "./job.js";
import { stageOf } from "./job-card.js";
import { clone, partsOf, write } from "./parts.js";
import { count, t } from "./texts.js";
import { waitOf } from "./wait-words.js";

const ENDED_SHOWN = 4;
// Left out of so many readings, a job has ended and its last step was not heard.
const MISSED = 2;

export class OwnJobs {
  #rows = new Map(); // id -> {element, parts, job, missed}

  /** page: {jobPage, rooms: {kind: address with {id}, {session} or {conversation}}}. */
  constructor({ live, list, empty, more, page }) {
    Object.assign(this, { live, list, empty, more, page });
    live.addEventListener("job", ({ detail: { job } }) => this.#take(job));
    live.addEventListener("event", ({ detail: { id, event } }) => this.#step(id, event));
    live.addEventListener("position", ({ detail }) => this.#place(detail));
    live.addEventListener("gone", ({ detail: { id } }) => this.#remove(id));
  }

  /** jobs: descriptions, in the order in which they are shown; more: how many others have not ended. */
  show(jobs, more) {
    const ids = new Set(jobs.map(({ id }) => id));
    for (const job of jobs) {
      if (!this.#rows.has(job.id)) this.#add(job);
      else this.#take(job);
    }
    for (const [id, row] of this.#rows) {
      row.missed = ids.has(id) ? 0 : row.missed + 1;
      if (!isFinished(row.job) && row.missed >= MISSED) this.#remove(id);
    }
    const ended = [...this.#rows.keys()].filter((id) => !ids.has(id)).reverse();
    ended.slice(ENDED_SHOWN).forEach((id) => this.#remove(id));
    this.#lay([...ids, ...ended.slice(0, ENDED_SHOWN)]);
    this.more.hidden = more === 0;
    write(partsOf(this.more).text, count("home.more", more));
  }

  #lay(ids) {
    const elements = ids.map((id) => this.#rows.get(id).element);
    const there = [...this.list.children];
    if (elements.some((element, index) => element !== there[index])) {
      const focused = document.activeElement;
      this.list.replaceChildren(...elements);
      if (this.list.contains(focused)) focused.focus({ preventScroll: true });
    }
    this.#showEmpty();
  }

  #showEmpty() {
    this.list.hidden = this.#rows.size === 0;
    this.empty.hidden = this.#rows.size > 0;
  }

  #add(job) {
    const element = clone("own-row");
    const row = { element, parts: partsOf(element), job, missed: 0 };
    this.#rows.set(job.id, row);
    this.#fill(row);
    if (!isFinished(job)) this.live.watch(job.id, job.seq);
  }

  #take(sent) {
    setServerTime(sent.as_of);
    const row = this.#rows.get(sent.id);
    if (!row) return;
    const before = row.job;
    row.job = newer(before, sent);
    if (row.job === sent) announceStep(titleOf(sent), before, sent);
    this.#fill(row);
    if (!isFinished(row.job) && !this.live.watches(sent.id)) this.live.watch(sent.id, row.job.seq);
  }

  #step(id, event) {
    const row = this.#rows.get(id);
    if (!row) return;
    const before = row.job;
    row.job = applyEvent(before, event);
    if (row.job !== before) announceStep(titleOf(before), before, row.job);
    this.#fill(row);
  }

  #place(place) {
    const row = this.#rows.get(place.id);
    if (!row) return;
    row.job = applyPosition(row.job, place);
    this.#fill(row);
  }

  #fill({ parts, job }) {
    // A batch waits for its documents; while they are worked on, so is it.
    const begun = job.waiting_for === "children" && job.progress > 0;
    const state = begun ? "processing" : job.state;
    const name = titleOf(job);
    const percent = t("percent", { n: Math.floor(job.progress) });
    const stage = begun ? count("home.parts", job.children?.total ?? 0) : stageOf(job);
    parts.link.href = this.#pageOf(job);
    write(parts.name, name);
    write(parts.title, name === job.title ? "" : job.title);
    parts.live.hidden = isFinished(job);
    parts.bar.dataset.state = state;
    parts.bar.setAttribute("aria-label", name);
    parts.bar.setAttribute("aria-valuenow", String(Math.round(job.progress)));
    parts.bar.setAttribute("aria-valuetext", state === "processing" ? `${stage}, ${percent}` : stage);
    parts.fill.style.width = `${job.progress}%`;
    write(parts.stage, [stage, state === "processing" ? percent : ""].filter(Boolean).join(" · "));
    write(parts.why, whyOf(job, begun));
    write(parts.state, t(`state.${state}`));
    parts.state.className = `badge badge--${state}`;
    if (isFinished(job)) this.live.unwatch(job.id);
  }

  #pageOf(job) {
    const known = { id: job.id, session: job.session_id, conversation: job.metadata?.conversation };
    const room = this.page.rooms[job.kind];
    const needs = room?.match(/\{(\w+)\}/)?.[1];
    if (!needs || !known[needs]) return `${this.page.jobPage}${job.id}/`;
    return room.replace(`{${needs}}`, encodeURIComponent(known[needs]));
  }

  #remove(id) {
    const row = this.#rows.get(id);
    if (!row) return;
    const hadFocus = row.element.contains(document.activeElement);
    this.#rows.delete(id);
    this.live.unwatch(id);
    row.element.remove();
    if (hadFocus) document.getElementById("main").focus();
    this.#showEmpty();
  }
}

function titleOf(job) {
  if (job.children) return count("batch.files", job.children.total);
  return nameOf(job);
}

// How it ended, or why it waits and for how long.
function whyOf(job, begun) {
  if (isFinished(job)) return job.error ? failureOf(job.error) : "";
  if (begun) return "";
  if (isWaiting(job)) {
    const plain = !job.waiting_for || ["worker", "turn"].includes(job.waiting_for);
    return [plain ? "" : waitOf(job), formatEta(job.eta)].filter(Boolean).join(" ");
  }
  return formatEta(job.eta);
}
