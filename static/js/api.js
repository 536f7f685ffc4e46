// The REST API, with the session's cookie. Every refusal becomes an ApiError with a sentence for people.

import { has, t } from "./texts.js";

const PATIENCE_MS = 15000;

export class ApiError extends Error {
  /**
   * status: HTTP's, 0 when the server could not be reached. code: the server's own word, or "".
   * fields: {name: sentence} of what is wrong with single fields.
   */
  constructor(message, { status = 0, code = "", fields = {} } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.fields = fields;
  }

  get signedOut() {
    return this.status === 401;
  }
}

export function csrfToken() {
  const match = document.cookie.match(/(?:^|;\s*)csrftoken=([^;]+)/);
  return match ? decodeURIComponent(match[1]) : "";
}

export async function get(path) {
  return request("GET", path);
}

/** key: an Idempotency-Key, so that what is sent again after a broken connection is done once. */
export async function post(path, body, { key } = {}) {
  return request("POST", path, body, key ? { "Idempotency-Key": key } : {});
}

export async function patch(path, body) {
  return request("PATCH", path, body);
}

export async function remove(path, body) {
  return request("DELETE", path, body);
}

async function request(method, path, content, more = {}) {
  const headers = { Accept: "application/json", ...more };
  if (content !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  let response, text;
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const sent = content === undefined ? undefined : JSON.stringify(content);
    response = await fetch(path, { method, headers, signal, body: sent, credentials: "same-origin", cache: "no-store" });
    text = await response.text();
  } catch {
    throw new ApiError(t("error.offline"));
  }
  const body = parse(text);
  if (!response.ok) throw toError(response.status, body);
  return body;
}

/**
 * Send a form with files; `onProgress` gets 0–1 while the bytes go out. (fetch cannot tell that yet.)
 * key: an Idempotency-Key, so that what is sent twice over a broken connection becomes one job.
 */
export function upload(path, form, { key, onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", path);
    xhr.setRequestHeader("Accept", "application/json");
    xhr.setRequestHeader("X-CSRFToken", csrfToken());
    xhr.setRequestHeader("Idempotency-Key", key);
    xhr.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    xhr.onload = () => {
      const body = parse(xhr.responseText);
      if (xhr.status >= 200 && xhr.status < 300 && body) resolve(body);
      else reject(toError(xhr.status, body));
    };
    xhr.onerror = () => reject(new ApiError(t("upload.lost")));
    xhr.onabort = () => reject(new ApiError("", { code: "aborted" }));
    signal.addEventListener("abort", () => xhr.abort());
    xhr.send(form);
  });
}

function parse(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

// problem+json says `detail`; field errors are lists of sentences under their names.
function toError(status, body) {
  const fields = body?.errors && typeof body.errors === "object" ? Object.values(body.errors).flat(2) : [];
  const sentences = fields
    .map((error) => (typeof error === "string" ? error : (error?.message ?? error?.detail)))
    .filter((error) => typeof error === "string");
  const detail = typeof body?.detail === "string" ? body.detail : "";
  const known = `refused.${body?.code}`; // what the page can say in the reader's language
  const message = has(known) ? t(known) : sentences.length ? sentences.join(" ") : detail || body?.error_message || body?.title || t("error.unknown", { status });
  const named = (Array.isArray(body?.errors) ? body.errors : []).map(({ field, message: said }) => [field ?? "", said]);
  return new ApiError(message, { status, code: body?.code ?? "", fields: Object.fromEntries(named) });
}
