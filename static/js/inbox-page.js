// /app/inbox/: the customers' mails; /app/inbox/<id>/: one of them, its order and the reply to it.

import { announce } from "./announcer.js";
import { get, post } from "./api.js";
import { formatTime } from "./clock.js";
import { showConnection } from "./connection-chip.js";
import { DraftEditor } from "./draft-editor.js";
import { failureOf } from "./failure.js";
import { isFinished } from "./job.js";
import { keepFresh } from "./live-list.js";
import { Live } from "./live.js";
import { MailView } from "./mail-view.js";
import { OrderPanel } from "./order-panel.js";
import { clone, partsOf, write } from "./parts.js";
import { count, number, t } from "./texts.js";

const page = JSON.parse(document.getElementById("page").textContent);
const root = document.querySelector("[data-inbox]");
const rows = document.querySelector("[data-rows]");
const find = document.querySelector("[data-find]");
const more = document.querySelector("[data-more]");
const listError = document.querySelector("[data-list-error]");
const READ_AGAIN_MS = [250, 1200, 3500];
const LOOK_MS = 10000;
const TYPING_MS = 250;

let box = "open";
let shown = [];
let next = null;
let pages = 1;
let current = null; // the mail that is open
let asked = 0;
let wanted = 0;

const live = new Live();
showConnection(live, document.querySelector("[data-connection]"), document.body);
const view = new MailView({ place: document.querySelector("[data-mail]"), open });
const panel = new OrderPanel({ place: document.querySelector("[data-order]"), took, watch });
const editor = new DraftEditor({ place: document.querySelector("[data-draft]"), took, watch, again: () => readSoon(), gone });

// --- the list -----------------------------------------------------------------------------------------------------
async function readList() {
  const mine = ++asked;
  const words = find.value.trim();
  try {
    let query = `?box=${words ? "all" : box}&limit=30${words ? `&q=${encodeURIComponent(words)}` : ""}`;
    let found = [];
    let answer;
    for (let n = 0; n < pages; n += 1) {
      answer = await get(`${page.mails}${query}`);
      found = found.concat(answer.results);
      if (!answer.next) break;
      query = answer.next.slice(answer.next.indexOf("?"));
    }
    if (mine !== asked) return;
    const arrived = found.filter((mail) => shown.length && !shown.some((one) => one.id === mail.id) && mail.id > shown[0].id);
    if (arrived.length && !words) announce(count("inbox.arrived", arrived.length));
    shown = found;
    next = answer.next;
    for (const [name, n] of Object.entries(answer.counts)) {
      const place = document.querySelector(`[data-count="${name}"]`);
      if (place) write(place, number(n));
    }
    listError.hidden = true;
    showList();
  } catch (error) {
    if (mine === asked) {
      listError.hidden = false;
      write(partsOf(listError).text, error.message);
    }
    throw error;
  }
}

function showList() {
  const focused = document.activeElement?.closest?.(".mail-row")?.dataset.id;
  const known = new Map([...rows.children].map((row) => [row.dataset.id, row]));
  rows.replaceChildren(...shown.map((mail) => showRow(known.get(mail.id) ?? newRow(mail), mail)));
  rows.hidden = !shown.length;
  document.querySelector("[data-empty]").hidden = shown.length > 0;
  more.hidden = !next;
  if (focused) rows.querySelector(`[data-id="${focused}"] a`)?.focus();
}

function newRow(mail) {
  const row = clone("mail-row");
  row.dataset.id = mail.id;
  const { link } = partsOf(row);
  link.dataset.id = mail.id;
  link.href = `${page.inbox}${mail.id}/`;
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    open(mail.id);
  });
  return row;
}

function showRow(row, mail) {
  const parts = partsOf(row);
  write(parts.name, mail.sender_name || mail.sender || t("mail.nobody"));
  write(parts.time, formatTime(mail.received_at));
  write(parts.subject, mail.subject || t("mail.no_subject"));
  write(parts.preview, mail.preview);
  const { word, tone } = needOf(mail);
  write(parts.need, word);
  parts.need.className = `badge badge--${tone}`;
  write(parts.order, mail.order ? `#${mail.order.number}` : "");
  parts.link.setAttribute("aria-current", String(mail.id === current?.id));
  return row;
}

/** What a mail needs of a person, in a word. */
function needOf(mail) {
  const state = mail.draft?.state;
  if (state === "unknown") return { word: t("need.unknown"), tone: "bad" };
  if (state === "sending") return { word: t("need.sending"), tone: "info" };
  if (mail.box === "answered") return { word: t("need.sent"), tone: "good" };
  if (mail.box === "dismissed") return { word: t("need.dismissed"), tone: "cancelled" };
  if (mail.lookup.outcome === "other_customer") return { word: t("need.other_customer"), tone: "waiting" };
  if (state === "open" && mail.draft.unmatched) return { word: t("need.check"), tone: "bad" };
  if (state === "open") return { word: t("need.ready"), tone: "good" };
  if (mail.is_automatic) return { word: t("need.automatic"), tone: "pending" };
  if (mail.lookup.outcome === "unavailable") return { word: t("need.unavailable"), tone: "bad" };
  if (mail.lookup.outcome === "pending") return { word: t("need.looking"), tone: "processing" };
  return { word: t("need.no_draft"), tone: "pending" };
}

// --- one mail -----------------------------------------------------------------------------------------------------
async function open(id, { push = true } = {}) {
  await editor.leave();
  if (push && location.pathname !== `${page.inbox}${id}/`) history.pushState({ id }, "", `${page.inbox}${id}/`);
  wanted += 1;
  await readMail(id, { focus: true });
}

async function readMail(id, { focus = false } = {}) {
  const mine = wanted;
  try {
    const mail = await get(`${page.mails}/${id}`);
    if (mine === wanted) showMail(mail, { focus });
  } catch (error) {
    if (mine !== wanted) return;
    if (error.status === 404) gone();
    else throw error;
  }
}

function showMail(mail, { focus = false } = {}) {
  const other = mail.id !== current?.id;
  current = mail;
  root.classList.add("is-reading");
  document.querySelector("[data-none]").hidden = true;
  view.show(mail);
  panel.show(mail);
  editor.show(mail, { other });
  for (const row of rows.querySelectorAll(".mail-row")) row.setAttribute("aria-current", String(row.dataset.id === mail.id));
  if (mail.lookup.state && !isFinished(mail.lookup)) watch(mail.lookup.job_id);
  if (mail.draft?.state === "sending") watch(mail.draft.send_job_id);
  if (other && focus) {
    view.place.focus({ preventScroll: false });
    announce(t("mail.opened", { subject: mail.subject || t("mail.no_subject") }));
  }
}

function close() {
  current = null;
  wanted += 1;
  root.classList.remove("is-reading");
  view.hide();
  document.querySelector("[data-none]").hidden = false;
  for (const row of rows.querySelectorAll(".mail-row")) row.setAttribute("aria-current", "false");
}

function gone() {
  history.replaceState({}, "", page.inbox);
  close();
  readList().catch(() => {});
}

/** A part of the page has got the mail as it is now. */
function took(mail) {
  if (mail.id === current?.id) showMail(mail);
  readSoon();
}

function watch(id) {
  if (id && !live.watches(id)) live.watch(id, 0);
}

let timers = [];
function readSoon() {
  for (const timer of timers) clearTimeout(timer);
  // Several times: what follows from a job is another job, a moment later.
  timers = READ_AGAIN_MS.map((pause) => setTimeout(read, pause));
}

async function read() {
  try {
    await readList();
    if (current) await readMail(current.id);
  } catch {
    // It has said so itself; the next look tries again.
  }
}

// --- what happens -------------------------------------------------------------------------------------------------
live.addEventListener("event", ({ detail: { id, event } }) => {
  if (isFinished({ state: event.state })) live.unwatch(id);
  if (event.type !== "progress") readSoon();
});
live.addEventListener("job", ({ detail: { job } }) => isFinished(job) && live.unwatch(job.id));
setInterval(() => document.hidden || read(), LOOK_MS);
document.addEventListener("visibilitychange", () => document.hidden || read());
window.addEventListener("popstate", () => {
  const id = location.pathname.slice(page.inbox.length).replace(/\/$/, "");
  if (id) open(id, { push: false });
  else editor.leave().then(close);
});
document.querySelector("[data-back]").addEventListener("click", async (event) => {
  event.preventDefault();
  await editor.leave();
  history.pushState({}, "", page.inbox);
  close();
  rows.querySelector("a")?.focus();
});
document.querySelector("[data-boxes]").addEventListener("click", ({ target }) => {
  const button = target.closest("[data-box]");
  if (!button) return;
  box = button.dataset.box;
  find.value = "";
  pages = 1;
  for (const one of document.querySelectorAll("[data-box]")) one.setAttribute("aria-pressed", String(one === button));
  shown = [];
  readList().catch(() => {});
});
let typing = 0;
find.addEventListener("input", () => {
  clearTimeout(typing);
  pages = 1;
  shown = [];
  typing = setTimeout(() => readList().catch(() => {}), TYPING_MS);
});
more.addEventListener("click", () => {
  pages += 1;
  readList().catch(() => {});
});

const fetchButton = document.querySelector("[data-fetch]");
const fetched = document.querySelector("[data-fetched]");
fetchButton.addEventListener("click", async () => {
  fetchButton.disabled = true;
  fetched.hidden = false;
  write(fetched, t("fetch.under_way"));
  try {
    const answer = await post(page.fetch, {});
    write(fetched, answer.success ? count("fetch.done", answer.fetched) : answer.errors.join(" "));
  } catch (error) {
    write(fetched, failureOf(error) || error.message);
  } finally {
    fetchButton.disabled = false;
    readSoon();
  }
});

document.addEventListener("keydown", (event) => {
  const typingNow = event.target.closest?.("input, textarea, select, dialog");
  if (typingNow || event.metaKey || event.ctrlKey || event.altKey || !["j", "k"].includes(event.key)) return;
  const links = [...rows.querySelectorAll("a")];
  if (!links.length) return;
  const at = links.findIndex((link) => link === document.activeElement || link.dataset.id === current?.id);
  const to = event.key === "j" ? Math.min(at + 1, links.length - 1) : Math.max(at - 1, 0);
  links[to].focus();
  event.preventDefault();
});

keepFresh(live, read);
live.start({ jobs: false });
if (page.mail) open(page.mail, { push: false }).catch(() => {});
