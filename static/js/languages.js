// What a language is called.

import { language } from "./texts.js";

/** Return the name of a language in the reader's own, the code itself when it has none, "" for null. */
export function languageName(code) {
  if (!code) return "";
  try {
    return new Intl.DisplayNames([language], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}
