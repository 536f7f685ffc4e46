// A result, either laid out for reading or as the JSON that programs get; to copy and to download.

import { t } from "./texts.js";

const SHOWN_COPIED_MS = 2000;

/**
 * Make the parts of a view work: `show-read`, `show-json`, `read`, `json`, `copy`, `copy-text`, `download`.
 * value: what the JSON says. fileName: what it is called when downloaded.
 */
export function readOrJson(parts, value, fileName) {
  const json = JSON.stringify(value, null, 2);
  parts.json.textContent = json;
  const show = (which) => {
    parts.read.hidden = which !== "read";
    parts.json.hidden = which !== "json";
    parts["show-read"].setAttribute("aria-pressed", String(which === "read"));
    parts["show-json"].setAttribute("aria-pressed", String(which === "json"));
  };
  parts["show-read"].addEventListener("click", () => show("read"));
  parts["show-json"].addEventListener("click", () => show("json"));
  parts.copy.addEventListener("click", () => copy(parts, json, () => show("json")));
  parts.download.addEventListener("click", () => download(json, fileName));
}

async function copy(parts, json, showJson) {
  try {
    await navigator.clipboard.writeText(json);
    parts["copy-text"].textContent = t("copied");
  } catch {
    // Without HTTPS a page may not write to the clipboard; then the text is at least selected.
    showJson();
    getSelection().selectAllChildren(parts.json);
    parts["copy-text"].textContent = document.execCommand("copy") ? t("copied") : t("copy.failed");
  }
  setTimeout(() => (parts["copy-text"].textContent = t("copy")), SHOWN_COPIED_MS);
}

function download(json, fileName) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([json], { type: "application/json" }));
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 0);
}
