// /app/jobs/: rows that the server rendered, kept up to date while one looks at them.

import { announceStep } from "./announcer.js";
import { setServerTime } from "./clock.js";
import { showConnection } from "./connection-chip.js";
import { applyEvent, applyPosition, isFinished, newer } from "./job.js";
import { stageOf } from "./job-card.js";
import { Live } from "./live.js";
import { partsOf, write } from "./parts.js";
import { t } from "./texts.js";

const live = new Live();
const chip = document.querySelector("[data-connection]");
const rows = new Map();
showConnection(live, chip, document.body);

for (const element of document.querySelectorAll("[data-job]")) {
  const { job: id, state, seq } = element.dataset;
  rows.set(id, { element, parts: partsOf(element), name: element.querySelector(".row__name").textContent, job: null });
  if (!isFinished({ state })) live.watch(id, Number(seq));
}

// A batch waits for its documents; while they are worked on, so is it.
const hasBegun = (job) => job.waiting_for === "children" && job.progress > 0;

function show(row, job) {
  const { parts } = row;
  row.job = job;
  const state = hasBegun(job) ? "processing" : job.state;
  const words = hasBegun(job) ? t("percent", { n: Math.floor(job.progress) }) : stageOf(job);
  parts.live.hidden = isFinished(job);
  parts.bar.dataset.state = state;
  parts.bar.setAttribute("aria-valuenow", String(Math.round(job.progress)));
  parts.bar.setAttribute("aria-valuetext", words);
  parts.fill.style.width = `${job.progress}%`;
  write(parts.stage, words);
  write(parts.state, t(`state.${state}`));
  parts.state.className = `badge badge--${state}`;
  if (isFinished(job)) live.unwatch(job.id);
}

live.addEventListener("job", ({ detail: { job } }) => {
  setServerTime(job.as_of);
  const row = rows.get(job.id);
  if (row) show(row, newer(row.job, job));
});
live.addEventListener("event", ({ detail: { id, event } }) => {
  const row = rows.get(id);
  if (!row?.job) return;
  const after = applyEvent(row.job, event);
  if (after !== row.job) announceStep(row.name, row.job, after);
  show(row, after);
});
live.addEventListener("position", ({ detail }) => {
  const row = rows.get(detail.id);
  if (row?.job) show(row, applyPosition(row.job, detail));
});
live.addEventListener("other", ({ detail: { id, event } }) => {
  // One of the finished rows runs again.
  if (rows.has(id) && !isFinished(event)) live.watch(id, event.seq);
});
live.start();
