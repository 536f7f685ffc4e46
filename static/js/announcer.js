// The one polite live region. It says what changed in words, once, and quarters instead of every percent.

import { failureOf } from "./failure.js";
import { t } from "./texts.js";

const region = document.querySelector("[data-announcer]");
const TOGETHER_MS = 400;
const QUARTERS = [25, 50, 75, 100];

let waiting = [];
let timer = 0;

/** Say a sentence; what comes within a moment is said together. */
export function announce(sentence) {
  waiting.push(sentence);
  clearTimeout(timer);
  timer = setTimeout(() => {
    region.textContent = waiting.join(" ");
    waiting = [];
  }, TOGETHER_MS);
}

/** Say what is worth saying about a step from one state of a job to the next. */
export function announceStep(name, before, after) {
  if (before.state !== after.state) {
    if (after.state === "failed") announce(t("say.failed", { name, message: failureOf(after.error) }));
    else announce(t("say.state", { name, state: t(`state.${after.state}`) }));
    return;
  }
  const passed = QUARTERS.findLast((quarter) => before.progress < quarter && after.progress >= quarter);
  if (passed) announce(t("say.percent", { name, n: passed }));
}
