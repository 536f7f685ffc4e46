// Templates: the structure and its words are in HTML, scripts fill in the parts.

/** Return a copy of a <template>'s one element. */
export function clone(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** Return the elements with data-part below `root`, by name. */
export function partsOf(root) {
  const parts = {};
  for (const element of root.querySelectorAll("[data-part]")) parts[element.dataset.part] = element;
  return parts;
}

/** Write text only when it changed: a node that is written again loses the reader's selection. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
