// Cancel, try again or delete several jobs: a question first, then one after the other, then one summary.

import { announce } from "./announcer.js";
import { post, remove } from "./api.js";
import { forEachOf } from "./at-once.js";
import { partsOf, write } from "./parts.js";
import { FITS } from "./picking.js";
import { count, has, number, t } from "./texts.js";

const AT_ONCE = 4;
const MOST_NAMES = 3;

const ACTS = {
  cancel: ({ id }, reason) => post(`/api/v1/jobs/${id}/cancel/`, { reason }),
  retry: ({ id }, reason) => post(`/api/v1/jobs/${id}/retry/`, { reason }),
  delete: ({ id }, reason) => remove(`/api/v1/jobs/${id}/`, { reason }),
};

export class ActOnJobs {
  #busy = false;

  /** dialog: the question. summary: the element for what came of it. onDone: called with (act, outcomes). */
  constructor({ dialog, summary, onDone }) {
    Object.assign(this, { dialog, summary, onDone });
    this.parts = partsOf(dialog);
    this.said = partsOf(summary);
    // By itself Enter would press the first button, which leaves everything as it is.
    this.parts.reason.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.parts.reason.form.requestSubmit(this.parts.yes);
    });
    this.said.close.addEventListener("click", () => {
      summary.hidden = true;
      document.getElementById("main").focus({ preventScroll: true });
    });
  }

  async run(act, selected) {
    if (this.#busy) return;
    const fitting = selected.filter(FITS[act]);
    const leftOut = selected.length - fitting.length;
    const reason = await this.#ask(act, fitting, leftOut);
    if (reason === null) return;
    this.#busy = true;
    const outcomes = await forEachOf(fitting, (row) => ACTS[act](row, reason), {
      atOnce: AT_ONCE,
      onStep: (done) => this.#say([t("act.progress", { n: number(done), total: number(fitting.length) })]),
    });
    this.#busy = false;
    this.onDone(act, outcomes);
    this.#sum(act, outcomes, leftOut);
  }

  #say(sentences, reasons = []) {
    write(this.said.done, sentences.join(" "));
    this.said.left.replaceChildren(...reasons);
    this.summary.hidden = false;
  }

  /** Return the reason, "" for one's own jobs; null when the reader would rather not. */
  #ask(act, fitting, leftOut) {
    const { parts, dialog } = this;
    const needsReason = fitting.some(({ element }) => "others" in element.dataset);
    write(parts.title, count(`act.${act}.title`, fitting.length));
    write(parts.text, t(`act.${act}.text`));
    write(parts["left-out"], leftOut ? count(`act.${act}.left_out`, leftOut) : "");
    parts["left-out"].hidden = !leftOut;
    parts["reason-field"].hidden = !needsReason;
    parts.reason.required = needsReason;
    parts.reason.value = "";
    write(parts.yes, count(`act.${act}.yes`, fitting.length));
    parts.yes.classList.toggle("button--danger", act === "delete");
    parts.yes.classList.toggle("button--primary", act !== "delete");
    dialog.returnValue = "no";
    dialog.showModal();
    (needsReason ? parts.reason : parts.no).focus();
    return new Promise((resolve) => {
      const answer = () => resolve(dialog.returnValue === "yes" ? parts.reason.value.trim() : null);
      dialog.addEventListener("close", answer, { once: true });
    });
  }

  #sum(act, outcomes, leftOut) {
    const failed = outcomes.filter(({ error }) => error);
    const done = outcomes.filter(({ error }) => !error);
    // One that runs stops within two seconds; until then it was only told to.
    const told = act === "cancel" ? done.filter(({ value }) => value?.state !== "cancelled").length : 0;
    const sentences = [];
    if (done.length > told || !failed.length) sentences.push(count(`act.${act}.done`, done.length - told));
    if (told) sentences.push(count("act.cancel.told", told));
    if (!done.length && failed.length) sentences.push(t("act.none"));
    if (leftOut) sentences.push(count(`act.${act}.left_out`, leftOut));
    const reasons = new Map();
    for (const outcome of failed) {
      const reason = wordsOf(outcome.error);
      reasons.set(reason, [...(reasons.get(reason) ?? []), outcome]);
    }
    this.#say(sentences, [...reasons].map(([reason, of]) => this.#reason(reason, of)));
    this.summary.classList.toggle("notice--bad", failed.length > 0);
    this.summary.focus({ preventScroll: true });
    this.summary.scrollIntoView({ block: "nearest" });
    announce(this.summary.querySelector(".notice__body").innerText);
  }

  #reason(reason, of) {
    const names = of.slice(0, MOST_NAMES).map(({ item }) => item.name).join(", ");
    const more = of.length > MOST_NAMES ? ` ${t("act.more", { n: number(of.length - MOST_NAMES) })}` : "";
    const item = document.createElement("li");
    item.textContent = `${count("act.left", of.length)} ${reason} (${names}${more})`;
    return item;
  }
}

// The API speaks English; what it refuses here the page can say in the reader's language.
function wordsOf(error) {
  const known = `act.refused.${error.code}`;
  return has(known) ? t(known) : error.message;
}
