// /app/jobs/: a list that one can filter, select from and act on, kept up to date while one looks at it.

import { ActOnJobs } from "./act-on-jobs.js";
import { announce } from "./announcer.js";
import { showConnection } from "./connection-chip.js";
import { leaveOutBlanks } from "./filter-form.js";
import { JobRows } from "./job-rows.js";
import { Live } from "./live.js";
import { Newcomers } from "./newcomers.js";
import { Picking } from "./picking.js";
import { count } from "./texts.js";

const page = JSON.parse(document.getElementById("page").textContent);
const listing = document.querySelector("[data-listing]");
const list = listing.querySelector("[data-rows]");

leaveOutBlanks(document.querySelector("[data-filter]"));
const live = new Live();
showConnection(live, document.querySelector("[data-connection]"), document.body);
const rows = new JobRows({ list, live, onChange: () => picking.refresh() });
const actions = new ActOnJobs({
  dialog: document.querySelector("[data-act]"),
  summary: document.querySelector("[data-summary]"),
  onDone: showOutcomes,
});
const picking = new Picking({
  bar: document.querySelector("[data-picking]"),
  rows,
  onAct: (act, selected) => actions.run(act, selected),
});

function showOutcomes(act, outcomes) {
  picking.clear();
  for (const { item, value, error } of outcomes) {
    if (error?.status === 404 || (act === "delete" && !error)) rows.markGone(item.id);
    else if (!error) rows.learn(value);
    else rows.look(item.id);
  }
}

/** Put the first page as it is now in place of the rows, for who asked for it. ids: the new ones among them. */
async function load(ids) {
  const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
  // Signed out, or an error: the whole page says it better.
  if (!answer.ok || answer.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-listing]");
  const selected = new Set(picking.selected.map(({ id }) => id));
  list.replaceChildren(...fresh.querySelector("[data-rows]").children);
  for (const part of ["[data-count]", "[data-pages]", "[data-empty]"]) {
    listing.querySelector(part).replaceWith(fresh.querySelector(part));
  }
  list.hidden = !list.childElementCount;
  rows.readRows();
  for (const { id, element, parts } of rows.rows) {
    parts.pick.checked = selected.has(id);
    element.classList.toggle("pick--new", ids.includes(id));
  }
  picking.refresh();
  announce(count("list.loaded", ids.length));
  (list.querySelector(".pick--new a") ?? list).focus({ preventScroll: true });
}

if (page.newest) {
  const button = document.querySelector("[data-newcomers]");
  new Newcomers({ button, path: page.newest, rows, live, asks: page.asks, onLoad: load });
}
live.start();
