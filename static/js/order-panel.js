// The order beside the mail: what is known, how old that is, and whose it is.

import { post } from "./api.js";
import { formatDay, formatTime } from "./clock.js";
import { failureOf } from "./failure.js";
import { clone, partsOf, write } from "./parts.js";
import { has, locale, t } from "./texts.js";

const GOOD = new Set(["FULFILLED", "DELIVERED", "PAID"]);
const BAD = new Set(["CANCELLED", "REFUNDED", "UNABLE_TO_DELIVER", "FAILED", "REFUND_REJECTED"]);

export class OrderPanel {
  #mail = null;

  /** took: called with the mail as it is after a change. watch: called with the id of a job that was begun. */
  constructor({ place, took, watch }) {
    Object.assign(this, { place, took, watch });
    this.parts = partsOf(place);
    this.parts.refresh.addEventListener("click", () => this.#do("refresh-order", {}));
    this.parts.confirm.addEventListener("click", () => this.#do("confirm-order", { number: this.#chosen()?.number }));
    this.parts.choose.addEventListener("submit", (event) => {
      event.preventDefault();
      const value = this.parts.choose.elements.number.value.trim();
      if (value) this.#do("choose-order", { number: value }).then((done) => done && this.parts.choose.reset());
    });
  }

  show(mail) {
    const { parts } = this;
    if (mail.id !== this.#mail?.id) {
      parts.problem.hidden = true;
      parts.choose.reset();
    }
    this.#mail = mail;
    const { lookup, order } = mail;
    const waits = lookup.state && !["succeeded", "failed", "cancelled"].includes(lookup.state);
    write(parts.lookup, waits ? t("lookup.under_way") : t(`lookup.${lookup.outcome}`));
    parts.lookup.className = `badge badge--${waits ? "processing" : toneOf(lookup.outcome)}`;
    const said = waits && lookup.error ? failureOf(lookup.error) : !order && !mail.order_warning ? helpFor(lookup.outcome) : "";
    parts.outcome.hidden = !said;
    write(parts.outcome, said);
    parts.warning.hidden = !mail.order_warning;
    if (mail.order_warning) write(parts["warning-text"], t("order.other_customer"));
    this.#tabs(mail.orders);
    parts.details.hidden = !order;
    if (order) this.#details(order);
  }

  #chosen() {
    return this.#mail.orders.find((one) => one.chosen);
  }

  #tabs(orders) {
    const { tabs } = this.parts;
    tabs.hidden = orders.length < 2;
    tabs.replaceChildren(
      ...orders.map((one) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = `#${one.number}`;
        button.setAttribute("aria-pressed", String(one.chosen));
        button.addEventListener("click", () => one.chosen || this.#do("choose-order", { number: one.number }));
        return button;
      }),
    );
  }

  #details(order) {
    const { parts } = this;
    write(parts.number, `#${order.number}`);
    write(parts.status, statusOf(order.status === "CREATED" ? order.package_status : order.status));
    parts.status.className = `badge badge--${badgeOf(order.status === "CREATED" ? order.package_status : order.status)}`;
    const facts = [
      [t("order.placed"), order.ordered_at && formatDay(order.ordered_at)],
      [t("order.customer"), [order.customer.full_name, order.customer.email].filter(Boolean).join(" · ")],
      [t("order.city"), order.city],
      [t("order.payment"), statusOf(order.payment_status)],
      [t("order.cancelled"), order.cancelled_at && [formatDay(order.cancelled_at), order.cancel_reason].filter(Boolean).join(" · ")],
    ].filter(([, value]) => value);
    parts.facts.replaceChildren(...facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
    parts.packages.replaceChildren(...order.packages.map((one) => this.#package(one)));
    parts.lines.replaceChildren(...order.lines.map((line) => lineOf(line, order.currency)));
    write(parts.total, money(order.total, order.currency));
    const source = order.source === "sample" ? ` · ${t("order.sample")}` : "";
    write(parts.age, `${t("as_of", { time: formatTime(order.fetched_at) })}${order.is_fresh ? "" : ` · ${t("order.stale")}`}${source}`);
  }

  #package(one) {
    const made = clone("package");
    const parts = partsOf(made);
    write(parts.name, t("order.package", { number: one.number }));
    write(parts.status, statusOf(one.status));
    parts.status.className = `badge badge--${badgeOf(one.status)}`;
    parts.track.hidden = !one.tracking_number && !one.carrier;
    write(parts.carrier, one.carrier ?? "");
    write(parts.code, one.tracking_number ?? "");
    parts.copy.hidden = !one.tracking_number;
    parts.copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(one.tracking_number);
        write(parts.copy, t("copied"));
      } catch {
        write(parts.copy, t("copy.failed"));
      }
    });
    // Only of the order, never of the mail, and only what is a web address.
    if (/^https?:\/\//i.test(one.tracking_url ?? "")) {
      parts["link-box"].hidden = false;
      parts.link.href = one.tracking_url;
    }
    return made;
  }

  async #do(what, body) {
    const mail = this.#mail;
    this.parts.problem.hidden = true;
    try {
      const answer = await post(`${mail.links.self}/${what}`, body);
      this.watch(answer.lookup.job_id);
      this.took(answer);
      return true;
    } catch (error) {
      this.parts.problem.hidden = false;
      write(this.parts.problem, failureOf(error) || error.message);
      return false;
    }
  }
}

export function statusOf(code) {
  return has(`status.${code}`) ? t(`status.${code}`) : code;
}

function badgeOf(code) {
  const whole = code.replace("PARTIALLY_", "");
  return GOOD.has(whole) ? "good" : BAD.has(whole) ? "bad" : "info";
}

function toneOf(outcome) {
  return { found: "good", other_customer: "waiting", unavailable: "bad", pending: "processing" }[outcome] ?? "pending";
}

// What to do about an outcome; some need no explanation.
function helpFor(outcome) {
  const key = `lookup.${outcome}.help`;
  return has(key) ? t(key) : "";
}

function lineOf({ name, quantity, price }, currency) {
  const item = document.createElement("li");
  item.append(element("span", `${quantity} × ${name}`), element("span", price ? money(price, currency) : ""));
  return item;
}

function money(amount, currency) {
  try {
    return new Intl.NumberFormat(locale, { style: "currency", currency }).format(Number(amount));
  } catch {
    return `${amount} ${currency}`;
  }
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
