// The words for how a session stands.

import { write } from "./parts.js";
import { t } from "./texts.js";

const LOOKS = {
  running: "processing",
  completed: "succeeded",
  completed_with_errors: "waiting",
  failed: "failed",
  likely_completed: "succeeded",
  unknown: "pending",
};

/** Show one of the status words of seed 000 in a badge. */
export function showStatusWord(badge, status) {
  write(badge, t(`session.${status}`));
  badge.className = `badge badge--${LOOKS[status] ?? "pending"}`;
}
