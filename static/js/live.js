// One live connection for the page: a WebSocket with a cursor for each job, and polling when it cannot be had. It rests
// while nobody looks, and goes on from its cursors.
//
// It dispatches, with everything in `detail`:
//   job       {job}               the job as it is now
//   event     {id, event}         one step, each exactly once and in order
//   position  {id, position, waiting_for, waiting_sentence, waiting_until, eta}
//   other     {id, event}         a step of one of the user's jobs that this page does not watch
//   told      {topic, jobId, event}  a step told by a topic that the page follows: old ones among them
//   state     {topic, job}        a followed topic's snapshot
//   gone      {id}                the job, or the batch, does not exist any more
//   mode      {mode, asOf}        connecting | live | reconnecting | polling | paused | signed-out; asOf: Date or null
//   resumed   {}                  live again after a break

import { ApiError, get } from "./api.js";
import { watchAttention } from "./attention.js";
import { backoff } from "./backoff.js";
import { setServerTime } from "./clock.js";
import { Cursors } from "./cursors.js";
import { Poller } from "./poller.js";

// The server pings every 15 s. After this silence we ask; after the next one nobody is there.
const ASK_AFTER_MS = 17000;
const SILENT_AFTER_MS = 23000;
const OPEN_WITHIN_MS = 8000;
const POLL_AFTER_ATTEMPTS = 3;
// The server's close code for a session that has ended.
const NOT_AUTHENTICATED = 4401;

export class Live extends EventTarget {
  #socket = null;
  #attempts = 0;
  #retryTimer = 0;
  #lastMessage = 0;
  #asked = false;
  #unconfirmed = new Set();
  #wasLive = false;
  #paused = false;
  #standing = new Set(); // topics that are subscribed to for good, and need no cursor
  #cursors = new Cursors();
  #followed = new Map(); // topic -> read
  #poller = new Poller(this, this.#cursors);

  mode = "connecting";
  asOf = null;

  constructor(url = socketUrl()) {
    super();
    this.url = url;
  }

  /** jobs: whether to hear of all the user's jobs (`other`); a page of one batch need not. */
  start({ jobs = true } = {}) {
    if (jobs) this.#standing.add("jobs");
    this.#connect();
    setInterval(() => this.#watchSilence(), 1000);
    // A laptop that wakes up, a network that is back: look now, not when the back-off is over.
    window.addEventListener("online", () => this.#paused || this.#hurry());
    window.addEventListener("offline", () => this.#drop());
    watchAttention({ onAway: () => this.#pause(), onBack: () => this.#hurry() });
  }

  /** Follow a job. after: the number of the last event that the page has shown. */
  watch(id, after) {
    this.#cursors.watch(id, after);
    this.#send({ subscribe: `job:${id}`, after: this.#cursors.after(id) });
  }

  unwatch(id) {
    if (!this.#cursors.has(id)) return;
    this.#cursors.forget(id);
    this.#confirm(`job:${id}`);
    this.#send({ unsubscribe: `job:${id}` });
  }

  /**
   * Follow a topic that has no cursor, such as `batch:<id>`. read: async, reads over REST how things stand; it is called
   * whenever the server has begun anew, and by each round of polling. What is told meanwhile may be older than that.
   */
  follow(topic, read) {
    this.#followed.set(topic, read);
    this.#send({ subscribe: topic });
  }

  unfollow(topic) {
    if (!this.#followed.delete(topic)) return;
    this.#confirm(topic);
    this.#send({ unsubscribe: topic });
  }

  get follows() {
    return this.#followed.size > 0;
  }

  watches(id) {
    return this.#cursors.has(id);
  }

  /** The number of the last event that was told, of a watched job. */
  seen(id) {
    return this.#cursors.after(id);
  }

  // --- the socket ---------------------------------------------------------------------------------------------
  #connect() {
    clearTimeout(this.#retryTimer);
    this.#paused = false;
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    const tooLong = setTimeout(() => socket === this.#socket && this.#lost(), OPEN_WITHIN_MS);
    socket.onopen = () => {
      clearTimeout(tooLong);
      if (socket !== this.#socket) return;
      this.#heard();
      // Nothing on the page counts as live before the server has said how each of these stands now.
      const uncounted = [...this.#standing, ...this.#followed.keys()];
      this.#unconfirmed = new Set([...uncounted, ...this.#cursors.ids.map((id) => `job:${id}`)]);
      for (const topic of uncounted) this.#send({ subscribe: topic });
      for (const id of this.#cursors.ids) this.#send({ subscribe: `job:${id}`, after: this.#cursors.after(id) });
    };
    socket.onmessage = (message) => socket === this.#socket && this.#receive(JSON.parse(message.data));
    socket.onclose = ({ code }) => {
      clearTimeout(tooLong);
      if (socket !== this.#socket) return;
      this.#lost();
      if (code === NOT_AUTHENTICATED) this.#setMode("signed-out");
    };
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #drop() {
    if (this.#socket) this.#lost();
  }

  #letGo() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    clearTimeout(this.#retryTimer);
  }

  #pause() {
    this.#paused = true;
    this.#attempts = 0;
    this.#letGo();
    this.#poller.stop();
    this.#setMode("paused");
  }

  #lost() {
    this.#letGo();
    this.#attempts += 1;
    if (this.#attempts >= POLL_AFTER_ATTEMPTS) this.#poller.start();
    // While polling tells it, the mode is the poller's; a first failure is no news yet.
    if (this.mode === "live" || (!this.#poller.running && this.mode !== "signed-out")) this.#setMode("reconnecting");
    this.#retryTimer = setTimeout(() => this.#connect(), backoff(this.#attempts - 1));
    if (this.#attempts === POLL_AFTER_ATTEMPTS) this.#checkSignedIn();
  }

  // A refused handshake does not say why; the API does.
  async #checkSignedIn() {
    try {
      await get("/api/v1/jobs/?limit=1");
    } catch (error) {
      this.pollFailed(error);
    }
  }

  #hurry() {
    if (this.#paused) this.#setMode("reconnecting");
    if (!this.#socket) this.#connect();
    else this.#watchSilence();
  }

  #watchSilence() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const silent = Date.now() - this.#lastMessage;
    if (silent > SILENT_AFTER_MS) this.#lost();
    else if (silent > ASK_AFTER_MS && !this.#asked) {
      this.#asked = true;
      this.#send({ ping: 1 });
    }
  }

  #heard() {
    this.#lastMessage = Date.now();
    this.#asked = false;
    if (this.mode === "live") this.asOf = new Date();
  }

  #confirm(topic) {
    this.#unconfirmed.delete(topic);
    if (this.#unconfirmed.size || this.mode === "live" || !this.#socket) return;
    this.#attempts = 0;
    this.#poller.stop();
    this.asOf = new Date();
    this.#setMode("live");
    if (this.#wasLive) this.#tell("resumed");
    this.#wasLive = true;
  }

  // --- what comes in ------------------------------------------------------------------------------------------
  #receive(message) {
    this.#heard();
    if (this.#followed.has(message.topic)) return this.#receiveFollowed(message);
    const id = message.topic?.startsWith("job:") ? message.topic.slice(4) : "";
    if (message.type === "snapshot") {
      if (id) this.receiveJob(message.job);
      this.#confirm(message.topic);
    } else if (message.type === "event" && id) this.receiveEvent(id, message.event);
    else if (message.type === "event") this.#receiveOther(message.job_id, message.event);
    else if (message.type === "position") this.#tell("position", { id, ...message });
    else if (message.type === "ping") setServerTime(message.at);
    else if (message.type === "error" && message.code === "not_found" && id) this.gone(id);
  }

  #receiveFollowed({ type, topic, job, job_id: jobId, event, code }) {
    if (type === "snapshot") {
      this.#tell("state", { topic, job });
      this.#readAnew(topic);
    } else if (type === "event") this.#tell("told", { topic, jobId, event });
    else if (type === "error" && code === "not_found") this.#followedGone(topic);
  }

  // Live only when the list is as fresh as the events that go on from it.
  async #readAnew(topic) {
    const socket = this.#socket;
    try {
      await this.#followed.get(topic)();
      if (socket === this.#socket) this.#confirm(topic);
    } catch (error) {
      if (error.status === 404) this.#followedGone(topic);
      else if (socket === this.#socket) this.#lost();
    }
  }

  #followedGone(topic) {
    this.unfollow(topic);
    this.#tell("gone", { id: topic.slice(topic.indexOf(":") + 1) });
  }

  #receiveOther(id, event) {
    if (!this.#cursors.has(id)) this.#tell("other", { id, event });
  }

  receiveJob(job) {
    setServerTime(job.as_of);
    this.#tell("job", { job });
  }

  receiveEvent(id, event) {
    const taken = this.#cursors.take(id, event.seq);
    if (taken === "new") this.#tell("event", { id, event });
    else if (taken === "gap") this.#send({ subscribe: `job:${id}`, after: this.#cursors.after(id) });
  }

  gone(id) {
    this.unwatch(id);
    this.#tell("gone", { id });
  }

  /** Read what is followed, as a round of polling does. Throws an ApiError. */
  async readFollowed() {
    for (const [topic, read] of this.#followed) {
      try {
        await read();
      } catch (error) {
        if (error.status !== 404) throw error;
        this.#followedGone(topic);
      }
    }
  }

  // --- the poller tells ---------------------------------------------------------------------------------------
  polled() {
    if (this.mode === "live" || this.#paused) return;
    this.asOf = new Date();
    this.#setMode("polling");
  }

  pollFailed(error) {
    if (this.mode === "live" || this.#paused) return;
    const signedOut = error instanceof ApiError && error.signedOut;
    this.#setMode(signedOut ? "signed-out" : "reconnecting");
  }

  #setMode(mode) {
    this.mode = mode;
    this.#tell("mode", { mode, asOf: this.asOf });
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function socketUrl() {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/live/`;
}
