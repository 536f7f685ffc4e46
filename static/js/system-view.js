// The whole system in numbers: jobs by state, queues, and who holds what is shared.

import { formatAbout, formatTime } from "./clock.js";
import { clone, partsOf, write } from "./parts.js";
import { count, has, number, t } from "./texts.js";

/** table: with a row for each state. mine, all: {state: number}. */
export function showCounts(table, mine, all) {
  for (const row of table.querySelectorAll("[data-state]")) {
    const parts = partsOf(row);
    write(parts.mine, number(mine[row.dataset.state]));
    write(parts.all, number(all[row.dataset.state]));
  }
}

/** body: of the table. jobs: address of a queue's jobs with {subject}, "" for who may not see them. */
export function showQueues(body, queues, jobs) {
  const rows = new Map([...body.children].map((row) => [row.dataset.queue, row]));
  for (const queue of queues) {
    const row = rows.get(queue.name) ?? body.appendChild(clone("queue-row"));
    rows.delete(queue.name);
    row.dataset.queue = queue.name;
    const parts = partsOf(row);
    write(parts.name, queue.name);
    if (jobs) parts.name.href = jobs.replace("{subject}", encodeURIComponent(queue.name));
    write(parts.queued, number(queue.depth.queued));
    write(parts.oldest, queue.oldest_due_at ? formatAbout(queue.oldest_due_seconds) : "–");
    write(parts.processing, number(queue.depth.processing));
    write(parts.pending, number(queue.depth.pending));
    write(parts.workers, number(queue.workers));
    const state = queue.paused ? "paused" : queue.workers ? "running" : "nobody";
    write(parts.state, t(`queue.${state}`));
    parts.state.className = `badge badge--${{ paused: "waiting", running: "succeeded", nobody: queue.depth.queued ? "failed" : "none" }[state]}`;
    write(parts.reason, queue.paused_reason);
  }
  for (const row of rows.values()) row.remove();
}

/** list: of resources, a line for each holder or for a free one. */
export function showResources(list, resources, jobPage) {
  const lines = resources.flatMap((resource) => linesOf(resource));
  while (list.childElementCount > lines.length) list.lastElementChild.remove();
  while (list.childElementCount < lines.length) list.append(clone("resource-line"));
  lines.forEach((line, index) => {
    const element = list.children[index];
    const parts = partsOf(element);
    element.dataset.state = line.state;
    write(parts.name, line.name);
    write(parts.text, line.text);
    parts.link.hidden = !line.job;
    if (line.job) parts.link.href = `${jobPage}${line.job}/`;
  });
}

function linesOf({ name, capacity, waiting, holders }) {
  const title = has(`resource.${name}`) ? t(`resource.${name}`) : name;
  const lines = holders.map((holder) => ({
    name: title,
    state: holder.held_long ? "long" : "busy",
    text: busy(holder),
    job: holder.job,
  }));
  if (holders.length < capacity) lines.push({ name: title, state: "free", text: t("resource.free") });
  if (waiting) lines[0].text += ` · ${count("gpu.waiting", waiting)}`;
  return lines;
}

function busy({ mine, owner, job, since, expected_end: end, held_long: long }) {
  const who = mine ? t("resource.yours") : owner ? t("resource.of", { name: owner }) : t(job ? "resource.nobodys" : "resource.others");
  const until = end ? t("gpu.until", { time: formatTime(end.latest) }) : "";
  return [t("resource.busy", { who, time: formatTime(since) }), long ? t("gpu.long") : "", until].filter(Boolean).join(", ");
}
