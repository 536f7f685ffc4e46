// The parts of a batch: how many have ended and how, and a list of them for who opens it.

import { get } from "./api.js";
import { nameOf } from "./job.js";
import { clone, partsOf, write } from "./parts.js";
import { count, language, number, t } from "./texts.js";

const SHOWN = 50;
// A batch moves many times a second.
const AGAIN_MS = 2000;

const percent = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });

export class MembersView {
  #said = "";
  #timer = 0;

  /** parent: its id. jobPage: the address that the id of a part is added to. */
  constructor({ section, parent, jobPage }) {
    Object.assign(this, { section, parent, jobPage, parts: partsOf(section) });
    this.parts.list.addEventListener("toggle", () => this.#read());
  }

  /** counts: {total, ended, succeeded, failed}, or null for a job without parts. */
  show(counts) {
    this.section.hidden = !counts;
    if (!counts) return;
    const words = [
      t("members.ended", { n: number(counts.ended), total: number(counts.total) }),
      counts.succeeded ? count("members.succeeded", counts.succeeded) : "",
      counts.failed ? count("members.failed", counts.failed) : "",
    ].filter(Boolean);
    if (words.join() === this.#said) return;
    this.#said = words.join();
    write(this.parts.counts, words.join(" · "));
    this.#timer ||= setTimeout(() => this.#read(), AGAIN_MS);
  }

  async #read() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!this.parts.list.open) return;
    try {
      const { results, next } = await get(`/api/v1/jobs/?parent=${this.parent}&limit=${SHOWN}`);
      this.parts.rows.replaceChildren(...results.map((job) => this.#row(job)));
      this.parts.cut.hidden = !next;
      if (next) write(this.parts.cut, count("members.cut", results.length));
    } catch (error) {
      this.parts.cut.hidden = false;
      write(this.parts.cut, error.message);
    }
  }

  #row(job) {
    const element = clone("member");
    const parts = partsOf(element);
    write(parts.name, nameOf(job).replace(/\.$/, ""));
    write(parts.id, `…${job.id.slice(-6)}`); // without a file's name many are called the same
    parts.name.href = `${this.jobPage}${job.id}/`;
    write(parts.progress, job.state === "processing" ? t("percent", { n: percent.format(job.progress) }) : "");
    write(parts.state, t(`state.${job.state}`));
    parts.state.className = `badge badge--${job.state}`;
    return element;
  }
}
