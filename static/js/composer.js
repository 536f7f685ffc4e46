// What to paint: the prompt and its numbers, remembered in this browser; errors stand at the field they are about.

import { partsOf, write } from "./parts.js";
import { t } from "./texts.js";

const REMEMBERED = "sira.images";
const NUMBERS = ["width", "height", "steps"];
const NEARLY_FULL = 0.8;

export class Composer {
  /** form: the element. longest: characters of a prompt. onSend: async, called with what is to be painted. */
  constructor({ form, longest, onSend }) {
    Object.assign(this, { form, longest, onSend });
    this.parts = partsOf(form);
    this.prompt = form.elements.prompt;
    this.#remember();
    this.#showShape();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.prompt.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    this.prompt.addEventListener("input", () => this.#count());
    form.addEventListener("change", ({ target }) => {
      if (target.name === "shape") this.#takeShape(target.value);
      if (target.name === "width" || target.name === "height") this.#showShape();
    });
  }

  /** Put a prompt and its numbers back, to be changed or sent again. */
  fill({ prompt, width, height, steps, seed }) {
    this.prompt.value = prompt;
    Object.entries({ width, height, steps, seed: seed ?? "" }).forEach(([name, value]) => {
      this.form.elements[name].value = value;
    });
    this.#showShape();
    this.#count();
  }

  /** Show what the server refused. error: an ApiError. */
  refuse(error) {
    const known = Object.entries(error.fields).filter(([field]) => this.form.querySelector(`[data-problem="${field}"]`));
    for (const [field, sentence] of known.length ? known : [["", error.message]]) this.#problem(field, sentence);
    const first = known[0]?.[0];
    if (first && first !== "prompt") this.parts.more.open = true;
    (first ? this.form.elements[first] : this.prompt).focus();
  }

  async #send() {
    for (const place of this.form.querySelectorAll("[data-problem]")) this.#problem(place.dataset.problem, "");
    const wish = this.#wish();
    if (!wish.prompt) return this.refuse({ fields: { prompt: t("prompt.empty") } });
    try {
      localStorage.setItem(REMEMBERED, JSON.stringify(Object.fromEntries(NUMBERS.map((name) => [name, wish[name]]))));
    } catch {
      // A browser that remembers nothing paints as well.
    }
    this.prompt.value = "";
    this.form.elements.seed.value = "";
    this.#count();
    this.prompt.focus();
    await this.onSend(wish);
  }

  #wish() {
    const { elements } = this.form;
    const number = (name) => (elements[name].value === "" ? null : Number(elements[name].value));
    // What is no number is sent as it was typed: the server says what is wrong with it.
    const given = (name) => (elements[name].validity.badInput ? "?" : number(name));
    const wish = { prompt: this.prompt.value.trim(), seed: given("seed") };
    for (const name of NUMBERS) if (given(name) !== null) wish[name] = given(name);
    return wish;
  }

  #problem(field, sentence) {
    const place = this.form.querySelector(`[data-problem="${field}"]`);
    write(place, sentence);
    place.hidden = !sentence;
    if (!field) return;
    if (sentence) this.form.elements[field].setAttribute("aria-invalid", "true");
    else this.form.elements[field].removeAttribute("aria-invalid");
  }

  #count() {
    const length = [...this.prompt.value].length;
    write(this.parts.count, length > this.longest * NEARLY_FULL ? t("prompt.count", { n: length, max: this.longest }) : "");
  }

  #takeShape(value) {
    const [width, height] = value.split("x");
    this.form.elements.width.value = width;
    this.form.elements.height.value = height;
  }

  #showShape() {
    const { width, height } = this.form.elements;
    for (const option of this.form.elements.shape) option.checked = option.value === `${width.value}x${height.value}`;
  }

  #remember() {
    try {
      const kept = JSON.parse(localStorage.getItem(REMEMBERED) ?? "{}");
      for (const name of NUMBERS) if (Number.isInteger(kept[name])) this.form.elements[name].value = kept[name];
    } catch {
      // Nothing is remembered.
    }
  }
}
