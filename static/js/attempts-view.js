// The attempts at a job, newest first: how each ended, its stages with their times, and its log.

import { formatDuration, formatMoment } from "./clock.js";
import { failureOf } from "./failure.js";
import { stageWord } from "./job-card.js";
import { clone, partsOf, write } from "./parts.js";
import { detailOf, passed } from "./story-view.js";
import { count, has, language, t } from "./texts.js";

const percent = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const AT_FIRST = 5;
const LOOKS = { succeeded: "succeeded", failed: "failed", cancelled: "cancelled", requeued: "cancelled", "": "processing" };

export class AttemptsView {
  #made = new Map(); // seq -> {element, parts, lines}
  #shown = AT_FIRST;
  #known = new Map(); // seq -> what only staff are told: {worker, traceback}

  /** list: the element that holds the attempts. more: the button for the older ones. */
  constructor({ list, more, section }) {
    Object.assign(this, { list, more, section });
    more.addEventListener("click", () => {
      const next = this.attempts.at(-1 - this.#shown);
      this.#shown = Infinity;
      this.show(this.attempts, this.job);
      this.#made.get(next.seq).element.focus();
    });
  }

  /** Learn what only staff are told: the answer of `/attempts/`. */
  learn(results) {
    for (const told of results) this.#known.set(told.seq, told);
  }

  /** attempts: oldest first. */
  show(attempts, job) {
    Object.assign(this, { attempts, job });
    this.section.hidden = attempts.length === 0;
    const newest = attempts.slice(-this.#shown).reverse();
    const older = attempts.length - newest.length;
    this.more.hidden = older === 0;
    if (older) write(this.more, count("attempts.older", older));
    newest.forEach((attempt, index) => {
      const { element } = this.#fill(attempt);
      if (this.list.children[index] !== element) this.list.insertBefore(element, this.list.children[index] ?? null);
    });
    while (this.list.children.length > newest.length) this.list.lastElementChild.remove();
  }

  #fill(attempt) {
    const made = this.#make(attempt);
    const { parts } = made;
    const number = t("attempt.title", { n: attempt.number, max: this.job?.max_attempts ?? "" });
    write(parts.title, attempt.run > 1 ? `${number} · ${t("attempt.run", { n: attempt.run })}` : number);
    write(parts.ending, t(`ending.${attempt.ending || "running"}`));
    parts.ending.className = `badge badge--${LOOKS[attempt.ending] ?? "waiting"}`;
    write(parts.times, this.#times(attempt));
    parts.error.hidden = !attempt.error;
    if (attempt.error) {
      write(parts["error-text"], failureOf(attempt.error));
      write(parts["error-code"], attempt.error.code);
    }
    const { worker, traceback } = this.#known.get(attempt.seq) ?? {};
    parts.worker.hidden = !worker;
    if (worker) write(parts["worker-name"], worker);
    parts.traceback.hidden = !traceback;
    if (traceback) write(parts["traceback-text"], traceback);
    this.#stages(parts.stages, attempt);
    this.#log(made, attempt);
    return made;
  }

  #make(attempt) {
    let made = this.#made.get(attempt.seq);
    if (made) return made;
    const element = clone("attempt");
    made = { element, parts: partsOf(element), lines: 0 };
    this.#made.set(attempt.seq, made);
    element.id = `attempt-${attempt.seq}`;
    made.parts.log.setAttribute("aria-label", t("attempt.log", { n: attempt.number }));
    made.parts["log-box"].open = this.attempts.length === 1;
    return made;
  }

  #times({ startedAt, endedAt }) {
    const took = endedAt ? t("times.took", { duration: formatDuration(Date.parse(endedAt) - Date.parse(startedAt)) }) : "";
    return [t("attempt.began", { time: formatMoment(startedAt) }), took].filter(Boolean).join(" · ");
  }

  #stages(list, { stages, startedAt }) {
    list.hidden = stages.length === 0;
    stages.slice(list.childElementCount).forEach((stage) => {
      const item = clone("attempt-stage");
      const parts = partsOf(item);
      const before = list.childElementCount ? stages[list.childElementCount - 1].at : startedAt;
      write(parts.name, stageWord(stage.name));
      parts.at.dateTime = stage.at;
      write(parts.at, formatMoment(stage.at));
      write(parts.delta, passed(Math.max(0, Date.parse(stage.at) - Date.parse(before))));
      list.append(item);
    });
  }

  #log(made, { lines }) {
    write(made.parts["log-title"], count("attempt.lines", lines.length));
    for (; made.lines < lines.length; made.lines += 1) {
      made.parts.log.append(line(lines[made.lines], lines[made.lines - 1]));
    }
  }
}

function line(event, before) {
  const item = clone("log-line");
  const parts = partsOf(item);
  parts.at.dateTime = event.at;
  write(parts.at, formatMoment(event.at));
  write(parts.delta, before ? passed(Math.max(0, Date.parse(event.at) - Date.parse(before.at))) : "");
  write(parts.what, has(`event.${event.type}`) ? t(`event.${event.type}`) : event.type);
  write(parts.detail, event.type === "progress" ? progressOf(event) : detailOf({ type: event.type, data: event.data }));
  return item;
}

function progressOf({ stage, progress, data }) {
  const more = Object.entries(data ?? {})
    .filter(([, value]) => ["string", "number"].includes(typeof value))
    .map(([name, value]) => `${name} ${value}`);
  return [stage ? stageWord(stage) : "", t("percent", { n: percent.format(progress) }), ...more].filter(Boolean).join(" · ");
}
