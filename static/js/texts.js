// The page's sentences, from the JSON block that the template rendered in the reader's language.

const block = document.getElementById("texts");
const texts = block ? JSON.parse(block.textContent) : {};

export const language = document.documentElement.lang || "en";
// Days before months, as the server writes them.
export const locale = language === "en" ? "en-GB" : language;

/** Return a sentence with its {names} filled in; the key itself when there is no such sentence. */
export function t(key, values = {}) {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export function has(key) {
  return key in texts;
}

/** A whole number as the reader writes it. */
export const number = new Intl.NumberFormat(language).format;

const plural = new Intl.PluralRules(language);

/** Return the form of a sentence that fits the number. values: for its other {names}. */
export function count(key, n, values = {}) {
  const form = `${key}_${plural.select(n)}`;
  return t(form in texts ? form : `${key}_other`, { ...values, n: number(n) });
}
