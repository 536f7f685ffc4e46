// A mail as text. What a stranger wrote becomes text nodes, and nothing else: no HTML, no picture, no link of theirs.

import { formatTime } from "./clock.js";
import { partsOf, write } from "./parts.js";
import { count, has, number, t } from "./texts.js";

export class MailView {
  /** place: the article. open: called with the id of another mail of the conversation. */
  constructor({ place, open }) {
    this.place = place;
    this.open = open;
    this.parts = partsOf(place.querySelector(".mail__main"));
  }

  show(mail) {
    const { parts } = this;
    this.place.hidden = false;
    write(parts.subject, mail.subject || t("mail.no_subject"));
    write(parts.name, mail.sender_name || mail.sender || t("mail.nobody"));
    write(parts.address, mail.sender_name ? mail.sender : "");
    write(parts.time, formatTime(mail.date ?? mail.received_at));
    write(parts["reply-to"], mail.reply_to && mail.reply_to !== mail.sender ? ` · ${t("mail.reply_to", { address: mail.reply_to })}` : "");
    write(parts.text, mail.text || t("mail.no_text"));
    parts.source.href = `${mail.links.self}/source`;
    this.#list(parts.problems, mail.problems.map(problemOf), parts.problems);
    this.#list(parts.files, mail.attachments.map(fileOf), parts["files-box"]);
    this.#thread(mail);
  }

  hide() {
    this.place.hidden = true;
  }

  #list(list, sentences, box) {
    box.hidden = !sentences.length;
    list.replaceChildren(...sentences.map((sentence) => element("li", sentence)));
  }

  #thread({ id, thread, has_later: hasLater }) {
    const { parts } = this;
    parts["thread-box"].hidden = !thread.length;
    write(parts["thread-title"], count("mail.thread", thread.length));
    parts.thread.replaceChildren(...thread.map((other) => this.#other(other)));
    const latest = thread.find((other) => other.id > id);
    parts.later.hidden = !(hasLater && latest);
    parts["later-link"].onclick = (event) => {
      event.preventDefault();
      this.open(latest.id);
    };
  }

  #other({ id, subject, sender, received_at: at }) {
    const link = element("a", subject || t("mail.no_subject"));
    link.href = `#${id}`;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      this.open(id);
    });
    const item = document.createElement("li");
    item.append(link, ` · ${sender} · ${formatTime(at)}`);
    return item;
  }
}

function problemOf(code) {
  return has(`problem.${code}`) ? t(`problem.${code}`) : code;
}

function fileOf({ name, size }) {
  return `${name} · ${size < 1024 * 1024 ? `${number(Math.max(1, Math.round(size / 1024)))} KB` : `${number(Math.round(size / 1024 / 1024))} MB`}`;
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
