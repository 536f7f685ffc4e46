// /app/cv/: files in, progress live, profiles out.

import { get } from "./api.js";
import { Board } from "./board.js";
import { showConnection } from "./connection-chip.js";
import { Live } from "./live.js";
import { JobCard } from "./job-card.js";
import { partsOf } from "./parts.js";
import { showProfile } from "./results.js";
import { t } from "./texts.js";
import { Uploader } from "./upload.js";

const page = JSON.parse(document.getElementById("page").textContent);
const list = document.querySelector("[data-jobs]");
const empty = document.querySelector("[data-empty]");
const more = document.querySelector("[data-more]");
const listError = document.querySelector("[data-list-error]");

const TOGETHER_MS = 200;
const A_FEW = 5;

let newestIsOpen = false;
const live = new Live();
showConnection(live, document.querySelector("[data-connection]"), document.body);
const board = new Board({
  live,
  list,
  decorate: (job) => ({
    page: `${page.jobPage}${job.id}/`,
    about: job.metadata?.parse_mode === "basic" ? t("profile.mode.basic") : "",
  }),
  onShown: showNewestOpen,
  onGone: showEmpty,
});

// The newest profile is what one came for; the others are one line each.
function showNewestOpen(card) {
  const open = !newestIsOpen && card.job.state === "succeeded";
  newestIsOpen ||= open;
  showProfile(card, { open });
}

const newest = `/api/v1/jobs/?owner=me&kind=${page.kind}`;
let older = newest;

/** Put one page of the list on the board; newest first. Returns the address of the next page, or null. */
async function load(address) {
  try {
    const answer = await get(address);
    show(answer.results);
    listError.hidden = true;
    return answer.next ?? null;
  } catch (error) {
    listError.hidden = false;
    partsOf(listError).text.textContent = error.message;
    return undefined;
  } finally {
    showEmpty();
  }
}

/** Put jobs on the board. A new one may be the very file that is being sent: its card comes first, and takes it over. */
function show(jobs) {
  for (const job of jobs) {
    if (board.has(job.id)) board.add(job);
    else uploader.settled().then(() => (board.add(job), showEmpty()));
  }
}

async function loadOlder() {
  const next = await load(older);
  if (next !== undefined) older = next;
  more.hidden = !older;
}

function showEmpty() {
  empty.hidden = list.childElementCount > 0 || !listError.hidden;
}

/** A file became a job: from here on the server tells. */
async function adopt(id, card) {
  const job = await get(`/api/v1/jobs/${id}/`);
  card.element.remove();
  board.add(job);
}

const uploader = new Uploader({
  form: document.querySelector("[data-upload]"),
  page,
  newCard: (actions) => {
    const card = new JobCard(actions);
    list.prepend(card.element);
    empty.hidden = true;
    return card;
  },
  onJob: adopt,
});

more.addEventListener("click", loadOlder);
// Started in another tab, by a program with the same user, or again by staff.
const heard = new Set();

live.addEventListener("other", ({ detail: { id, event } }) => {
  if (!board.has(id) && event.type !== "created") return;
  if (!heard.size) setTimeout(lookAtHeard, TOGETHER_MS);
  heard.add(id);
});
live.addEventListener("resumed", () => load(newest));

// A batch of a thousand documents is heard of as a thousand jobs: the list says at once which of them are CVs.
async function lookAtHeard() {
  const ids = [...heard];
  heard.clear();
  if (ids.length > A_FEW) return load(newest);
  for (const id of ids) {
    try {
      const job = await get(`/api/v1/jobs/${id}/`);
      if (job.kind === page.kind) show([job]);
    } catch {
      // It is in the list at the next visit.
    }
  }
}

await loadOlder();
live.start();
