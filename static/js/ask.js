// A question before something that cannot be undone.

import { partsOf } from "./parts.js";

const dialog = document.querySelector("[data-ask]");
const parts = partsOf(dialog);
const keepIt = parts.no.textContent;

/**
 * Resolve to true when the reader says yes. no: what leaves everything as it is, "Keep it" by default. danger: whether
 * something is lost.
 */
export function ask({ title, text, yes, no = keepIt, danger = true }) {
  parts.title.textContent = title;
  parts.text.textContent = text;
  parts.yes.textContent = yes;
  parts.no.textContent = no;
  parts.yes.classList.toggle("button--danger", danger);
  parts.yes.classList.toggle("button--primary", !danger);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
