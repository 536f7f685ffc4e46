// The picture of one card: an empty frame, what there is so far, the finished one.

import { formatDuration } from "./clock.js";
import { clone, partsOf, write } from "./parts.js";
import { t } from "./texts.js";

export class PictureView {
  #wanted = "";
  #shown = "";
  #loading = false;

  /** place: where it stands. onAgain: called when the same picture is wanted once more. */
  constructor(place, onAgain) {
    this.place = place;
    this.element = clone("picture");
    this.parts = partsOf(this.element);
    this.parts.again.addEventListener("click", onAgain);
    place.replaceChildren(this.element);
  }

  /** Show the place of a picture that is being painted. step: {step, steps} or null. preview: an address or "". */
  showPainting({ prompt, width, height }, step, preview) {
    this.#shape(width, height);
    this.element.dataset.state = "preview";
    write(this.parts.facts, step ? t("image.step", { n: step.step, total: step.steps }) : "");
    this.#hide("origin", "download", "again");
    this.parts.image.alt = t("image.so_far", { prompt });
    if (preview) this.#load(preview);
  }

  /** Show the finished picture. image: of the message's `extra_metadata`; null when it has expired. */
  showFinished(prompt, image) {
    this.place.hidden = false;
    if (!image) {
      this.parts.frame.hidden = true;
      write(this.parts.facts, t("image.expired"));
      return;
    }
    this.element.dataset.state = "finished";
    this.#shape(image.width, image.height);
    const seed = image.seed === null ? t("image.no_seed") : t("image.seed", { n: image.seed });
    const took = formatDuration(image.seconds * 1000);
    write(this.parts.facts, [`${image.width} × ${image.height}`, seed, took].join(" · "));
    write(this.parts.origin, image.ai ? t("image.by_ai", { model: image.model }) : t("image.not_ai"));
    this.parts.origin.hidden = this.parts.download.hidden = this.parts.again.hidden = false;
    this.parts.again.hidden = image.seed === null;
    this.parts.download.href = image.url;
    this.parts.image.alt = prompt;
    this.#load(image.url);
  }

  #shape(width, height) {
    this.place.hidden = false;
    this.parts.frame.hidden = false;
    this.parts.frame.style.setProperty("--shape", String(width / height));
  }

  // The old one stays until the new one is there: nothing flickers. One at a time: of many steps the latest is enough.
  #load(address) {
    this.#wanted = address;
    if (this.#loading || this.#shown === address) return;
    this.#loading = true;
    const next = new Image();
    const done = () => {
      this.#loading = false;
      if (this.#wanted !== address) this.#load(this.#wanted);
    };
    next.onload = () => {
      this.#shown = address;
      this.parts.image.src = address;
      this.parts.image.hidden = false;
      done();
    };
    next.onerror = done; // a preview is gone when its picture is finished
    next.src = address;
  }

  #hide(...names) {
    for (const name of names) this.parts[name].hidden = true;
  }
}
