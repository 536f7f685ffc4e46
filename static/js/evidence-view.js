// What speaks for a document's category, laid out for reading. Everything a document said is written as text.

import { categoryWord, showCategory } from "./category.js";
import { readOrJson } from "./json-view.js";
import { languageName } from "./languages.js";
import { clone, partsOf } from "./parts.js";
import { count, has, language, t } from "./texts.js";

const percent = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });

/** Return an element that shows a document (`GET /documents/<id>`) that has been classified. */
export function evidenceView({ classification, filename }) {
  const element = clone("evidence-view");
  const parts = partsOf(element);
  showCategory(parts.category, classification.final_category);
  parts.category.classList.add("category--large");
  parts.confidence.textContent = t("evidence.confidence", { n: percent.format((classification.confidence ?? 0) * 100) });
  fill(parts.reasons, reasonsOf(classification).map((reason) => textIn("li", reason)));
  fillPages(parts, classification.evidence ?? []);
  fillDetectors(parts, classification.detectors ?? []);
  fillFacts(parts.facts, classification);
  fill(parts.warnings, (classification.warnings ?? []).map((warning) => textIn("li", String(warning))));
  readOrJson(parts, classification, `${(filename ?? "document").replace(/\.[^.]+$/, "")}.classification.json`);
  return element;
}

// The policy says its reasons in both languages.
function reasonsOf(classification) {
  return classification[`reasons_${language}`] ?? classification.reasons ?? [];
}

/** What a detector looks for, in words. */
export function detectorWord(name) {
  const key = `detector.${name}`;
  if (has(key)) return t(key);
  const words = String(name).replaceAll("_", " ");
  return words.charAt(0).toLocaleUpperCase(language) + words.slice(1);
}

function fillPages(parts, evidence) {
  parts.places.hidden = !evidence.length;
  const pages = new Map(); // page, or null for what is on none -> evidence
  for (const piece of evidence) pages.set(piece.page ?? null, [...(pages.get(piece.page ?? null) ?? []), piece]);
  parts.pages.replaceChildren(
    ...[...pages].map(([page, pieces]) => {
      const element = clone("evidence-page");
      const its = partsOf(element);
      its.page.textContent = page === null ? t("evidence.whole") : t("evidence.page", { n: page });
      its.excerpts.replaceChildren(...pieces.map(excerptOf));
      return element;
    }),
  );
}

function excerptOf({ detector, excerpt }) {
  const element = clone("evidence-excerpt");
  const parts = partsOf(element);
  parts.detector.textContent = detectorWord(detector);
  parts.excerpt.textContent = excerpt ?? "";
  parts.excerpt.hidden = !excerpt;
  return element;
}

function fillDetectors(parts, detectors) {
  const found = detectors.filter((detector) => detector.count > 0);
  parts.counted.hidden = !found.length;
  parts.detectors.replaceChildren(
    ...found.map(({ name, count: times, shown = times, category, hard }) => {
      const line = document.createElement("tr");
      const speaks = category && category !== "Public" ? categoryWord(category) : "–";
      // A page full of the same is not told in full; that it is not is.
      const counted = shown && shown < times ? `${times} (${t("evidence.shown", { n: shown })})` : String(times);
      line.append(textIn("th", detectorWord(name)), textIn("td", counted), textIn("td", hard ? t("evidence.hard", { category: speaks }) : speaks));
      line.firstChild.scope = "row";
      return line;
    }),
  );
}

function fillFacts(list, { readable, language: written, pages, ocr_used: ocr, embedded_images: images, provider }) {
  const facts = [
    ["evidence.readable", readable === false ? t("evidence.unreadable") : t("profile.yes")],
    ["evidence.language", languageName(written) || t("profile.unknown")],
    ["evidence.pages", pages == null ? "" : String(pages)],
    ["evidence.images", images == null ? "" : images ? count("evidence.images_found", images) : t("profile.no")],
    ["evidence.ocr", ocr ? t("profile.yes") : ""],
    ["evidence.provider", provider ? (has(`provider.${provider}`) ? t(`provider.${provider}`) : provider) : ""],
  ];
  list.replaceChildren(
    ...facts
      .filter(([, value]) => value)
      .map(([key, value]) => {
        const pair = document.createElement("div");
        pair.append(textIn("dt", t(key)), textIn("dd", value));
        return pair;
      }),
  );
}

function fill(list, items) {
  list.hidden = !items.length;
  list.replaceChildren(...items);
}

function textIn(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
