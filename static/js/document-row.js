// One document of a batch as a row: how far it is, and how it ended.

import { isEnded } from "./batch.js";
import { showCategory } from "./category.js";
import { failureOf } from "./failure.js";
import { stageWord } from "./job-card.js";
import { write } from "./parts.js";
import { count, language, t } from "./texts.js";

const percent = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const LOOKS = { pending: "pending", processing: "processing", completed: "succeeded", failed: "failed", cancelled: "cancelled" };

export const stateWord = (state) => t(`state.${LOOKS[state]}`);

/** Write a row into an element of parts/document-row.html. href: where it leads to, "" for nowhere. */
export function fillDocumentRow(element, parts, row, href) {
  const ended = isEnded(row);
  element.dataset.document = row.id;
  element.dataset.state = row.state;
  if (href && parts.link.getAttribute("href") !== href) parts.link.href = href;
  write(parts.name, row.name || t("document.unnamed"));
  parts.bar.hidden = ended;
  if (!ended) showBar(parts, row);
  write(parts.stage, ended ? endOf(row) : stageOf(row));
  showCategory(parts.category, row.state === "completed" ? row.category : null);
  parts.state.hidden = !parts.category.hidden;
  write(parts.state, stateWord(row.state));
  parts.state.className = `badge badge--${LOOKS[row.state]}`;
  write(parts.confidence, ended && row.confidence !== null ? t("percent", { n: percent.format(row.confidence * 100) }) : "");
  parts.confidence.title = parts.confidence.textContent ? t("document.confidence") : "";
}

function showBar(parts, row) {
  parts.bar.dataset.state = row.state;
  parts.bar.setAttribute("aria-label", row.name);
  parts.bar.setAttribute("aria-valuenow", String(Math.round(row.progress)));
  parts.bar.setAttribute("aria-valuetext", stageOf(row));
  parts.fill.style.width = `${row.progress}%`;
}

function stageOf({ state, stage }) {
  if (state === "pending") return t("waiting");
  return stage ? stageWord(stage) : t("stage.starting");
}

// A failed row says why; of the others the badge says all.
function endOf(row) {
  if (row.state === "failed") return failureOf(row);
  return row.state === "completed" && row.chunks !== null ? count("chunks", row.chunks) : "";
}
