// Who holds the GPU, since when, and until about when. Asked on news, and slowly by time.

import { get } from "./api.js";
import { formatTime } from "./clock.js";
import { partsOf, write } from "./parts.js";
import { count, t } from "./texts.js";

const TOGETHER_MS = 400;
const EVERY_MS = 10000;

export class Holder {
  #timer = 0;

  /** place: the element. name: of the resource. live: the connection, whose news make it ask. */
  constructor({ place, name, live }) {
    Object.assign(this, { place, name, parts: partsOf(place) });
    for (const type of ["event", "position", "other", "mode"]) live.addEventListener(type, () => this.#soon());
    setInterval(() => document.visibilityState === "visible" && this.#soon(), EVERY_MS);
    this.#ask();
  }

  #soon() {
    this.#timer ||= setTimeout(() => this.#ask(), TOGETHER_MS);
  }

  async #ask() {
    this.#timer = 0;
    try {
      const { results } = await get("/api/v1/resources/");
      this.#show(results.find(({ name }) => name === this.name));
    } catch {
      this.place.hidden = true; // nothing is said rather than something old
    }
  }

  #show(resource) {
    this.place.hidden = !resource;
    if (!resource) return;
    const [first] = resource.holders;
    const free = resource.holders.length < resource.capacity;
    this.place.dataset.state = free ? "free" : first.held_long ? "long" : "busy";
    const sentences = [free ? t("gpu.free") : this.#busy(first)];
    if (resource.waiting) sentences.push(count("gpu.waiting", resource.waiting));
    write(this.parts.text, sentences.join(" · "));
  }

  #busy({ mine, owner, since, expected_end: end, held_long: long }) {
    const who = mine ? t("gpu.yours") : owner ? t("gpu.of", { name: owner }) : t("gpu.others");
    const until = end ? t("gpu.until", { time: formatTime(end.latest) }) : "";
    return [t("gpu.busy", { who, time: formatTime(since) }), long ? t("gpu.long") : "", until].filter(Boolean).join(", ");
  }
}
