// The files of a job: what went in and what came out, how large, how long it is kept, and where to get it.

import { formatDay, serverNow } from "./clock.js";
import { clone, partsOf, write } from "./parts.js";
import { locale, t } from "./texts.js";

const SHOWN_AS_PICTURES = ["image/png", "image/jpeg", "image/webp"];
const inUnits = (unit, unitDisplay = "short") =>
  new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay, maximumFractionDigits: 1 }).format;
const UNITS = [
  { from: 1_000_000, format: inUnits("megabyte") },
  { from: 1000, format: inUnits("kilobyte") },
  { from: 1, format: inUnits("byte", "long") },
];

/** A size in bytes, for reading: `12.3 kB`. */
export function formatSize(bytes) {
  const { from, format } = UNITS.find((unit) => bytes >= unit.from) ?? UNITS.at(-1);
  return format(bytes / from);
}

export class FileList {
  #shown = "";

  /** lost: how many files of the input have expired before this page was made, so that nothing but that is known. */
  constructor({ section, list, lost = 0 }) {
    Object.assign(this, { section, list, lost });
  }

  show(files) {
    this.section.hidden = files.length + this.lost === 0;
    const now = JSON.stringify(files);
    if (now === this.#shown) return;
    this.#shown = now;
    const gone = Array.from({ length: this.lost }, () => ({ role: "input", name: t("file.unnamed"), lost: true }));
    this.list.replaceChildren(...[...files, ...gone].map(row));
  }
}

function row(file) {
  const element = clone("file-row");
  const parts = partsOf(element);
  const expired = file.lost || (file.expires_at && Date.parse(file.expires_at) < serverNow());
  const there = Boolean(file.url) && !expired;
  write(parts.role, t(`file.${file.role}`));
  for (const name of [parts.name, parts.link]) write(name, file.name);
  parts.name.hidden = there;
  parts.link.hidden = !there;
  if (there) {
    parts.link.href = file.url;
    parts.link.download = file.name;
  }
  write(parts.about, aboutOf(file, expired));
  const isPicture = there && file.role === "output" && SHOWN_AS_PICTURES.includes(file.media_type);
  parts.picture.hidden = !isPicture;
  parts.picture.addEventListener("error", () => (parts.picture.hidden = true));
  if (isPicture) parts.picture.src = file.url;
  element.dataset.there = String(there);
  return element;
}

function aboutOf(file, expired) {
  const facts = file.lost ? [] : [formatSize(file.size), file.media_type];
  if (expired) facts.push(t("file.expired"));
  else if (!file.url) facts.push(t("file.refused"));
  else if (file.expires_at) facts.push(t("times.kept", { date: formatDay(file.expires_at) }));
  return facts.filter(Boolean).join(" · ");
}
