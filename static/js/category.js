// The four categories: their words, and what each looks like.

import { has, t } from "./texts.js";
import { write } from "./parts.js";

export const CATEGORIES = ["Public", "Confidential", "Highly Sensitive", "Unsafe"];

const slug = (category) => category.toLowerCase().replaceAll(" ", "-");

/** Return a category in the reader's language; one that a policy has made up stays as it is. */
export function categoryWord(category) {
  const key = `category.${slug(category)}`;
  return has(key) ? t(key) : category;
}

/** Show a category in a badge, or nothing for null. */
export function showCategory(badge, category) {
  badge.hidden = !category;
  if (!category) return;
  write(badge, categoryWord(category));
  badge.className = `category category--${slug(category)}`;
}
