// /app/images/: one's conversations; /app/images/<id>/: one of them, its prompts and pictures.

import { announce } from "./announcer.js";
import { get, patch, post, remove } from "./api.js";
import { ask } from "./ask.js";
import { Board } from "./board.js";
import { formatTime } from "./clock.js";
import { Composer } from "./composer.js";
import { showConnection } from "./connection-chip.js";
import { Holder } from "./holder.js";
import { isFinished } from "./job.js";
import { JobCard } from "./job-card.js";
import { randomKey } from "./keys.js";
import { keepFresh } from "./live-list.js";
import { Live } from "./live.js";
import { PagedList, placesOf } from "./paged-list.js";
import { partsOf, write } from "./parts.js";
import { PictureView } from "./picture-view.js";
import { t } from "./texts.js";

const page = JSON.parse(document.getElementById("page").textContent);
const empty = document.querySelector("[data-empty]");
const more = document.querySelector("[data-more]");
const listError = document.querySelector("[data-list-error]");
const PAGE = 20;
const LAST = "ffffffff-ffff-7fff-bfff-ffffffffffff";
const TOGETHER_MS = 200;
const SAY_POSITION_EVERY_MS = 8000;

const live = new Live();
showConnection(live, document.querySelector("[data-connection]"), document.body);
new Holder({ place: document.querySelector("[data-holder]"), name: "gpu", live });
const composer = new Composer({ form: document.querySelector("[data-composer]"), longest: page.longestPrompt, onSend });

let conversation = page.conversation;
const messagesOf = (id) => `${page.conversations}/${id}/messages`;

async function onSend(wish) {
  return conversation ? chat.send(wish) : begin(wish);
}

function showProblem(error) {
  listError.hidden = !error;
  if (error) write(partsOf(listError).text, error.message);
}

// --- the list of conversations ------------------------------------------------------------------------------------

/** Begin a conversation with its first prompt, and go there. What was refused stays in the form. */
async function begin(wish) {
  try {
    begun ??= await post(page.conversations, { title: wish.prompt.slice(0, 80) });
    const text = JSON.stringify(wish);
    if (attempt.text !== text) attempt = { text, key: randomKey() };
    await post(messagesOf(begun.id), wish, { key: attempt.key });
    location.assign(`${page.images}${begun.id}/`);
  } catch (error) {
    composer.fill({ ...page.defaults, ...wish });
    composer.refuse(error);
    if (begun && error.status >= 400 && error.status < 500) await forget(begun);
  }
}

/** Take back a conversation whose first prompt was refused: nothing is in it, and its title would be that prompt. */
async function forget({ id }) {
  begun = null;
  await remove(`${page.conversations}/${id}`).catch(() => {}); // then it stays in the list, to be deleted there
}

let begun = null; // for a prompt that did not arrive: what is sent again goes there
let attempt = {}; // what is sent again after a broken connection has the same key, and becomes one picture

function listConversations() {
  const conversations = new PagedList({
    ...placesOf(document, "[data-conversations]"),
    path: page.conversations,
    page: PAGE,
    template: "conversation-row",
    idOf: ({ id }) => id,
    fill: (parts, { id, title, updated_at: at }) => {
      parts.link.href = `${page.images}${id}/`;
      write(parts.name, title || t("conversation.untitled"));
      write(parts.time, formatTime(at));
    },
  });
  keepFresh(live, () => conversations.read());
}

// --- one conversation ---------------------------------------------------------------------------------------------

class Chat {
  #messages = new Map(); // job id -> the assistant's message
  #steps = new Map(); // job id -> {step, steps, attempt} of the last step that was told
  #pictures = new WeakMap(); // card -> its PictureView
  #asked = new Set(); // job ids whose finished message is on its way
  #sending = 0;
  #older = "";
  #saidAt = 0;

  constructor() {
    this.list = document.querySelector("[data-jobs]");
    this.board = new Board({
      live,
      list: this.list,
      decorate: (job) => this.#decorate(job),
      onEvent: (job, event) => this.#onEvent(job, event),
      onShown: (card) => this.#showPicture(card),
      onGone: () => this.#showEmpty(),
    });
    live.addEventListener("position", ({ detail }) => this.#sayPosition(detail));
    more.addEventListener("click", () => this.#readOlder().catch(() => {}));
    const heard = () => setTimeout(() => this.readNewest().catch(() => {}), TOGETHER_MS);
    // Asked in another tab or by a program. What this page sends is on its way here already.
    live.addEventListener("other", ({ detail: { id, event } }) => {
      if (event.type === "created" && !this.#sending && !this.board.has(id)) heard();
    });
    live.addEventListener("resumed", heard);
  }

  /** Read the latest messages. Throws an ApiError. */
  async readNewest() {
    try {
      const answer = await get(`${messagesOf(conversation)}?limit=${PAGE}&before=${LAST}`);
      this.#older ||= answer.previous ?? "";
      more.hidden = !this.#older;
      for (const message of answer.results) this.#take(message);
      showProblem(null);
    } catch (error) {
      showProblem(error);
      throw error;
    } finally {
      this.#showEmpty();
    }
  }

  async #readOlder() {
    const answer = await get(this.#older);
    this.#older = answer.previous ?? "";
    more.hidden = !this.#older;
    for (const message of answer.results) this.#take(message);
  }

  #take(message) {
    if (message.role !== "assistant") return;
    this.#messages.set(message.job.id, message);
    this.board.add(message.job);
  }

  /** Send a prompt. It has a card at once, and keeps it whatever happens to the connection. */
  async send(wish) {
    const key = randomKey();
    const card = new JobCard({
      retry: () => this.#send(card, wish, key),
      dismiss: () => (card.element.remove(), this.#showEmpty()),
    });
    this.list.prepend(card.element);
    this.#showEmpty();
    await this.#send(card, wish, key);
  }

  async #send(card, wish, key) {
    card.showSending(wish.prompt, 0);
    card.parts.cancel.hidden = true; // it takes a moment; then the job has a button of its own
    this.#sending += 1;
    try {
      const message = await post(messagesOf(conversation), wish, { key });
      card.element.remove();
      this.#take(message);
    } catch (error) {
      if (error.status === 400) {
        card.element.remove();
        this.#showEmpty();
        composer.fill({ ...page.defaults, ...wish });
        composer.refuse(error);
      } else {
        card.showUnsent(wish.prompt, error, !error.signedOut);
      }
    } finally {
      this.#sending -= 1;
    }
  }

  // --- what a card shows ------------------------------------------------------------------------------------------
  #decorate(job) {
    const message = this.#messages.get(job.id);
    if (!message) return {};
    const { width, height, steps } = message.extra_metadata.parameters;
    return { name: message.prompt, page: `${page.jobPage}${job.id}/`, about: t("image.wish", { width, height, steps }) };
  }

  #onEvent(job, event) {
    const { step, steps } = event.data ?? {};
    if (event.type === "progress" && step) this.#steps.set(job.id, { step, steps, attempt: job.attempt });
    else if (event.type !== "progress") this.#steps.delete(job.id);
    if (event.type === "requeued") this.#asked.delete(job.id);
  }

  #showPicture(card) {
    const { job } = card;
    const message = this.#messages.get(job.id);
    if (!message) return;
    if (job.state === "succeeded") return this.#showFinished(card, message);
    if (job.state !== "processing") {
      card.parts.result.hidden = true;
      card.parts.result.replaceChildren();
      this.#pictures.delete(card);
      return;
    }
    const step = this.#steps.get(job.id);
    const preview = step ? `${message.links.preview}?step=${step.attempt}-${step.step}` : job.progress > 5 ? message.links.preview : "";
    this.#pictureOf(card).showPainting({ prompt: message.prompt, ...message.extra_metadata.parameters }, step, preview);
  }

  async #showFinished(card, message) {
    const known = message.extra_metadata.status === "complete";
    if (known) return this.#pictureOf(card).showFinished(message.prompt, message.extra_metadata.image);
    if (this.#asked.has(card.job.id)) return;
    this.#asked.add(card.job.id);
    try {
      this.#messages.set(card.job.id, await get(message.links.self));
      this.#showPicture(card);
    } catch (error) {
      this.#asked.delete(card.job.id);
      card.parts.error.hidden = false;
      write(card.parts["error-text"], error.message);
    }
  }

  #pictureOf(card) {
    if (!this.#pictures.has(card)) {
      this.#pictures.set(card, new PictureView(card.parts.result, () => this.#again(card.job.id)));
    }
    return this.#pictures.get(card);
  }

  #again(id) {
    const { prompt, extra_metadata: metadata } = this.#messages.get(id);
    this.send({ prompt, ...metadata.parameters });
  }

  // --- for those who listen ---------------------------------------------------------------------------------------
  #sayPosition({ id, position }) {
    const job = this.board.jobOf(id);
    if (!job || isFinished(job) || !position || Date.now() - this.#saidAt < SAY_POSITION_EVERY_MS) return;
    this.#saidAt = Date.now();
    announce(`${this.#messages.get(id)?.prompt ?? ""}: ${t("position", { n: position })}`);
  }

  #showEmpty() {
    empty.hidden = this.list.childElementCount > 0 || !listError.hidden;
  }
}

function operateConversation() {
  const address = `${page.conversations}/${conversation}`;
  const problem = document.querySelector("[data-tools-problem]");
  const title = document.querySelector("[data-title]");
  const dialog = document.querySelector("[data-rename-dialog]");
  const refuse = (error) => {
    problem.hidden = false;
    write(problem, error.message);
  };
  document.querySelector("[data-rename]").addEventListener("click", () => {
    dialog.returnValue = "no";
    dialog.showModal();
  });
  dialog.addEventListener("close", async () => {
    if (dialog.returnValue !== "yes") return;
    try {
      const renamed = await patch(address, { title: dialog.querySelector("input").value });
      write(title, renamed.title || t("conversation.untitled"));
    } catch (error) {
      refuse(error);
    }
  });
  document.querySelector("[data-delete]").addEventListener("click", async () => {
    const question = { title: t("delete.title", { name: title.textContent }), text: t("delete.conversation"), yes: t("delete.yes") };
    if (!(await ask(question))) return;
    try {
      await remove(address);
      location.assign(page.images);
    } catch (error) {
      if (error.status === 404) location.assign(page.images);
      else refuse(error);
    }
  });
}

let chat = null;
if (conversation) {
  chat = new Chat();
  operateConversation();
  await chat.readNewest().catch(() => {});
} else {
  listConversations();
}
live.start();
