// /: how everything stands. One's own jobs live, the rest read again every few seconds, and always with its time.

import { get } from "./api.js";
import { formatTime, serverNow, setServerTime } from "./clock.js";
import { showConcerns } from "./concerns.js";
import { showConnection } from "./connection-chip.js";
import { HistoryCharts } from "./history-charts.js";
import { OwnJobs } from "./own-jobs.js";
import { Live } from "./live.js";
import { write } from "./parts.js";
import { showCounts, showQueues, showResources } from "./system-view.js";
import { t } from "./texts.js";

const EVERY_MS = 5000;
const SOON_MS = 1000;
// Two readings that did not come: what stands on the page is no longer how things are.
const OLD_AFTER_MS = 12000;

const page = JSON.parse(document.getElementById("page").textContent);
const find = (name) => document.querySelector(`[data-${name}]`);

const live = new Live();
showConnection(live, find("connection"), document.body);
const rows = new OwnJobs({ live, list: find("own"), empty: find("own-empty"), more: find("own-more"), page });
const charts = new HistoryCharts(find("charts"));
const asOf = find("as-of");

let readAt = 0;
let timer = 0;

/** Read how everything stands, and show it. Throws an ApiError. */
async function read() {
  const seen = await get(page.overview);
  const at = Date.parse(seen.as_of);
  if (at < readAt) return; // a later question was answered first
  readAt = at;
  setServerTime(seen.as_of);
  rows.show(seen.mine.unfinished, seen.mine.more);
  showConcerns(find("attention"), seen.attention, page.links);
  showCounts(find("counts"), seen.mine.jobs, seen.all);
  showQueues(find("queues"), seen.queues, page.queueJobs);
  showResources(find("resources"), seen.resources, page.jobPage);
  charts.show(seen);
  showAge();
  document.querySelectorAll("[data-when-read]").forEach((element) => (element.hidden = false));
}

function showAge() {
  if (!readAt) return;
  const old = serverNow() - readAt > OLD_AFTER_MS;
  asOf.classList.toggle("as-of--old", old);
  write(asOf, t(old ? "home.old" : "as_of", { time: formatTime(readAt) }));
}

function readSoon(wait = SOON_MS) {
  timer ||= setTimeout(() => {
    timer = 0;
    read().catch(showAge); // the time on the page says that it is old; the next reading tries again
  }, wait);
}

live.follow("jobs", read);
live.addEventListener("told", ({ detail: { event } }) => event.type !== "progress" && readSoon());
setInterval(() => {
  showAge();
  if (!document.hidden && serverNow() - readAt >= EVERY_MS) readSoon(0);
}, 1000);
document.addEventListener("visibilitychange", () => document.hidden || (showAge(), readSoon(0)));
live.start({ jobs: false });
