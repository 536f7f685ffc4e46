// Files from a person: by drop anywhere on the page, by click or by keyboard.

import { filesOf } from "./dropped-files.js";

/** Call take(files) with what was chosen in `input` or dropped; files: an array, at least one. */
export function listenForFiles(input, take) {
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // the same file may be chosen again
    if (files.length) take(files);
  });
  listenForDrops(take);
}

// Anywhere on the page: a file that misses the zone would otherwise replace the page.
function listenForDrops(take) {
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = () => document.body.classList.toggle("is-dragging", depth > 0);
  window.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    mark();
  });
  window.addEventListener("dragleave", (event) => {
    if (!hasFiles(event)) return;
    depth = Math.max(0, depth - 1);
    mark();
  });
  window.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  window.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    mark();
    const files = await filesOf(event.dataTransfer);
    if (files.length) take(files);
  });
}
