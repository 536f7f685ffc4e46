// The story as a line that branches: one node for each step, a detour beside the straight way, and where it stands now.

import { formatDuration, formatMoment } from "./clock.js";
import { failureOf } from "./failure.js";
import { clone, partsOf, write } from "./parts.js";
import { isNote } from "./story.js";
import { count, has, language, t } from "./texts.js";

const percent = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const icons = document.querySelector("[data-story]").dataset.icons;

// A longer story shows its beginning and its end; the middle opens.
const LONGEST = 30;
const BEGINNING = 4;
const END = 16;

export class StoryView {
  #elements = new Map(); // seq -> {element, parts}
  #whole = false;
  #fold = clone("story-fold");
  #now = clone("story-step");
  #told = null; // the job as far as the steps have told of it: an answer may be quicker than its events

  /** list: the element that holds the steps. */
  constructor(list) {
    this.list = list;
    this.#now.dataset.type = "now";
    partsOf(this.#fold).show.addEventListener("click", () => this.#open());
  }

  /** Show the story of `job` as it is now. */
  show(story, job) {
    const { steps } = story;
    this.story = story;
    this.job = job;
    const folds = !this.#whole && steps.length > LONGEST;
    const shown = folds ? [...steps.slice(0, BEGINNING), ...steps.slice(-END)] : steps;
    const elements = shown.map((step) => this.#elementOf(step, steps));
    if (folds) {
      write(partsOf(this.#fold).show, count("story.fold", steps.length - BEGINNING - END));
      this.#fold.dataset.lane = shown[BEGINNING].lane;
      elements.splice(BEGINNING, 0, this.#fold);
    }
    if (job && job.seq <= story.last) this.#told = job;
    if (this.#fillNow(story, this.#told)) elements.push(this.#now);
    this.#lay(elements);
  }

  #open() {
    const first = this.story.steps[BEGINNING].seq;
    this.#whole = true;
    this.show(this.story, this.job);
    this.#elements.get(first).element.focus();
  }

  #lay(elements) {
    const { children } = this.list;
    elements.forEach((element, index) => {
      if (children[index] !== element) this.list.insertBefore(element, children[index] ?? null);
    });
    while (children.length > elements.length) this.list.lastElementChild.remove();
  }

  #elementOf(step, steps) {
    let made = this.#elements.get(step.seq);
    if (!made) {
      const element = clone("story-step");
      made = { element, parts: partsOf(element) };
      this.#elements.set(step.seq, made);
      const before = steps[steps.indexOf(step) - 1];
      this.#place(element, step.lane, before?.lane ?? "");
      element.dataset.type = step.type;
      if (isNote(step)) element.dataset.note = "";
      this.#icon(made.parts, step.type);
      made.parts.at.dateTime = step.at;
      write(made.parts.at, formatMoment(step.at));
      if (step.after !== null) {
        write(made.parts.delta, passed(step.after));
        made.parts["delta-words"].hidden = false;
      }
    }
    write(made.parts.title, titleOf(step, this.job));
    const details = detailOf(step);
    write(made.parts.detail, details);
    made.parts.detail.hidden = !details;
    return made.element;
  }

  #place(element, lane, from) {
    element.dataset.lane = lane;
    element.dataset.from = from || "start";
  }

  #icon(parts, type) {
    parts.icon.setAttribute("href", `${icons}#${type}`);
  }

  // What is still to come: the open end of the line.
  #fillNow(story, job) {
    if (!job || ["succeeded", "failed", "cancelled"].includes(job.state)) return false;
    const parts = partsOf(this.#now);
    const lane = story.steps.at(-1)?.lane ?? "";
    this.#place(this.#now, lane || "main", lane);
    this.#icon(parts, "now");
    write(parts.title, t("story.now", { state: t(`state.${job.state}`) }));
    const until = job.waiting_until;
    const words = job.waiting_for === "retry" && until ? t("story.again", { time: formatMoment(until) }) : until ? t("until", { time: formatMoment(until) }) : "";
    write(parts.detail, words);
    parts.detail.hidden = !words;
    return true;
  }
}

/** What a step is called: `Started, attempt 2 of 3`. */
function titleOf(step, job) {
  const words = has(`event.${step.type}`) ? t(`event.${step.type}`) : step.type;
  if (step.type !== "started") return words;
  return t("story.started", { n: step.attempt, max: job?.max_attempts ?? "" });
}

/** Why, by whom, and how much progress was made in it. */
export function detailOf({ type, data, progress }) {
  const { code, message, by, reason, position, resource, keys, delay_seconds: delay } = data ?? {};
  const told = [
    code || message ? `${failureOf({ code, message })}${code ? ` (${code})` : ""}` : "",
    delay !== undefined ? t("story.delay", { duration: formatDuration(delay * 1000) }) : "",
    by ? t("story.by", { name: by }) : "",
    reason && !isToldByItsEvent(type, reason) ? reasonOf(reason) : "",
    position ? t("position", { n: position }) : "",
    resource && !by ? resource : "",
    keys ? keys.join(", ") : "",
    progress?.count ? count("story.progress", progress.count).replace("{percent}", percent.format(progress.percent)) : "",
  ];
  return told.filter(Boolean).join(" · ");
}

const isToldByItsEvent = (type, reason) => type === "released" && reason === "draining";

// A word of the engine, or what a person wrote.
function reasonOf(reason) {
  return has(`reason.${reason}`) ? t(`reason.${reason}`) : t("story.reason", { reason });
}

/** The time since the step before: `+120 ms`, `+3.4 s`. */
export function passed(milliseconds) {
  return milliseconds < 1000 ? `+${Math.round(milliseconds)} ms` : `+${formatDuration(milliseconds)}`;
}
