// A whole batch in a few numbers: how far it is, how it ended, what can be done about it.

import { isEnded } from "./batch.js";
import { write } from "./parts.js";
import { count, language, number, t } from "./texts.js";
import { stateWord } from "./document-row.js";

const percent = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const LOOKS = { pending: "pending", processing: "processing", completed: "succeeded", failed: "failed", cancelled: "cancelled" };

/** Show `totals` (see batch.js) in the parts of a totals card. status: the last that the server said of the batch. */
export function showTotals(parts, totals, status) {
  const { total, ended, completed, failed, cancelled, processing, pending, progress } = totals;
  // A batch that is not done is never shown as 100 %.
  const shown = t("percent", { n: percent.format(ended === total ? 100 : Math.min(99, Math.floor(progress))) });
  const done = t("batch.done", { done: number(ended), total: number(total) });
  const state = stateOf(totals, status);
  write(parts.percent, shown);
  write(parts.done, done);
  write(parts.state, stateWord(state));
  parts.state.className = `badge badge--${LOOKS[state]}`;
  parts.bar.dataset.state = state;
  parts.bar.setAttribute("aria-valuenow", String(Math.floor(progress)));
  parts.bar.setAttribute("aria-valuetext", `${shown}, ${done}`);
  parts.fill.style.width = `${progress}%`;
  const numbers = [
    completed && count("batch.completed", completed),
    failed && count("batch.failed", failed),
    cancelled && count("batch.cancelled", cancelled),
    processing && count("batch.processing", processing),
    pending && count("batch.pending", pending),
  ];
  write(parts.numbers, numbers.filter(Boolean).join(" · "));
}

/** Return pending | processing | completed | failed | cancelled: the rows say it sooner than the batch itself. */
export function stateOf({ total, ended, pending }, status) {
  if (total && ended === total) return isEnded({ state: status?.status }) ? status.status : "completed";
  return pending === total ? "pending" : "processing";
}
