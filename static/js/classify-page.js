// /app/classify/: many files in, one batch; and the batches so far.

import { get } from "./api.js";
import { BatchUpload } from "./batch-upload.js";
import { formatTime } from "./clock.js";
import { showConnection } from "./connection-chip.js";
import { keepFresh } from "./live-list.js";
import { Live } from "./live.js";
import { clone, partsOf, write } from "./parts.js";
import { count, language, number, t } from "./texts.js";

const page = JSON.parse(document.getElementById("page").textContent);
const list = document.querySelector("[data-rows]");
const empty = document.querySelector("[data-empty]");
const more = document.querySelector("[data-more]");
const listError = document.querySelector("[data-list-error]");
const percent = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const LOOKS = { pending: "pending", processing: "processing", completed: "succeeded", failed: "failed", cancelled: "cancelled" };
const PAGE = 20;

const elements = new Map(); // batch id -> {element, parts}
let length = PAGE;

function show({ total, jobs }) {
  list.replaceChildren(...jobs.map(rowOf));
  list.hidden = !jobs.length;
  empty.hidden = jobs.length > 0;
  more.hidden = jobs.length < length || (total ?? 0) <= jobs.length;
}

function rowOf(batch) {
  if (!elements.has(batch.job_id)) {
    const element = clone("batch-row");
    elements.set(batch.job_id, { element, parts: partsOf(element) });
  }
  const { element, parts } = elements.get(batch.job_id);
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
  return element;
}

async function read() {
  try {
    show(await get(`${page.batches}?limit=${length}`));
    listError.hidden = true;
  } catch (error) {
    listError.hidden = false;
    partsOf(listError).text.textContent = error.message;
    throw error;
  }
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
    else read().catch(() => {});
  },
});
more.addEventListener("click", () => {
  length += PAGE;
  read().catch(() => {});
});
keepFresh(live, read);
live.start({ jobs: false });
