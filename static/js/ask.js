// A question before something that cannot be undone.

import { partsOf } from "./parts.js";

const dialog = document.querySelector("[data-ask]");

/** Resolve to true when the reader says yes. */
export function ask({ title, text, yes }) {
  const parts = partsOf(dialog);
  parts.title.textContent = title;
  parts.text.textContent = text;
  parts.yes.textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
