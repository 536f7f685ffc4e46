// A result, either laid out for reading or as the JSON that programs get; to copy and to download.

import { copyText } from "./clipboard.js";

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
  parts.copy.addEventListener("click", () => copyText(json, parts["copy-text"], () => (show("json"), parts.json)));
  parts.download.addEventListener("click", () => download(json, fileName));
}

/** Let the reader save JSON as a file. */
export function download(json, fileName) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([json], { type: "application/json" }));
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 0);
}
