// /app/classify/: many files in, one batch; and the batches so far.

import { BatchUpload } from "./batch-upload.js";
import { formatTime } from "./clock.js";
import { showConnection } from "./connection-chip.js";
import { keepFresh } from "./live-list.js";
import { Live } from "./live.js";
import { PagedList, placesOf } from "./paged-list.js";
import { write } from "./parts.js";
import { count, language, number, t } from "./texts.js";

const page = JSON.parse(document.getElementById("page").textContent);
const percent = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const LOOKS = { pending: "pending", processing: "processing", completed: "succeeded", failed: "failed", cancelled: "cancelled" };
const PAGE = 20;

function fill(parts, batch) {
  const name = count("batch.files", batch.total_files);
  const ended = ["completed", "failed", "cancelled"].includes(batch.status);
  const numbers = t("batch.done", { done: number(batch.completed + batch.failed), total: number(batch.total_files) });
  parts.link.href = `${page.batchPage}${batch.job_id}/`;
  write(parts.name, name);
  // Of a batch that was cancelled, most of those that "failed" were cancelled with it.
  const failed = ended && batch.failed && batch.status !== "cancelled" ? count("batch.failed", batch.failed) : "";
  const about = [formatTime(batch.created_at), ended ? count("batch.completed", batch.completed) : "", failed];
  write(parts.about, about.filter(Boolean).join(" · "));
  parts.live.hidden = ended;
  parts.bar.dataset.state = LOOKS[batch.status];
  parts.bar.setAttribute("aria-label", name);
  parts.bar.setAttribute("aria-valuenow", String(Math.round(batch.progress)));
  parts.bar.setAttribute("aria-valuetext", numbers);
  parts.fill.style.width = `${batch.progress}%`;
  write(parts.stage, `${t("percent", { n: percent.format(batch.progress) })} · ${numbers}`);
  write(parts.state, t(`state.${LOOKS[batch.status]}`));
  parts.state.className = `badge badge--${LOOKS[batch.status]}`;
}

const live = new Live();
showConnection(live, document.querySelector("[data-connection]"), document.body);
new BatchUpload({
  form: document.querySelector("[data-upload]"),
  path: page.upload,
  limits: page.limits,
  onSent: (answers) => {
    // Several, because one could not hold them all: they are in the list.
    if (answers.length === 1) location.assign(`${page.batchPage}${answers[0].job_id}/`);
    else batches.read({ all: true }).catch(() => {});
  },
});
const batches = new PagedList({
  ...placesOf(document),
  path: page.batches,
  page: PAGE,
  template: "batch-row",
  resultsOf: ({ jobs }) => jobs,
  idOf: ({ job_id: id }) => id,
  fill,
});
keepFresh(live, () => batches.read());
live.start({ jobs: false });
