// /app/jobs/<id>/: one job, and everything that happened to it.

import { get } from "./api.js";
import { Board } from "./board.js";
import { formatDuration, formatTime } from "./clock.js";
import { showConnection } from "./connection-chip.js";
import { Live } from "./live.js";
import { partsOf } from "./parts.js";
import { showProfile } from "./results.js";
import { has, language, t } from "./texts.js";

const page = JSON.parse(document.getElementById("page").textContent);
const log = document.querySelector("[data-log]");
const problem = document.querySelector("[data-list-error]");
const percent = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });

let last = null; // the newest event in the log

function append(event) {
  if (last && event.seq <= last.seq) return;
  const item = document.createElement("li");
  const words = document.createElement("p");
  const detail = document.createElement("span");
  detail.className = "log__detail";
  detail.textContent = describe(event);
  words.append(has(`event.${event.type}`) ? t(`event.${event.type}`) : event.type, " ", detail);
  item.append(cell("log__time", formatTime(event.at)), cell("log__delta", delta(event)), words);
  log.append(item);
  last = event;
}

function cell(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}

function delta(event) {
  if (!last) return "";
  const passed = Date.parse(event.at) - Date.parse(last.at);
  return passed < 1000 ? `+${Math.max(0, Math.round(passed))} ms` : `+${formatDuration(passed)}`;
}

function describe({ type, data, progress, stage, attempt }) {
  const { message, by, reason, code } = data ?? {};
  const stageWord = has(`stage.${stage}`) ? t(`stage.${stage}`) : stage;
  if (type === "progress") return [stageWord, t("percent", { n: percent.format(progress) })].filter(Boolean).join(" · ");
  if (type === "started" && attempt > 1) return t("attempt", { n: attempt, max: job()?.max_attempts ?? "" });
  return [message, code && `(${code})`, by, reason].filter(Boolean).join(" ");
}

const live = new Live();
showConnection(live, document.querySelector("[data-connection]"), document.body);
const board = new Board({
  live,
  list: document.querySelector("[data-jobs]"),
  shownUpTo: () => last?.seq ?? 0,
  onShown: (card) => card.job.kind === page.cvKind && showProfile(card, { open: true }),
  onEvent: (_, event) => append(event),
  onGone: () => location.reload(),
});
const job = () => board.jobOf(page.job);

async function load() {
  try {
    const path = `/api/v1/jobs/${page.job}/`;
    // The log first: the card then watches from its end on, and nothing is in neither.
    for (let after = last?.seq ?? 0; ; ) {
      const { events, next_after: next } = await get(`${path}events/?after=${after}`);
      events.forEach(append);
      if (!events.length || next <= after) break;
      after = next;
    }
    if (last) live.watch(page.job, last.seq);
    board.add(await get(path));
    problem.hidden = true;
  } catch (error) {
    problem.hidden = false;
    partsOf(problem).text.textContent = error.message;
  }
}

live.addEventListener("other", ({ detail }) => detail.id === page.job && load());
live.addEventListener("resumed", load);

await load();
live.start();
