// The server's clock: the reader's own may be wrong by minutes, and an ETA counted on it would lie.

import { count, locale, t } from "./texts.js";

let offset = 0;

/** Learn the server's time from an answer that has just come. */
export function setServerTime(iso) {
  const time = Date.parse(iso);
  if (!Number.isNaN(time)) offset = time - Date.now();
}

export function serverNow() {
  return Date.now() + offset;
}

const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const timeOfDay = new Intl.DateTimeFormat(locale, { ...TIME, second: "2-digit" });
const hourAndMinute = new Intl.DateTimeFormat(locale, TIME);
const dayAndTime = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", ...TIME });
const dateAndTime = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric", ...TIME });
const moment = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", ...TIME, second: "2-digit" });
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });

/** `14:03:22`; on another day than today with the day, in another year with the year. time: ISO text or milliseconds. */
export function formatTime(time) {
  const date = new Date(time);
  const now = new Date();
  if (date.toDateString() === now.toDateString()) return timeOfDay.format(date);
  return date.getFullYear() === now.getFullYear() ? dayAndTime.format(date) : dateAndTime.format(date);
}

/** The same to the second on every day: for steps that follow one another. */
export function formatMoment(time) {
  const date = new Date(time);
  return date.toDateString() === new Date().toDateString() ? timeOfDay.format(date) : moment.format(date);
}

/** `14:05`, on the reader's clock. */
export function formatClock(time) {
  return hourAndMinute.format(new Date(time));
}

export function formatDay(time) {
  return day.format(new Date(time));
}

/** A duration in milliseconds, for reading: `3.4 s`, `2 min 5 s`. */
export function formatDuration(milliseconds) {
  if (milliseconds < 1000) return t("duration.ms");
  const seconds = milliseconds / 1000;
  if (seconds < 60) return t("duration.s", { n: new Intl.NumberFormat(locale, { maximumFractionDigits: 1 }).format(seconds) });
  return t("duration.min", { m: Math.floor(seconds / 60), s: Math.round(seconds % 60) });
}

/** A duration in seconds, about: `4 seconds`, `27 minutes`, `3 hours`. */
export function formatAbout(seconds) {
  const { unit, n } = rounded(seconds);
  return count(unit, n);
}

/** When a job will be done, as a range in words. eta: {earliest, latest} or null; "" when nothing is known. */
export function formatEta(eta) {
  if (!eta) return "";
  const earliest = (Date.parse(eta.earliest) - serverNow()) / 1000;
  const latest = (Date.parse(eta.latest) - serverNow()) / 1000;
  if (latest < -2) return t("eta.late");
  if (latest < 3) return t("eta.soon");
  const low = rounded(Math.max(1, earliest));
  const high = rounded(latest);
  if (low.n === high.n && low.unit === high.unit) return t("eta.about", { time: count(high.unit, high.n) });
  if (low.unit === high.unit && low.unit !== "hours") {
    return t("eta.about", { time: t(`range.${low.unit}`, { from: low.n, to: high.n }) });
  }
  return t("eta.range", { earliest: count(low.unit, low.n), latest: count(high.unit, high.n) });
}

// A guess does not have the precision of a second.
function rounded(seconds) {
  if (seconds < 10) return { unit: "seconds", n: Math.ceil(seconds) };
  if (seconds < 90) return { unit: "seconds", n: Math.ceil(seconds / 5) * 5 };
  if (seconds < 90 * 60) return { unit: "minutes", n: Math.ceil(seconds / 60) };
  return { unit: "hours", n: Math.ceil(seconds / 3600) };
}
