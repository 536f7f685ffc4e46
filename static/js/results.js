// The profile below a card whose CV has been read. It is fetched when it comes into view: a list of fifty does not
// ask for fifty profiles at once.

import { get } from "./api.js";
import { partsOf } from "./parts.js";
import { headline, profileView } from "./profile-view.js";
import { t } from "./texts.js";

const shown = new WeakSet(); // cards whose profile is there or on its way
const opened = new WeakSet(); // cards whose profile is to be open at once
const cards = new WeakMap(); // element -> card

const sight = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      sight.unobserve(entry.target);
      fetchProfile(cards.get(entry.target));
    }
  },
  { rootMargin: "300px" },
);

/**
 * Show the profile of a succeeded CV; take it away when the job runs again.
 * open: laid out at once, and not as one line that opens. What ends while one watches is always open.
 */
export function showProfile(card, { open = false } = {}) {
  const place = card.parts.result;
  if (card.job.state !== "succeeded") {
    place.hidden = true;
    place.replaceChildren();
    shown.delete(card);
    opened.add(card);
    return;
  }
  if (open) opened.add(card);
  if (shown.has(card)) return;
  shown.add(card);
  place.hidden = false;
  place.textContent = t("profile.loading");
  cards.set(card.element, card);
  sight.observe(card.element);
}

async function fetchProfile(card) {
  const place = card.parts.result;
  try {
    const result = await get(`/api/v1/parser/result/${card.job.id}`);
    if (card.job.state === "succeeded") place.replaceChildren(...disclosure(result, card));
  } catch (error) {
    place.replaceChildren(retryLine(card, error));
  }
}

// One line that says who this is, and the whole profile below it.
function disclosure(result, card) {
  const profile = profileView(result, card.name);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "disclosure";
  const words = document.createElement("span");
  const { profession, rest } = headline(result);
  const more = document.createElement("small");
  more.textContent = rest;
  words.append(profession, " ", more);
  button.append(words);
  profile.id = `profile-${card.job.id}`;
  button.setAttribute("aria-controls", profile.id);
  const show = (open) => {
    profile.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
  };
  button.addEventListener("click", () => show(profile.hidden));
  show(opened.has(card));
  return [button, profile];
}

function retryLine(card, error) {
  const line = document.createElement("p");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = partsOf(card.element).retry.textContent;
  button.addEventListener("click", () => fetchProfile(card));
  line.append(error.message, " ", button);
  return line;
}
