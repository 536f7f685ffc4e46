// /app/sessions/<name>/: how a session stands, its documents, and searching them.

import { get, remove } from "./api.js";
import { ask } from "./ask.js";
import { isEnded, isUnsuccessful } from "./batch.js";
import { BatchFeed } from "./batch-feed.js";
import { BatchUpload } from "./batch-upload.js";
import { ChunkReader } from "./chunk-reader.js";
import { formatTime } from "./clock.js";
import { showConnection } from "./connection-chip.js";
import { fillDocumentRow } from "./document-row.js";
import { keepFresh } from "./live-list.js";
import { Live } from "./live.js";
import { partsOf, write } from "./parts.js";
import { RowList } from "./row-list.js";
import { SessionSearch } from "./session-search.js";
import { showStatusWord } from "./session-status.js";
import { StoredDocuments } from "./stored-documents.js";
import { count, number, t } from "./texts.js";
import { WaitReason } from "./wait-reason.js";

const page = JSON.parse(document.getElementById("page").textContent);
const card = document.querySelector("[data-status]");
const parts = partsOf(card);
const listError = document.querySelector("[data-list-error]");
const counts = document.querySelector("[data-counts]");

const live = new Live();
showConnection(live, document.querySelector("[data-connection]"), document.body);
const reader = new ChunkReader(`${page.session}chunks`);
const documents = new StoredDocuments({
  list: document.querySelector("[data-documents]"),
  none: document.querySelector("[data-none]"),
  more: document.querySelector("[data-more]"),
  address: `${page.session}documents`,
  open: (stored) => reader.open(stored),
  onDeleted: () => read().catch(() => {}), // it has said so itself
});
const search = new SessionSearch({
  form: document.querySelector("[data-search]"),
  found: document.querySelector("[data-found]"),
  hits: document.querySelector("[data-hits]"),
  address: `${page.session}search`,
  open: ({ document: id, document_name: name, position }) => reader.open({ id, name, at: position }),
});

// --- how it stands ----------------------------------------------------------------------------------------------
let feed = null; // of the files that were sent last
const reason = new WaitReason(live, parts.wait, parts["wait-text"]);
const files = new RowList({
  list: parts.files,
  template: "document-row",
  more: parts["more-files"],
  fill: (id, rowParts, element) => {
    const row = feed?.rows.get(id);
    if (row) fillDocumentRow(element, rowParts, row, "");
  },
});

/** Read the session and all it holds. Throws an ApiError. */
async function read() {
  try {
    const session = await get(page.session);
    write(counts, `${count("documents", session.documents)} · ${count("chunks", session.chunks)}`);
    follow(session.latest_job);
    if (!feed) showSentence(session);
    await documents.read();
    card.hidden = false;
    for (const section of document.querySelectorAll("[data-body]")) section.hidden = false;
    listError.hidden = true;
  } catch (error) {
    listError.hidden = false;
    write(partsOf(listError).text, error.message);
    throw error;
  }
}

function follow(job) {
  if ((job?.job_id ?? null) === (feed?.id ?? null)) return;
  feed?.stop();
  feed = null;
  if (!job) return;
  const mine = new BatchFeed({
    live,
    id: job.job_id,
    address: `${page.status}${job.job_id}?session_id=${encodeURIComponent(page.name)}`,
    name: page.name,
    // Events do not say how many chunks a document became.
    lacking: (row) => row.state === "completed" && row.chunks === null,
  });
  feed = mine;
  const show = () => feed === mine && showSoon();
  for (const type of ["row", "rows", "moved"]) mine.addEventListener(type, show);
  mine.addEventListener("row", ({ detail: { row } }) => files.touch(row.id));
  mine.addEventListener("rows", () => files.touchAll());
  mine.start().catch(() => {}); // the sentence of the session itself stands
}

let frame = 0;

function showSoon() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    if (feed?.status) show();
  });
}

function show() {
  const { total, ended, progress, processing, pending } = feed.totals;
  showSentence(feed.status);
  const running = ended < total;
  parts.live.hidden = !running;
  const numbers = t("batch.done", { done: number(ended), total: number(total) });
  write(parts.numbers, numbers);
  parts.bar.setAttribute("aria-valuenow", String(Math.floor(progress)));
  parts.bar.setAttribute("aria-valuetext", numbers);
  parts.fill.style.width = `${progress}%`;
  // Of what has ended well the list below tells; here is what still moves, and what went wrong.
  const rows = [...feed.rows.values()];
  files.show(rows.filter((row) => running || isUnsuccessful(row)).map((row) => row.id));
  parts.files.hidden = !files.ids.length;
  parts["more-files-line"].hidden = parts["more-files"].hidden;
  reason.update(processing === 0 && pending > 0 ? rows.find((row) => !isEnded(row)) : null);
}

let judged = ""; // the status that was shown last

// A status that is only judged shows what from without being asked.
function showSentence({ status, message, evidence, as_of: asOf }) {
  showStatusWord(parts.state, status);
  write(parts.message, message);
  write(parts["as-of"], t("as_of", { time: formatTime(asOf) }));
  parts.proof.hidden = !evidence?.length;
  if (status !== judged && ["unknown", "likely_completed"].includes(status)) parts.proof.open = true;
  judged = status;
  const sentences = (evidence ?? []).map(({ detail }) => detail);
  const shown = [...parts.evidence.children].map((item) => item.textContent);
  if (sentences.join("\n") === shown.join("\n")) return;
  parts.evidence.replaceChildren(
    ...sentences.map((sentence) => {
      const item = document.createElement("li");
      item.textContent = sentence;
      return item;
    }),
  );
}

// --- what people do ---------------------------------------------------------------------------------------------
new BatchUpload({
  form: document.querySelector("[data-upload]"),
  path: page.upload,
  limits: page.limits,
  fields: () => ({ session_id: page.name }),
  onSent: () => {
    read().catch(() => {});
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  },
});

document.querySelector("[data-delete]").addEventListener("click", async () => {
  const question = { title: t("delete.title", { name: page.name }), text: t("delete.session"), yes: t("delete.yes") };
  if (!(await ask(question))) return;
  try {
    await remove(page.session);
    location.assign(page.sessions);
  } catch (error) {
    if (error.status === 404) return location.assign(page.sessions);
    listError.hidden = false;
    write(partsOf(listError).text, error.message);
    listError.scrollIntoView({ block: "nearest" });
  }
});

if (search.field.value) search.ask();
keepFresh(live, read);
live.start({ jobs: false });
