// Why a job waits, in the reader's language: the server says it in English, and more exactly.

import { has, language, t } from "./texts.js";

/** job: a description, or a position message. */
export function waitOf({ waiting_for: code, waiting_sentence: sentence, position }) {
  const key = `wait.${code}`;
  if (!sentence || language === "en" || !has(key)) return sentence ?? "";
  return t(key, { n: Math.max(0, position - 1) });
}
