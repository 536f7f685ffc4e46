// Why something failed, in the reader's language where the page knows the code; else as the server said it.

import { has, t } from "./texts.js";

/** error: {code, message}, or null. */
export function failureOf(error) {
  if (!error) return "";
  const key = `failure.${error.code}`;
  return has(key) ? t(key) : (error.message ?? "");
}
