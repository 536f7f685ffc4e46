// One job on the page: what it is, how far it is, why it waits, how it ended, and what can be done about it.

import { formatDay, formatDuration, formatEta, formatTime, serverNow } from "./clock.js";
import { failureOf } from "./failure.js";
import { isFinished, isWaiting, nameOf } from "./job.js";
import { clone, partsOf, write } from "./parts.js";
import { has, language, t } from "./texts.js";
import { waitOf } from "./wait-words.js";

const percent = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });

export class JobCard {
  /** actions: {cancel, retry, delete, dismiss}, each called with the card. */
  constructor(actions = {}) {
    this.element = clone("job-card");
    this.parts = partsOf(this.element);
    this.job = null;
    this.stale = false;
    for (const name of ["cancel", "retry", "delete", "dismiss"]) {
      this.parts[name].addEventListener("click", () => this.#act(name, actions[name]));
    }
  }

  get name() {
    return this.job ? nameOf(this.job) : this.parts.name.textContent;
  }

  // --- before there is a job ------------------------------------------------------------------------------------
  /** Show a file on its way to the server. share: 0–1. */
  showSending(name, share) {
    this.#name(name);
    this.#state("sending");
    this.#bar("sending", share * 100, `${t("stage.sending")}, ${t("percent", { n: percent.format(share * 100) })}`);
    write(this.parts.stage, t("stage.sending"));
    write(this.parts.numbers, t("percent", { n: percent.format(share * 100) }));
    this.#error(null);
    this.#buttons({ cancel: true });
  }

  /** Show a file that did not become a job. error: {message, code}; retry: whether sending it again may help. */
  showUnsent(name, error, retry) {
    this.#name(name);
    this.#state("unsent", "failed");
    this.parts.live.hidden = true;
    this.#error(error);
    this.#buttons({ retry, dismiss: true });
  }

  // --- the job --------------------------------------------------------------------------------------------------
  show(job) {
    this.job = job;
    const finished = isFinished(job);
    this.#name(nameOf(job), job.page);
    write(this.parts.about, job.about ?? "");
    this.parts.about.hidden = !job.about;
    const stopping = job.cancel_requested && !finished;
    this.#state(stopping ? "stopping" : job.state, stopping ? "waiting" : job.state);
    this.parts.live.hidden = finished;
    if (!finished) this.#progress(job);
    this.#wait(job);
    this.#error(finished ? job.error : null);
    this.#times(job);
    // may: what may be done to somebody else's job; to one's own everything may.
    const may = (act) => !job.may || job.may.includes(act);
    this.#buttons({
      cancel: may("cancel") && !finished && !job.cancel_requested,
      retry: may("retry") && (job.state === "failed" || job.state === "cancelled"),
      delete: may("delete") && finished,
    });
  }

  /** Show again what depends on the clock, and whether the numbers are fresh. */
  tick(stale) {
    this.stale = stale;
    if (this.job && !isFinished(this.job)) this.#numbers(this.job);
  }

  #name(name, page) {
    write(this.parts.name, name);
    if (page) this.parts.name.href = page;
    this.parts.bar.setAttribute("aria-label", name);
  }

  #state(state, look = state) {
    write(this.parts.state, t(`state.${state}`));
    this.parts.state.className = `badge badge--${look}`;
    this.element.dataset.state = state;
  }

  #bar(state, value, words) {
    this.parts.live.hidden = false;
    this.parts.bar.dataset.state = state;
    this.parts.bar.setAttribute("aria-valuenow", String(Math.round(value)));
    this.parts.bar.setAttribute("aria-valuetext", words);
    this.parts.fill.style.width = `${value}%`;
  }

  #progress(job) {
    const stage = stageOf(job);
    write(this.parts.stage, stage);
    this.#bar(job.state, job.progress, `${stage}, ${t("percent", { n: percent.format(job.progress) })}`);
    this.#numbers(job);
    this.#steps(job);
  }

  #numbers(job) {
    const numbers = [];
    if (job.state === "processing") numbers.push(t("percent", { n: percent.format(job.progress) }));
    if (job.attempt > 1 && job.state === "processing") numbers.push(t("attempt", { n: job.attempt, max: job.max_attempts }));
    if (isWaiting(job) && hasPlainReason(job)) numbers.push(waitOf(job).replace(/\.$/, ""));
    // An ETA that may be old would count down to nothing.
    if (!this.stale && !job.cancel_requested) numbers.push(formatEta(job.eta));
    if (this.stale && job.seenAt) numbers.push(t("as_of", { time: formatTime(job.seenAt) }));
    write(this.parts.numbers, numbers.filter(Boolean).join(" · "));
  }

  #steps(job) {
    const stages = job.stages ?? [];
    this.parts.steps.hidden = stages.length === 0 || isWaiting(job);
    const reached = stages.indexOf(job.stage);
    if (this.parts.steps.childElementCount !== stages.length) {
      this.parts.steps.replaceChildren(...stages.map(() => document.createElement("li")));
    }
    stages.forEach((stage, index) => {
      const item = this.parts.steps.children[index];
      // A stage is named when it has been reached; the next one is what goes on now.
      item.dataset.step = index <= reached ? "done" : index === reached + 1 ? "now" : "next";
      if (index <= reached) item.setAttribute("aria-label", `${wordFor("step", stage)}, ${t("step.done")}`);
      else item.removeAttribute("aria-label");
      if (index === reached + 1) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
      write(item, wordFor("step", stage));
    });
  }

  #wait(job) {
    const shown = isWaiting(job) && Boolean(job.waiting_sentence) && !hasPlainReason(job);
    this.parts.wait.hidden = !shown;
    if (!shown) return;
    const until = job.waiting_until ? ` (${t("until", { time: formatTime(job.waiting_until) })})` : "";
    write(this.parts["wait-text"], waitOf(job) + until);
  }

  #error(error) {
    this.parts.error.hidden = !error;
    if (!error) return;
    write(this.parts["error-text"], failureOf(error));
    write(this.parts["error-code"], error.code || "");
    this.parts["error-code"].parentElement.hidden = !error.code;
  }

  #times(job) {
    const times = [t("times.sent", { time: formatTime(job.created_at) })];
    if (job.state === "succeeded" && job.started_at && job.finished_at) {
      times.push(t("times.took", { duration: formatDuration(Date.parse(job.finished_at) - Date.parse(job.started_at)) }));
    }
    if (isFinished(job) && job.expires_at && Date.parse(job.expires_at) > serverNow()) {
      times.push(t("times.kept", { date: formatDay(job.expires_at) }));
    }
    write(this.parts.times, times.join(" · "));
  }

  #buttons(shown) {
    for (const name of ["cancel", "retry", "delete", "dismiss"]) {
      const button = this.parts[name];
      const wasFocused = document.activeElement === button;
      button.hidden = !shown[name];
      // The button under the reader's fingers is gone: stay on its card instead of falling to the page's top.
      if (wasFocused && button.hidden) this.element.focus({ preventScroll: true });
    }
  }

  async #act(name, action) {
    const button = this.parts[name];
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    try {
      await action?.(this);
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }
}

// Others are before it: how a queue works, and no reason to raise an eyebrow.
function hasPlainReason(job) {
  return !job.waiting_for || ["worker", "turn", "resource"].includes(job.waiting_for);
}

/** What a job is doing, in words. */
export function stageOf(job) {
  if (job.cancel_requested) return t("stage.stopping");
  if (job.state === "queued" && job.position > 1) return t("position", { n: job.position });
  if (job.state === "queued" && job.position === 1) return t("position.next");
  if (isWaiting(job)) return t("waiting");
  return job.stage ? wordFor("stage", job.stage) : t("stage.starting");
}

/** What a stage is called. */
export const stageWord = (stage) => wordFor("stage", stage);

function wordFor(group, stage) {
  const key = `${group}.${stage}`;
  if (has(key)) return t(key);
  const words = stage.replaceAll("_", " ");
  return words.charAt(0).toLocaleUpperCase(language) + words.slice(1);
}
