// JSON that opens and closes, by mouse and by keyboard. What is long is cut, and shown whole when asked for. Whatever it
// says is only ever text.

import { number, t } from "./texts.js";

const LONGEST_TEXT = 400;
const LONGEST_LIST = 50;
// What is this deep, and no longer, stands open at first.
const OPEN_DEPTH = 1;
const OPEN_ENTRIES = 12;
const SHOWN_NAMES = 4;

/** Return an element that shows `value`. */
export function jsonTree(value) {
  const root = element("div", "json-tree");
  if (isBranch(value) && Object.keys(value).length) root.append(children(value, 0));
  else root.append(leaf(value));
  return root;
}

const isBranch = (value) => typeof value === "object" && value !== null;

function children(value, depth) {
  const list = element("ul", "json-tree__list");
  const isList = Array.isArray(value);
  const names = Object.keys(value);
  const add = (from, to) => list.append(...names.slice(from, to).map((name) => entry(isList ? null : name, value[name], depth)));
  add(0, LONGEST_LIST);
  if (names.length > LONGEST_LIST) {
    const item = element("li", "json-tree__more");
    item.append(
      button(t("json.more", { n: number(names.length - LONGEST_LIST) }), () => {
        item.remove();
        const before = list.childElementCount;
        add(LONGEST_LIST, names.length);
        focus(list.children[before]);
      }),
    );
    list.append(item);
  }
  return list;
}

// name: null in a list, where a number would say little.
function entry(name, value, depth) {
  const item = element("li", "json-tree__entry");
  const key = name === null ? [] : [element("span", "json-tree__key", name), ": "];
  if (!isBranch(value) || !Object.keys(value).length) {
    item.append(...key, leaf(value));
    return item;
  }
  const branch = document.createElement("details");
  const summary = document.createElement("summary");
  summary.append(...key, element("span", "json-tree__size", sizeOf(value)));
  branch.append(summary);
  const fill = () => branch.childElementCount === 1 && branch.append(children(value, depth + 1));
  // The inside is made when it is looked at: a result of a megabyte opens as quickly as a small one.
  branch.addEventListener("toggle", () => branch.open && fill());
  if (depth < OPEN_DEPTH && Object.keys(value).length <= OPEN_ENTRIES) {
    fill();
    branch.open = true;
  }
  item.append(branch);
  return item;
}

// A list says how long it is, the rest what is in it.
function sizeOf(value) {
  const names = Object.keys(value);
  if (Array.isArray(value)) return `[${number(names.length)}]`;
  return `{ ${names.slice(0, SHOWN_NAMES).join(", ")}${names.length > SHOWN_NAMES ? ", …" : ""} }`;
}

function leaf(value) {
  if (typeof value === "string") return text(value);
  const kind = value === null ? "null" : typeof value;
  return element("span", `json-tree__${isBranch(value) ? "size" : kind}`, JSON.stringify(value));
}

function text(value) {
  const whole = element("span", "json-tree__string", JSON.stringify(value));
  if (value.length <= LONGEST_TEXT) return whole;
  const place = element("span", "json-tree__cut");
  const start = element("span", "json-tree__string", `${JSON.stringify(value.slice(0, LONGEST_TEXT)).slice(0, -1)}…`);
  const more = button(t("json.whole", { n: number(value.length) }), () => {
    place.replaceChildren(whole);
    focus(whole);
  });
  place.append(start, " ", more);
  return place;
}

function focus(target) {
  target.tabIndex = -1;
  target.focus();
}

function button(words, action) {
  const made = element("button", "json-tree__button", words);
  made.type = "button";
  made.addEventListener("click", action);
  return made;
}

function element(tag, className, content = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = content;
  return made;
}
