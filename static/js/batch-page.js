// /app/classify/<id>/: one batch, document by document.

import { post } from "./api.js";
import { ask } from "./ask.js";
import { isEnded } from "./batch.js";
import { BatchFeed } from "./batch-feed.js";
import { showConnection } from "./connection-chip.js";
import { DocumentFilters } from "./document-filters.js";
import { fillDocumentRow } from "./document-row.js";
import { EvidenceDialog } from "./evidence-dialog.js";
import { Live } from "./live.js";
import { partsOf, write } from "./parts.js";
import { RowList } from "./row-list.js";
import { count, t } from "./texts.js";
import { showTotals } from "./totals-view.js";
import { WaitReason } from "./wait-reason.js";

const page = JSON.parse(document.getElementById("page").textContent);
const totals = document.querySelector("[data-totals]");
const parts = partsOf(totals);
const documents = document.querySelector("[data-documents]");
const none = document.querySelector("[data-none]");
const listError = document.querySelector("[data-list-error]");

const live = new Live();
showConnection(live, document.querySelector("[data-connection]"), document.body);
const feed = new BatchFeed({
  live,
  id: page.job,
  address: `${page.status}${page.job}`,
  name: t("batch.name"),
  // Events say the category, not how sure it is.
  lacking: (row) => row.state === "completed" && row.confidence === null,
});
const list = new RowList({
  list: document.querySelector("[data-rows]"),
  template: "document-row",
  more: document.querySelector("[data-more]"),
  fill: (id, rowParts, element) => {
    const row = feed.rows.get(id);
    if (row) fillDocumentRow(element, rowParts, row, `#${id}`);
  },
});
const filters = new DocumentFilters(document.querySelector("[data-filters]"), () => {
  list.rewind();
  choose();
});
const evidence = new EvidenceDialog({ find: (id) => feed.rows.get(id), ids: () => list.ids, path: page.documents });
const reason = new WaitReason(live, parts.wait, parts["wait-text"]);

// --- what is new ------------------------------------------------------------------------------------------------
let frame = 0;

function showSoon() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    show();
  });
}

function show() {
  const counted = feed.totals;
  totals.hidden = documents.hidden = false;
  showTotals(parts, counted, feed.status);
  filters.showCounts(counted);
  choose();
  showButtons(counted);
  reason.update(counted.processing === 0 && counted.pending > 0 ? firstWaiting() : null);
}

function choose() {
  const ids = filters.choose(feed.rows.values());
  list.show(ids);
  none.hidden = ids.length > 0;
  list.list.hidden = ids.length === 0;
}

function firstWaiting() {
  for (const row of feed.rows.values()) if (row.state === "pending") return row;
  return null;
}

function showButtons({ total, ended, failed, cancelled }) {
  showButton("cancel", ended < total);
  showButton("retry", ended === total && failed + cancelled > 0);
  parts.csv.hidden = parts.json.hidden = !ended;
}

function showButton(name, shown) {
  const wasFocused = document.activeElement === parts[name];
  parts[name].hidden = !shown;
  if (wasFocused && !shown) totals.focus({ preventScroll: true });
}

feed.addEventListener("row", ({ detail: { row } }) => {
  list.touch(row.id);
  evidence.touch(row.id);
  showSoon();
});
feed.addEventListener("rows", () => {
  list.touchAll();
  showSoon();
});
feed.addEventListener("moved", showSoon);
feed.addEventListener("gone", () => location.reload()); // the server says what became of it
feed.addEventListener("problem", ({ detail: { error } }) => {
  listError.hidden = !error;
  if (error) write(partsOf(listError).text, error.message);
});

// --- what people do ---------------------------------------------------------------------------------------------
async function act(button, path) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  parts.error.hidden = true;
  try {
    await post(path);
  } catch (error) {
    parts.error.hidden = false;
    write(parts["error-text"], error.message);
  } finally {
    button.removeAttribute("aria-disabled");
  }
  feed.read().catch(() => {}); // it has said so itself
}

parts.cancel.addEventListener("click", async () => {
  const left = [...feed.rows.values()].filter((row) => !isEnded(row)).length;
  const question = { title: t("cancel.title"), text: count("cancel.text", left), yes: t("cancel.yes"), no: t("cancel.no") };
  if (await ask(question)) await act(parts.cancel, `${page.cancel}${page.job}`);
});
parts.retry.addEventListener("click", () => act(parts.retry, `${page.retry}${page.job}`));

try {
  await feed.start();
  show();
  evidence.follow();
} catch {
  // Said above the list.
}
live.start({ jobs: false });
