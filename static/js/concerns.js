// What needs attention: what it is, what it means, and where it is seen or mended.

import { announce } from "./announcer.js";
import { formatTime } from "./clock.js";
import { clone, partsOf, write } from "./parts.js";
import { count, number, t } from "./texts.js";

const said = new Set();

/** section: the element. links: {code: address with {subject}}; a code without one has no link. */
export function showConcerns(section, concerns, links) {
  const list = section.querySelector("ul");
  const there = new Map([...list.children].map((element) => [element.dataset.concern, element]));
  const keys = new Set();
  for (const concern of concerns) {
    const key = `${concern.code} ${concern.subject}`;
    keys.add(key);
    let element = there.get(key);
    if (!element) {
      element = clone("concern");
      element.dataset.concern = key;
      list.append(element);
    }
    fill(element, concern, links);
    if (!said.has(key)) announce(titleOf(concern));
    said.add(key);
  }
  for (const [key, element] of there) if (!keys.has(key)) remove(element);
  for (const key of said) if (!keys.has(key)) said.delete(key);
  section.hidden = concerns.length === 0;
}

function fill(element, concern, links) {
  const parts = partsOf(element);
  element.querySelector(".notice").className = `notice notice--${concern.severity === "bad" ? "bad" : "wait"}`;
  write(parts.title, titleOf(concern));
  write(parts.means, [t(`means.${concern.code}`), sinceOf(concern)].filter(Boolean).join(" "));
  const link = links[concern.code];
  parts.link.hidden = !link;
  if (!link) return;
  parts.link.href = link.replace("{subject}", encodeURIComponent(concern.subject));
  write(parts.link, t(`attention.link.${link.startsWith("/admin/") ? concern.code : "own"}`));
}

function remove(element) {
  if (element.contains(document.activeElement)) document.getElementById("main").focus();
  element.remove();
}

function titleOf({ code, count: jobs, total, subject, title, until, since, arrived, left }) {
  return count(`attention.${code}`, jobs, {
    total: number(total),
    subject: code === "kind_failing" ? title.replace(/\.$/, "") : subject,
    until: until ? formatTime(until) : "",
    since: since ? formatTime(since) : "",
    arrived: number(arrived),
    left: number(left),
  });
}

function sinceOf({ code, since }) {
  const told = ["queue_growing", "resource_held"].includes(code); // in the title
  return since && !told ? t("attention.since", { time: formatTime(since) }) : "";
}
