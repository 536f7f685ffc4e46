// Copying. Without HTTPS a page may not write to the clipboard; then the text is selected and the old way is tried.

import { announce } from "./announcer.js";
import { t } from "./texts.js";

const SHOWN_COPIED_MS = 2000;

/**
 * Copy text and say so. label: the element whose words say "Copied" for a moment. reveal: called where the reader may have
 * to copy by hand; returns an element that shows the text.
 */
export async function copyText(text, label, reveal = null) {
  const words = label.dataset.words ?? label.textContent;
  label.dataset.words = words;
  const said = (await write(text, reveal)) ? t("copied") : t("copy.failed");
  label.textContent = said;
  announce(said);
  setTimeout(() => (label.textContent = words), SHOWN_COPIED_MS);
}

async function write(text, reveal) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const place = reveal?.() ?? document.body.appendChild(Object.assign(document.createElement("pre"), { textContent: text }));
    getSelection().selectAllChildren(place);
    const copied = document.execCommand("copy");
    if (!reveal) place.remove();
    return copied;
  }
}

/** Make the buttons below `root` work that copy what `data-copy` says; an address when it begins with a slash. */
export function copyButtons(root = document) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    const label = button.querySelector("[data-part='copy-text']") ?? button;
    button.addEventListener("click", () => {
      const text = button.dataset.copy;
      copyText(text.startsWith("/") ? new URL(text, location.origin).href : text, label);
    });
  }
}
