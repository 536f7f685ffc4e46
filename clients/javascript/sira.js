// @ts-check
// Submit jobs to Sıra, watch them, get their results. One file without dependencies or a build step, for browsers, Node
// (18 or newer) and Deno. Copy it, or import it from where you keep it; editors read its types.
//
//   const sira = new Sira({ url: "http://127.0.0.1:8000", token });
//   const job = await sira.submit("parsers.parse_cv", {}, { files: { file } });
//   await sira.wait(job, { onProgress: (event) => console.log(event.progress, event.stage) });
//   const profile = await sira.result(job);

/** @typedef {"pending" | "queued" | "processing" | "succeeded" | "failed" | "cancelled"} State */

/**
 * One step of a job. seq: 1, 2, 3 … within the job. state, progress (0 to 100), stage: as they are from then on.
 * @typedef {{seq: number, type: string, state: State, status: string, queue_position: number | null, attempt: number,
 *   progress: number, stage: string, data: Record<string, any>, at: string}} JobEvent
 */

/**
 * A file of a job. size: bytes. url: below the server's address, null when only the name was kept.
 * @typedef {{id: string, role: "input" | "output", name: string, size: number, media_type: string,
 *   url: string | null}} JobFile
 */

/**
 * How a job stands. position: 1 is next, 0 when it does not wait. waiting_sentence: why it waits. seq: the number of its
 * last event. A newer server says more than this.
 * @typedef {{id: string, kind: string, title: string, queue: string, state: State, status: string, priority: number,
 *   progress: number, stage: string, attempt: number, max_attempts: number, position: number, waiting_sentence: string,
 *   eta: {earliest: string, latest: string} | null, error: {code: string, message: string} | null, created_at: string,
 *   started_at: string | null, finished_at: string | null, seq: number, files: JobFile[],
 *   metadata: Record<string, any>}} Job
 */

/** @typedef {Blob | {name: string, content: Blob}} FileLike */

/**
 * files: by the input field that takes them; a list where it takes many. runAfter: not before this. cancelAfter: what has
 * not ended so many seconds after it was due fails. idempotencyKey: made for each call
 * when none is given, so that a submission whose answer got lost is never doubled.
 * @typedef {{files?: Record<string, FileLike | FileLike[]>, priority?: number, runAfter?: Date, userId?: string,
 *   cancelAfter?: number, metadata?: Record<string, any>, sessionId?: string, webhookUrl?: string, idempotencyKey?: string,
 *   signal?: AbortSignal}} SubmitOptions
 */

/** @typedef {Job | string} JobLike */

const FINISHED = ["succeeded", "failed", "cancelled"];
// "Not now": worth another try.
const TRANSIENT = [408, 429, 502, 503, 504];
// The server says something every 15 s. After this silence nobody is there, whatever TCP believes.
const SILENCE_MS = 25_000;
// Nothing is heard while files go out.
const UPLOAD_MS = 600_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
const PAGE = 500;

/** The server's refusal. code: stable, for programs. errors: what is wrong with single fields. status 0: no answer. */
export class SiraError extends Error {
  /**
   * @param {string} message
   * @param {{status?: number, code?: string, errors?: {field: string, code: string, message: string}[]}} [said]
   */
  constructor(message, { status = 0, code = "", errors = [] } = {}) {
    super(message);
    this.name = "SiraError";
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

/** The job failed, or was cancelled: `code` and `message` are its own. */
export class JobNotSucceeded extends SiraError {
  /** @param {string} message @param {string} code @param {string} id */
  constructor(message, code, id) {
    super(message, { code });
    this.name = "JobNotSucceeded";
    this.jobId = id;
  }
}

export class Sira {
  #base;
  #token;
  #patience;
  #silence;

  /**
   * url: the server's address. patience: milliseconds for which a request is tried again when the server is away.
   * silence: milliseconds without a sign of life after which a connection is given up.
   * @param {{url: string, token: string, patience?: number, silence?: number}} options
   */
  constructor({ url, token, patience = 120_000, silence = SILENCE_MS }) {
    this.#base = url.replace(/\/*$/, "/api/v1/");
    this.#token = token;
    this.#patience = patience;
    this.#silence = silence;
  }

  /**
   * Submit one job.
   * @param {string} kind @param {Record<string, any>} [input] @param {SubmitOptions} [options] @returns {Promise<Job>}
   */
  submit(kind, input = {}, options = {}) {
    const given = {
      kind,
      priority: options.priority,
      run_after: options.runAfter?.toISOString(),
      user_id: options.userId,
      session_id: options.sessionId,
      webhook_url: options.webhookUrl,
    };
    const envelope = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    const objects = { input, metadata: options.metadata ?? {} };
    /** @type {Record<string, string>} */
    const headers = { "Idempotency-Key": options.idempotencyKey ?? newKey() };
    if (options.cancelAfter !== undefined) headers["Cancel-After"] = `${Math.ceil(options.cancelAfter)}s`;
    const body = options.files ? toForm(envelope, objects, options.files) : JSON.stringify({ ...envelope, ...objects });
    // The key makes it safe to send again: the server answers with the job that it made the first time.
    return this.#ask("POST", "jobs/", { headers, body, signal: options.signal });
  }

  /** How the job stands now. @param {JobLike} job @param {{signal?: AbortSignal}} [options] @returns {Promise<Job>} */
  get(job, { signal } = {}) {
    return this.#ask("GET", pathOf(job), { signal });
  }

  /**
   * What the job has made. Name the type: `/** @type {Profile} *\/ (await sira.result(job))`.
   * @param {JobLike} job @param {{signal?: AbortSignal}} [options] @returns {Promise<any>}
   */
  async result(job, { signal } = {}) {
    return (await this.#ask("GET", pathOf(job, "result/"), { signal })).result;
  }

  /** Stop the job; a running one stops within seconds. @param {JobLike} job @returns {Promise<Job>} */
  cancel(job) {
    return this.#ask("POST", pathOf(job, "cancel/"), { body: "{}", repeatable: false });
  }

  /** Run a failed or cancelled job again. @param {JobLike} job @returns {Promise<Job>} */
  retry(job) {
    return this.#ask("POST", pathOf(job, "retry/"), { body: "{}", repeatable: false });
  }

  /**
   * Wait until the job has ended. onProgress: called with each event that comes. signal: `AbortSignal.timeout(60_000)` for
   * instance; the job goes on. check: throw JobNotSucceeded unless it succeeded.
   * @param {JobLike} job
   * @param {{onProgress?: (event: JobEvent) => void, signal?: AbortSignal, check?: boolean}} [options]
   * @returns {Promise<Job>}
   */
  async wait(job, { onProgress, signal, check = true } = {}) {
    let after = (typeof job === "string" ? await this.get(job, { signal }) : job).seq;
    for (;;) {
      for await (const event of this.events(job, { after, signal })) {
        after = event.seq;
        onProgress?.(event);
      }
      const found = await this.get(job, { signal });
      if (!FINISHED.includes(found.state)) continue; // somebody has it run again
      if (check && found.state === "failed")
        throw new JobNotSucceeded(found.error?.message ?? "", found.error?.code ?? "", found.id);
      if (check && found.state === "cancelled") throw new JobNotSucceeded("The job was cancelled.", "cancelled", found.id);
      return found;
    }
  }

  /**
   * Every event after number `after`, each once and in order, until the job has ended. A connection that breaks is made
   * again and goes on after the last event.
   *
   * A stream is as good as its connection, so it is never trusted with the end: when one ends, the log is read from the
   * last number on, which says what was missed and whether the job has ended. Then comes the next stream.
   * @param {JobLike} job @param {{after?: number, signal?: AbortSignal}} [options] @returns {AsyncGenerator<JobEvent>}
   */
  async *events(job, { after = 0, signal } = {}) {
    const path = pathOf(job, "events/");
    for (let attempt = 0; ; ) {
      const before = after;
      for await (const event of this.#stream(path, after, signal)) {
        if (event.seq > after + 1) break; // the log knows
        if (event.seq <= after) continue;
        after = event.seq;
        yield event;
      }
      for (let more = true; more; ) {
        const page = await this.#ask("GET", `${path}?after=${after}&limit=${PAGE}`, { signal });
        let ended = FINISHED.includes(page.job_state);
        for (const event of page.events) {
          after = event.seq;
          ended = FINISHED.includes(page.job_state) && FINISHED.includes(event.state);
          yield event;
        }
        more = page.events.length === PAGE;
        if (ended && !more) return;
      }
      if (after > before) attempt = 0;
      else await pause(pauseOf(attempt++), signal);
    }
  }

  /**
   * What one connection brings until it ends or breaks.
   * @param {string} path @param {number} after @param {AbortSignal} [signal] @returns {AsyncGenerator<JobEvent>}
   */
  async *#stream(path, after, signal) {
    const watch = new Watchdog(this.#silence, signal);
    try {
      const headers = { ...this.#headers(), Accept: "text/event-stream", "Last-Event-ID": String(after) };
      const response = await fetch(this.#base + path, { headers, signal: watch.signal, cache: "no-store" });
      const type = response.headers.get("content-type") ?? "";
      if (!response.ok || !response.body || !type.startsWith("text/event-stream")) return;
      const frames = new Frames();
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        watch.heard();
        for (const data of frames.feed(value)) yield JSON.parse(data);
      }
    } catch (error) {
      signal?.throwIfAborted(); // the caller has had enough; anything else is for the log to tell
    } finally {
      watch.end(); // which closes what is still open
    }
  }

  #headers() {
    return { Authorization: `Token ${this.#token}`, Accept: "application/json" };
  }

  /**
   * Send until there is an answer that says something. repeatable: whether the server may get it twice.
   * @param {string} method @param {string} path
   * @param {{headers?: Record<string, string>, body?: string | FormData, signal?: AbortSignal, repeatable?: boolean}} options
   * @returns {Promise<any>}
   */
  async #ask(method, path, { headers = {}, body, signal, repeatable = true }) {
    const began = Date.now();
    /** @type {Record<string, string>} */
    const type = typeof body === "string" ? { "Content-Type": "application/json" } : {};
    const silence = body instanceof FormData ? UPLOAD_MS : this.#silence;
    for (let attempt = 0; ; attempt++) {
      let failure, wait = pauseOf(attempt), again = repeatable;
      const watch = new Watchdog(silence, signal);
      try {
        const sent = { ...this.#headers(), ...type, ...headers };
        const response = await fetch(this.#base + path, { method, headers: sent, body, signal: watch.signal, cache: "no-store" });
        const said = parse(await response.text());
        if (response.ok && said !== undefined) return said;
        failure = toError(response.status, said);
        again = TRANSIENT.includes(response.status) && (repeatable || response.status === 429);
        wait = Math.max(wait, 1000 * (Number(response.headers.get("retry-after")) || 0));
      } catch (error) {
        signal?.throwIfAborted();
        failure = new SiraError(`${method} ${path} had no answer; tried ${attempt + 1} times: ${error}`);
      } finally {
        watch.end();
      }
      if (!again || Date.now() + wait - began > this.#patience) throw failure;
      await pause(wait, signal);
    }
  }
}

/** The data of server-sent events, out of bytes that may be cut anywhere. */
export class Frames {
  #decoder = new TextDecoder();
  #rest = "";
  /** @type {string[]} */
  #data = [];

  /** The events that are whole with this piece. @param {Uint8Array} piece @returns {string[]} */
  feed(piece) {
    this.#rest += this.#decoder.decode(piece, { stream: true });
    const whole = [];
    // A \r at the very end waits: a \n may follow.
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith("data:")) this.#data.push(line.slice(line[5] === " " ? 6 : 5));
      else if (line === "" && this.#data.length) whole.push(this.#data.splice(0).join("\n"));
    }
    return whole;
  }
}

/** Aborts what it watches after a silence, and when the caller's own signal does. */
class Watchdog {
  #controller = new AbortController();
  #silence;
  #callers;
  #timer;
  #abort = () => this.#controller.abort();

  /** @param {number} silence @param {AbortSignal} [callers] */
  constructor(silence, callers) {
    callers?.throwIfAborted();
    this.#silence = silence;
    this.#callers = callers;
    this.#timer = setTimeout(this.#abort, silence);
    callers?.addEventListener("abort", this.#abort);
  }

  get signal() {
    return this.#controller.signal;
  }

  heard() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#abort, this.#silence);
  }

  end() {
    clearTimeout(this.#timer);
    this.#callers?.removeEventListener("abort", this.#abort);
    this.#abort();
  }
}

/** @param {JobLike} job @param {string} [rest] */
function pathOf(job, rest = "") {
  return `jobs/${encodeURIComponent(typeof job === "string" ? job : job.id)}/${rest}`;
}

/**
 * @param {Record<string, any>} texts @param {Record<string, any>} objects
 * @param {Record<string, FileLike | FileLike[]>} files
 */
function toForm(texts, objects, files) {
  const form = new FormData();
  for (const [name, value] of Object.entries(texts)) form.append(name, String(value));
  for (const [name, value] of Object.entries(objects)) form.append(name, JSON.stringify(value));
  for (const [name, given] of Object.entries(files)) {
    for (const file of Array.isArray(given) ? given : [given]) {
      if (file instanceof Blob) form.append(name, file); // a File has a name of its own
      else form.append(name, file.content, file.name);
    }
  }
  return form;
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param {number} status @param {any} said */
function toError(status, said) {
  if (said?.code === "job_failed" && said.error) return new JobNotSucceeded(said.error.message, said.error.code, said.job_id);
  if (said?.code === "job_cancelled") return new JobNotSucceeded("The job was cancelled.", "cancelled", said.job_id);
  const message = said?.detail ?? `The server answered ${status} without saying why; is this address Sıra's?`;
  return new SiraError(message, { status, code: said?.code, errors: said?.errors });
}

/** Doubling, capped, and spread, so that the clients of a restarted server do not all come at once. @param {number} attempt */
function pauseOf(attempt) {
  return Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2);
}

/** @param {number} milliseconds @param {AbortSignal} [signal] @returns {Promise<void>} */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

// crypto.randomUUID is missing on pages without TLS, and in Node 18 crypto is no global.
function newKey() {
  const random = () => Math.random().toString(36).slice(2);
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now().toString(36)}-${random()}${random()}`;
}
