// A CV's profile, laid out for reading, and as the JSON that programs get.

import { readOrJson } from "./json-view.js";
import { languageName } from "./languages.js";
import { clone, partsOf } from "./parts.js";
import { count, locale, t } from "./texts.js";

/** Return an element that shows a parser result (`GET /api/v1/parser/result/<id>`). name: for the downloaded file. */
export function profileView(result, name) {
  const element = clone("profile");
  const parts = partsOf(element);
  const { profile, cv_language: cvLanguage } = result.parsed_data;

  fillBasics(parts, profile.basics ?? {}, cvLanguage);
  fillSkills(parts.skills, profile.basics?.skills ?? []);
  fillTimeline(parts.experiences, profile.professional_experiences ?? [], experienceEntry);
  fillTimeline(parts.education, profile.education ?? [], educationEntry);
  readOrJson(parts, result.parsed_data, `${name.replace(/\.[^.]+$/, "")}.profile.json`);
  return element;
}

/** What a profile is in one line: {profession, rest}. */
export function headline({ parsed_data: { profile } }) {
  const basics = profile.basics ?? {};
  const years = basics.total_experience_in_years;
  const skills = (basics.skills ?? []).length;
  return {
    profession: basics.profession || t("profile.no_profession"),
    rest: [years ? formatYears(years) : "", skills ? count("profile.skills", skills) : ""].filter(Boolean).join(" · "),
  };
}

function fillBasics(parts, basics, cvLanguage) {
  parts.years.textContent = formatYears(basics.total_experience_in_years);
  parts.licence.textContent = formatLicence(basics.has_driving_license);
  parts.language.textContent = languageName(cvLanguage) || t("profile.unknown");
  parts.summary.textContent = basics.summary ?? "";
  parts.summary.hidden = !basics.summary;
}

function fillSkills(list, skills) {
  const names = skills.map((skill) => (typeof skill === "string" ? skill : skill?.name)).filter(Boolean);
  if (!names.length) return nothing(list);
  list.replaceChildren(...names.map((name) => item(name)));
}

function fillTimeline(list, entries, describe) {
  if (!entries.length) return nothing(list);
  list.replaceChildren(
    ...entries.map((entry) => {
      const element = clone("timeline-entry");
      const parts = partsOf(element);
      const words = describe(entry);
      for (const [name, part] of Object.entries(parts)) {
        part.textContent = words[name] ?? "";
        part.hidden = !words[name];
      }
      element.classList.toggle("is-current", Boolean(entry.is_current));
      return element;
    }),
  );
}

function experienceEntry(entry) {
  const title = entry.title || entry.company || t("profile.untitled");
  const place = entry.title ? entry.company : "";
  return { title, place, when: formatSpan(entry), text: entry.summary };
}

function educationEntry(entry) {
  const degree = [entry.degree, entry.field].filter(Boolean).join(", ");
  return { title: degree || entry.school || t("profile.untitled"), place: degree ? entry.school : "", when: formatSpan(entry) };
}

function formatSpan({ start, end, is_current: isCurrent }) {
  const from = formatMonth(start);
  const to = isCurrent ? t("profile.present") : formatMonth(end);
  return from && to && from !== to ? `${from} – ${to}` : from || to;
}

const month = new Intl.DateTimeFormat(locale, { month: "short", year: "numeric", timeZone: "UTC" });

// `2019-03` and `2019-03-01` become a month; a bare year and anything else stay as they are.
function formatMonth(text) {
  if (text === null || text === undefined || text === "") return "";
  const match = /^(\d{4})-(\d{2})/.exec(String(text));
  return match ? month.format(new Date(Date.UTC(Number(match[1]), Number(match[2]) - 1, 1))) : String(text);
}

function formatYears(years) {
  if (years === null || years === undefined) return t("profile.unknown");
  return count("profile.years", Math.round(years * 10) / 10);
}

function formatLicence(has) {
  if (has === true) return t("profile.yes");
  return has === false ? t("profile.no") : t("profile.unknown");
}

function nothing(list) {
  const words = document.createElement("p");
  words.className = "muted";
  words.textContent = t("profile.none");
  list.replaceWith(words);
}

function item(text) {
  const element = document.createElement("li");
  element.textContent = text;
  return element;
}
