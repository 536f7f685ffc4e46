// The reply: edited, saved as one types, checked by the server against the order, approved, sent. What was typed is
// never lost: not to a colleague's change, not to a broken connection.

import { announce } from "./announcer.js";
import { get, patch, post, remove } from "./api.js";
import { ask } from "./ask.js";
import { formatTime } from "./clock.js";
import { failureOf } from "./failure.js";
import { clone, partsOf, write } from "./parts.js";
import { count, has, t } from "./texts.js";

const SAVE_MS = 800;
const TRY_AGAIN_MS = 4000;
const LIVE = new Set(["open", "sending", "unknown"]);

export class DraftEditor {
  #mail = null;
  #draft = null;
  #timer = 0;
  #saving = null;
  #conflict = false;
  #busy = false;

  /**
   * took: called with the mail as it is after a change. watch: with the id of a job that was begun. again: when the
   * mail should be read again. gone: when it was deleted.
   */
  constructor({ place, took, watch, again, gone }) {
    Object.assign(this, { place, took, watch, again, gone });
    const { parts } = Object.assign(this, { parts: partsOf(place) });
    parts.body.addEventListener("input", () => this.#typed());
    parts.send.addEventListener("click", () => this.#send());
    parts.write.addEventListener("click", () => this.#write());
    parts.dismiss.addEventListener("click", () => this.#change("dismiss", "say.dismissed"));
    parts.reopen.addEventListener("click", () => this.#change("reopen", "say.reopened"));
    parts.delete.addEventListener("click", () => this.#delete());
    parts["was-sent"].addEventListener("click", () => this.#resolve("sent"));
    parts["send-again"].addEventListener("click", () => this.#resolve("send_again"));
    parts.mine.addEventListener("click", () => this.#keepMine());
    parts.theirs.addEventListener("click", () => this.#takeTheirs());
    window.addEventListener("beforeunload", (event) => this.#isDirty && event.preventDefault());
  }

  /** other: whether another mail was open before. */
  show(mail, { other }) {
    if (other) {
      this.#draft = null;
      this.#conflict = false;
      this.parts.problem.hidden = true;
      write(this.parts.saved, "");
    }
    this.#mail = mail;
    const before = this.#draft;
    const draft = mail.draft;
    if (before && draft && before.id === draft.id && draft.version < before.version) return; // an answer from earlier
    const dirty = this.#isDirty && before?.id === draft?.id;
    if (dirty && draft.version !== before.version && draft.body !== before.body) this.#conflict = true;
    if (!this.#conflict) this.#draft = draft;
    if (draft && !dirty && !this.#conflict && this.parts.body.value !== draft.body) this.parts.body.value = draft.body;
    this.#render();
  }

  /** Save what was typed before another mail is opened. */
  async leave() {
    clearTimeout(this.#timer);
    if (this.#isDirty && !this.#conflict) await this.#save();
  }

  get #isDirty() {
    return this.#draft?.state === "open" && this.parts.body.value !== this.#draft.body;
  }

  #render() {
    const { parts } = this;
    const draft = this.#draft;
    const mail = this.#mail;
    const isLive = draft && LIVE.has(draft.state);
    const isOpen = draft?.state === "open";
    parts.none.hidden = Boolean(draft);
    parts.form.hidden = !draft;
    parts.state.hidden = !draft;
    parts.write.disabled = this.#busy || ["sending", "unknown"].includes(draft?.state);
    parts.dismiss.hidden = mail.box !== "open" || ["sending", "unknown"].includes(draft?.state);
    parts.reopen.hidden = mail.box === "open" || Boolean(isLive);
    parts.send.hidden = !isOpen;
    parts.unknown.hidden = draft?.state !== "unknown";
    write(parts.recipient, draft ? t("draft.recipient", { address: draft.recipient || t("mail.nobody") }) : "");
    if (!draft) return;
    write(parts.state, t(`draft.${draft.state}`));
    parts.state.className = `badge badge--${{ open: draft.can_send ? "good" : "waiting", sending: "info", sent: "good", unknown: "bad" }[draft.state] ?? "cancelled"}`;
    write(parts.origin, originOf(draft));
    parts.body.readOnly = !isOpen;
    parts.conflict.hidden = !this.#conflict;
    parts.old.hidden = !draft.out_of_date;
    if (draft.out_of_date) write(parts["old-text"], t(`old.${draft.out_of_date.code}`));
    parts.error.hidden = !draft.send_error || !isOpen;
    if (draft.send_error) write(parts["error-text"], t("draft.not_sent", { message: failureOf(draft.send_error) }));
    parts.checked.classList.toggle("is-old", this.#isDirty);
    parts.checked.replaceChildren(...checkedText(draft));
    this.#doubts(draft);
    const blocked = !draft.can_send || this.#isDirty || this.#conflict || this.#busy;
    parts.send.setAttribute("aria-disabled", String(blocked));
  }

  #doubts(draft) {
    const { doubts } = this.parts;
    const open = draft.state === "open" ? draft.claims.filter((claim) => !claim.field && !claim.confirmed_by) : [];
    doubts.hidden = !open.length;
    doubts.replaceChildren(
      ...open.map((claim) => {
        const made = clone("doubt");
        const parts = partsOf(made);
        write(parts.text, claim.text);
        write(parts.why, t(claim.type === "promise" ? "doubt.promise" : "doubt.unmatched"));
        parts.vouch.addEventListener("click", () => this.#save([claim.text]));
        return made;
      }),
    );
  }

  // --- saving -----------------------------------------------------------------------------------------------------
  #typed() {
    write(this.parts.saved, t("draft.typing"));
    this.#render();
    if (this.#conflict) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), SAVE_MS);
  }

  async #save(vouched = []) {
    clearTimeout(this.#timer);
    await this.#saving;
    const draft = this.#draft;
    if (draft?.state !== "open" || (!this.#isDirty && !vouched.length)) return true;
    const body = this.parts.body.value;
    const sent = { version: draft.version, body, ...(vouched.length ? { confirmed_claims: vouched } : {}) };
    this.#saving = this.#patch(sent);
    const done = await this.#saving;
    this.#saving = null;
    return done;
  }

  async #patch(sent) {
    const mail = this.#mail;
    try {
      const draft = await patch(`${mail.links.self}/draft`, sent);
      if (mail.id !== this.#mail.id) return true;
      this.#draft = draft;
      write(this.parts.saved, t("draft.saved", { time: formatTime(draft.edited_at) }));
      this.#render();
      if (draft.unmatched) announce(count("draft.doubts", draft.unmatched));
      if (this.#isDirty) this.#timer = setTimeout(() => this.#save(), SAVE_MS); // typed on meanwhile
      return true;
    } catch (error) {
      if (error.code === "draft_changed") this.#conflict = true;
      write(this.parts.saved, error.code === "draft_changed" ? t("draft.conflict") : t("draft.unsaved", { message: failureOf(error) || error.message }));
      this.#render();
      if (!error.status) this.#timer = setTimeout(() => this.#save(), TRY_AGAIN_MS);
      return false;
    }
  }

  async #latest() {
    const mail = await get(this.#mail.links.self);
    this.#conflict = false;
    this.#mail = mail;
    this.#draft = mail.draft;
    return mail;
  }

  async #keepMine() {
    await this.#try(async () => {
      await this.#latest();
      await this.#save();
    });
  }

  async #takeTheirs() {
    await this.#try(async () => {
      const mail = await this.#latest();
      this.parts.body.value = mail.draft?.body ?? "";
      write(this.parts.saved, "");
      this.took(mail);
    });
  }

  // --- what a person decides --------------------------------------------------------------------------------------
  async #send() {
    if (!(await this.#save())) return;
    const draft = this.#draft;
    if (!draft.can_send) {
      this.#say(draft.blockers.map(({ code, message }) => (has(`block.${code}`) ? t(`block.${code}`) : message)).join(" "));
      return;
    }
    const sure = await ask({
      title: t("send.title"), text: t("send.text", { address: draft.recipient }), yes: t("send.yes"), no: t("send.no"), danger: false,
    });
    if (!sure) return;
    await this.#try(async () => {
      const sent = await post(`${this.#mail.links.self}/draft/approve`, { version: draft.version });
      this.watch(sent.send_job_id);
      this.#draft = sent;
      announce(t("draft.sending"));
      this.again();
    });
  }

  async #write() {
    if (this.#draft?.edited_by && this.#draft.state === "open") {
      if (!(await ask({ title: t("write.title"), text: t("write.text"), yes: t("write.yes") }))) return;
    }
    await this.#try(async () => {
      write(this.parts.saved, t("draft.writing"));
      const { draft } = await post("/api/ai/generate-reply", { mail_id: this.#mail.id });
      this.#conflict = false;
      this.#draft = draft;
      this.parts.body.value = draft.body;
      write(this.parts.saved, t("draft.written"));
      announce(t("draft.written"));
      this.again();
    });
  }

  async #change(what, sentence) {
    await this.leave();
    await this.#try(async () => {
      this.took(await post(`${this.#mail.links.self}/${what}`, {}));
      announce(t(sentence));
    });
  }

  async #resolve(outcome) {
    await this.#try(async () => {
      const draft = await post(`${this.#mail.links.self}/draft/resolve`, { outcome });
      this.watch(draft.send_job_id);
      this.#draft = draft;
      this.again();
    });
  }

  async #delete() {
    if (!(await ask({ title: t("delete.mail"), text: t("delete.mail.text"), yes: t("delete.yes") }))) return;
    await this.#try(async () => {
      await remove(this.#mail.links.self);
      this.#draft = null;
      this.gone();
    });
  }

  async #try(work) {
    if (this.#busy) return;
    this.#busy = true;
    this.parts.problem.hidden = true;
    this.#render();
    try {
      await work();
    } catch (error) {
      this.#say(failureOf(error) || error.message);
      this.again();
    } finally {
      this.#busy = false;
      this.#render();
    }
  }

  #say(sentence) {
    this.parts.problem.hidden = false;
    write(this.parts.problem, sentence);
  }
}

/** The text in pieces, each claim marked. Places are counted in code points, as the server counts. */
function checkedText({ body, claims }) {
  const letters = Array.from(body);
  const pieces = [];
  let end = 0;
  for (const claim of claims) {
    pieces.push(letters.slice(end, claim.start).join(""), markOf(claim));
    end = claim.end;
  }
  return [...pieces, letters.slice(end).join("")];
}

function markOf(claim) {
  const mark = document.createElement("mark");
  mark.textContent = claim.text;
  mark.className = `claim${claim.field ? "" : claim.confirmed_by ? " claim--vouched" : " claim--bad"}`;
  if (claim.field) mark.title = t("claim.field", { field: fieldName(claim.field), value: claim.value });
  else mark.title = claim.confirmed_by ? t("claim.vouched", { name: claim.confirmed_by }) : t("doubt.unmatched");
  return mark;
}

function fieldName(path) {
  const name = path.split(".").findLast((part) => !/^\d+$/.test(part));
  return has(`field.${name}`) ? t(`field.${name}`) : name;
}

function originOf(draft) {
  if (draft.state === "sent") return t("draft.sent_by", { name: draft.approved_by, time: formatTime(draft.sent_at) });
  const by = draft.ai ? t("draft.by_ai", { model: draft.model }) : t("draft.by_template");
  return draft.edited_by ? `${by} · ${t("draft.edited", { name: draft.edited_by })}` : by;
}
