// The chip that says how fresh the page is. Only "Live" may go without a time.

import { formatTime } from "./clock.js";
import { partsOf, write } from "./parts.js";
import { t } from "./texts.js";

// What is asked for every two seconds is fresh enough; these bring nothing.
const STALE = new Set(["reconnecting", "paused", "signed-out"]);

export const isStale = ({ mode }) => STALE.has(mode);

/** Show the mode of `live` in `chip`, and mark everything below `root` as stale while it is not live. */
export function showConnection(live, chip, root) {
  const parts = partsOf(chip);
  live.addEventListener("mode", ({ detail: { mode, asOf } }) => {
    chip.dataset.mode = mode;
    write(parts.mode, t(`mode.${mode}`));
    const since = asOf && mode !== "live" ? t("as_of", { time: formatTime(asOf) }) : "";
    write(parts["as-of"], mode === "signed-out" ? t("mode.signed-out.help") : since);
    root.classList.toggle("is-stale", isStale({ mode }));
  });
}
